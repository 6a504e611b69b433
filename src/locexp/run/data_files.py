"""What a run leaves of its data before it trains: a page of scenes, and what was found in the data."""

from __future__ import annotations

import contextlib
from pathlib import Path

from locexp.plots.pictures import Amount
from locexp.records.leaks import write_leaks
from locexp.records.problems import write_problems
from locexp.run.training_data import TrainingData
from locexp.system.files import share, write_whole

SCENES = Path("pictures", "scenes.png")


def write_data_files(directory: Path, data: TrainingData, pictures: Amount, *, of_sweep: bool) -> None:
    """Write pictures/scenes.png and, where there are any, tables/problems.csv, tables/leaks.csv, pictures/leaks.png.

    Args:
        directory: of the run.
        data: that it trains on.
        pictures: ``none`` writes none of these.
        of_sweep: the folders beside it are those of runs which mostly have the same page: its bytes are there once.
    """
    write_problems(directory / "tables", data.dataset.problems)
    if data.dataset.leaks:
        write_leaks(directory / "tables", data.dataset.leaks)
    if pictures == "none":
        return
    (directory / "pictures").mkdir(exist_ok=True)
    same = _same_page(directory, data.page) if of_sweep else None
    if same is None:
        write_whole(directory / SCENES, data.page)
    else:
        share(same, directory / SCENES)
    if data.leaks_page is not None:
        write_whole(directory / "pictures" / "leaks.png", data.leaks_page)


def _same_page(directory: Path, page: bytes) -> Path | None:
    """Return the page of scenes of another run of the sweep that has the same bytes."""
    for other in directory.parent.glob(f"*/{SCENES}"):
        with contextlib.suppress(OSError):
            if other.stat().st_size == len(page) and other.read_bytes() == page:
                return other
    return None
