"""A race made by hand: six weights begin, three are dropped after an epoch, the best is confirmed on fresh seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from locexp.analysis.comparison import SweepComparison, compare_settings
from locexp.analysis.results import sort_runs
from locexp.evaluation.metrics import METRICS
from locexp.records.record import RunRecord
from locexp.records.sweep_list import CONFIRMATION, SweepList

EPOCHS = 5
SCORES = {"0.1": 0.30, "0.5": 0.50, "1": 0.55, "10": 0.80, "100": 0.90, "1000": 0.85}
"""The metric of each weight in the end, less what a seed takes."""
DROPPED = ("0.1", "0.5", "1")
RACED, FRESH = range(2), range(2, 8)
CHOSEN, CONFIGURED, RUNNER_UP = "100", "0.5", "1000"
REASON = "after 1 of 5 epochs: loc_acc_75 {:.3f} on validation, of 6 the best 3 were pursued"


@dataclass
class HandMade:
    """A race: its runs, what their files hold, and the jobs of its list."""

    runs: list[RunRecord] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    histories: dict[int, bytes] = field(default_factory=dict)

    def add(
        self, weight: str, seed: int, role: str = "", *, status: str = "FINISHED", stage: int = 0, **tags: str
    ) -> None:
        """Add a job and its run; ``status`` empty for a job that has not begun."""
        index = len(self.jobs)
        varied = {"loss.bbox_weight": weight, "seed": str(seed)}
        name = f"bbox_weight={weight} seed={seed}"
        self.jobs.append(
            {"index": index, "name": name, "config_hash": weight, "seed": seed, "varied": varied, "role": role}
            | {"stage": stage}
        )
        if not status:
            return
        epochs = int(tags.get("paused", EPOCHS))
        self.histories[index] = "\n".join(
            json.dumps(
                {"epoch": epoch, "time/epoch_seconds": 1.0}
                | {f"val/{metric}": value(weight, seed, epoch) for metric in METRICS}
            )
            for epoch in range(1, epochs + 1)
        ).encode()
        final = value(weight, seed, EPOCHS)
        metrics = {f"{part}/{metric}": final for part in ("test", "kept") for metric in METRICS}
        self.runs.append(
            RunRecord(
                name=name,
                status=status,
                parameters={
                    "loss.classification_weight": "1",
                    "loss.bbox_weight": weight,
                    "loss.weighting._target_": "locexp.losses.weighting.fixed.Fixed",
                    "trainer.epochs": str(EPOCHS),
                    "trainer.monitor": "val/loc_acc_50",
                },
                tags={
                    "kind": "run", "sweep_id": "day", "config_hash": weight, "seed": str(seed), "role": role,
                    "sweep_job": str(index), "varied.loss.bbox_weight": weight, "varied.seed": str(seed),
                    "scenes_digest": "s",
                } | tags,
                metrics=metrics | {"floor/mean_iou": 0.2, "epochs": 5.0} if status == "FINISHED" else {},
                start_time=1764321766.0 + index,
                end_time=1764321767.0 + index,
            )
        )  # fmt: skip

    def read(self, run: RunRecord, path: str) -> bytes | None:
        return self.histories.get(int(run.tags["sweep_job"])) if path == "history.jsonl" else None

    def compared(self, *, default: str | None = CONFIGURED, metric: str = "loc_acc_75") -> SweepComparison:
        settings = sort_runs(self.runs, self.jobs)
        return compare_settings(settings, default_hash=default, metric=metric, read=self.read)

    def write(self, folder: Path) -> Path:
        """Write the folder of the sweep."""
        for run in self.runs:
            place = folder / run.tags["sweep_job"]
            place.mkdir(parents=True)
            replace(run, tags=run.tags | {"directory": str(place)}).write(place)
            (place / "history.jsonl").write_bytes(self.histories[int(run.tags["sweep_job"])] + b"\n")
        tags = {"kind": "sweep", "sweep_id": "day", "default_hash": CONFIGURED, "directory": str(folder)}
        RunRecord(name="sweep bbox_weight", status="FINISHED", tags=tags, start_time=1764321700.0).write(folder)
        (folder / "sweep").mkdir()
        SweepList(overrides=["sweep=race"], multirun=False, config_dir=None, sweep_id="day", jobs=self.jobs).write(
            folder
        )
        return folder


def value(weight: str, seed: int, epoch: int) -> float:
    """The metric of a run in an epoch: it rises; seeds differ by thousandths, the more the longer the weight's name."""
    return SCORES.get(weight, 0.0) * (1 - 0.5**epoch) + (seed % 4) * (1 + len(weight)) / 1000


def reason(weight: str) -> str:
    return REASON.format(value(weight, 0, 1))


def raced(*, dropped: Sequence[str] = DROPPED) -> HandMade:
    """The race itself: what is dropped after an epoch, and what has finished."""
    made = HandMade()
    for seed in RACED:
        for weight in SCORES:
            if weight in dropped:
                made.add(weight, seed, status="KILLED", paused="1", not_pursued=reason(weight))
            else:
                made.add(weight, seed)
    return made


def confirmed(
    order: Sequence[str] = (CHOSEN, CONFIGURED, RUNNER_UP),
    seeds: Sequence[int] = FRESH,
    ends: Mapping[tuple[str, int], str] | None = None,
    beside: Sequence[str] = (),
) -> HandMade:
    """A race with its confirmation.

    Args:
        order: of the weights in the confirmation; a stage has the first two, the next one the others.
        seeds: fresh ones.
        ends: of confirmation runs that have not finished, by weight and seed: the status, empty for not begun.
        beside: weights that are run beside the first two, outside the order.
    """
    made = raced()
    for stage, weights in ((2, [*order[:2], *beside]), (3, order[2:])):
        for seed in seeds:
            for weight in weights:
                status = (ends or {}).get((weight, seed), "FINISHED")
                made.add(weight, seed, CONFIRMATION, status=status, stage=stage)
    return made
