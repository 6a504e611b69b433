"""A sweep's folder made by hand, with all that can happen to a run in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locexp.records.record import RunRecord
from locexp.system.process import process_tags
from locexp.tracking.location import Location
from tests.hand_made import write_list, write_predictions

WEIGHTS = ("0.5", "4", "32")
SEEDS = range(3)
GONE = {"host": process_tags()["host"], "pid": "999999999", "process_start": "1"}


def child(
    folder: Path,
    job: int,
    weight: str,
    seed: int,
    status: str = "FINISHED",
    name: str = "",
    tags: dict[str, str] | None = None,
) -> None:
    """Leave a run's folder; every metric is another number that is no round one."""
    place = folder / (name or str(job))
    place.mkdir()
    start = 1764321766.0 + job / 3 + len(name)
    metrics = {
        f"{part}/{metric}": (7 + job * (index + 3) + len(name)) / 97
        for index, part in enumerate(("test", "kept"))
        for metric in ("accuracy", "mean_iou", "loc_acc_50", "loc_acc_75", "center_error_px")
    }
    RunRecord(
        name=f"bbox_weight={weight} seed={seed}",
        status=status,
        parameters={"loss.classification_weight": "1", "loss.bbox_weight": weight, "trainer.epochs": "3"},
        tags={
            "kind": "run", "sweep_id": "day", "config_hash": weight, "seed": str(seed), "sweep_job": str(job),
            "varied.loss.bbox_weight": weight, "varied.seed": str(seed), "directory": str(place), "scenes_digest": "s",
        } | (tags or {}),
        metrics=metrics | {"floor/mean_iou": 0.61, "val/loss": float("nan"), "time/x": float("inf"), "epochs": 3}
        if status == "FINISHED"
        else {},
        start_time=start,
        end_time=None if status == "RUNNING" else start + 7.7777,
    ).write(place)  # fmt: skip
    if status == "FINISHED":
        (place / "history.jsonl").write_text(
            "".join(
                json.dumps(
                    {"epoch": epoch, "timestamp": start + epoch, "time/epoch_seconds": 1.0}
                    | {f"val/{metric}": (job + epoch) / 31 for metric in ("accuracy", "mean_iou", "loc_acc_75")}
                )
                + "\n"
                for epoch in (1, 2, 3)
            )
        )
        write_predictions(place, job)


@pytest.fixture
def sweep(workplace: Path) -> Path:
    """The folder of a sweep with a second attempt, a failed job, one whose process is gone, and one never started."""
    folder = workplace / "multirun" / "the day"
    jobs = [(weight, seed) for weight in WEIGHTS for seed in SEEDS] + [("64", 0)]
    write_list(folder, jobs)
    for job, (weight, seed) in enumerate(jobs[:-1]):
        status = {1: "FAILED", 3: "FAILED", 5: "RUNNING"}.get(job, "FINISHED")
        child(folder, job, weight, seed, status, tags=GONE if status == "RUNNING" else {})
    child(folder, 3, *jobs[3], name="3-2")  # failed beside finished
    child(folder, 4, *jobs[4], name="4-2")  # finished twice: the earlier counts
    RunRecord(
        name="sweep bbox_weight, seed",
        status="RUNNING",
        tags={"kind": "sweep", "sweep_id": "day", "default_hash": "0.5", "directory": str(folder)} | GONE,
        start_time=1764321700.123,
    ).write(folder)
    return folder


def log(folder: Path, location: Location) -> None:
    """Log a sweep's folder as it is: what is RUNNING there is RUNNING in the store."""
    from locexp.tracking.session import Session
    from locexp.tracking.tracker import log_directory

    for place in [folder, *(path.parent for path in folder.glob("*/run.json"))]:
        record = RunRecord.read(place)
        if record.status == "RUNNING":
            session = Session(location)
            session.start(record)
            if record.is_sweep:
                session.log_file(place, Path("sweep", "sweep.json"))
        else:
            log_directory(location, place, record, None)
