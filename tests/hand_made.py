"""Files of a sweep over the box weight, as tests write them by hand, with the id ``day``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from locexp.records.sweep_list import SweepList


def write_list(folder: Path, jobs: Sequence[tuple[str, int]]) -> None:
    """Write the list of a sweep's jobs, each a weight and a seed, to the sweep's folder."""
    (folder / "sweep").mkdir(parents=True)
    SweepList(
        overrides=[], multirun=True, config_dir=None, sweep_id="day",
        jobs=[
            {"index": index, "name": "", "role": "", "config_hash": weight, "seed": seed}
            | {"varied": {"loss.bbox_weight": weight, "seed": str(seed)}}
            for index, (weight, seed) in enumerate(jobs)
        ],
    ).write(folder)  # fmt: skip


def write_predictions(place: Path, job: int) -> None:
    """Write twenty predictions, which depend on the job, to a run's folder."""
    (place / "tables").mkdir(exist_ok=True)
    rows = [f"{i % 3},{(i + job) % 3},{(i * 7 + job) % 11 / 11}\n" for i in range(20)]
    (place / "tables" / "predictions.csv").write_text("label,predicted,iou\n" + "".join(rows))
