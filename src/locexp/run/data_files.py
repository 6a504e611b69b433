"""What a run leaves of its data before it trains: a page of scenes, and what was found in the data."""

from __future__ import annotations

from pathlib import Path

from locexp.records.leaks import write_leaks
from locexp.records.problems import write_problems
from locexp.run.training_data import TrainingData
from locexp.system.files import write_whole


def write_data_files(directory: Path, data: TrainingData) -> None:
    """Write pictures/scenes.png and, where there are any, tables/problems.csv, tables/leaks.csv, pictures/leaks.png."""
    (directory / "pictures").mkdir(exist_ok=True)
    write_whole(directory / "pictures" / "scenes.png", data.page)
    write_problems(directory / "tables", data.dataset.problems)
    if data.leaks_page is not None:
        write_leaks(directory / "tables", data.dataset.leaks or ())
        write_whole(directory / "pictures" / "leaks.png", data.leaks_page)
