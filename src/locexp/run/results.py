"""What a run leaves: a record of plain values, and the files of its directory."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from locexp.boxes import to_pixels
from locexp.metrics import Predictions

RECORD = "run.json"
HISTORY = "history.jsonl"


@dataclass
class RunRecord:
    """Everything about a run but its arrays; ``run.json`` in its directory.

    Attributes:
        status: RUNNING, FINISHED, FAILED or KILLED, as MLflow spells them.
        parameters: the flattened configuration, as text.
        tags: sweep, setting, seed, provenance.
        metrics: the final ones, with prefixes ``test/``, ``val/``, ``best/``, ``floor/``, ``skill/``, ``time/``.
        dataset: name, source, sizes and digests.
        notes: what the user was warned of.
        tracking_uri, artifact_root, experiment, run_id: where it is tracked; ``run_id`` is null until it is.
        logged: everything has reached the tracking store.
    """

    name: str
    status: str = "RUNNING"
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    error: str | None = None
    start_time: float = 0.0
    end_time: float | None = None
    tracking_uri: str | None = None
    artifact_root: str | None = None
    experiment: str = "locexp"
    run_id: str | None = None
    logged: bool = False

    def write(self, directory: Path) -> None:
        """Write ``run.json``, all at once: a reader never sees half of it."""
        partial = directory / f"{RECORD}.partial"
        partial.write_text(json.dumps(asdict(self), indent=2, default=str) + "\n")
        partial.replace(directory / RECORD)

    @classmethod
    def read(cls, directory: Path) -> RunRecord:
        """Read ``run.json``; raises ``FileNotFoundError``, ``ValueError`` or ``TypeError`` where it is not one."""
        return cls(**json.loads((directory / RECORD).read_text()))


def append_history(directory: Path, epoch: int, metrics: dict[str, float]) -> None:
    """Append one epoch's metrics to ``history.jsonl``."""
    with (directory / HISTORY).open("a") as file:
        file.write(json.dumps({"epoch": epoch, **metrics}) + "\n")


def read_history(directory: Path) -> list[dict[str, float]]:
    """Return the rows of ``history.jsonl``, one an epoch; empty where there is none."""
    path = directory / HISTORY
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write one CSV row an example: index, label, predicted, confidence, IoU, centre error, boxes in pixels."""
    truth = to_pixels(predictions.truth, *predictions.canvas)
    boxes = to_pixels(predictions.boxes, *predictions.canvas)
    sides = ("x1", "y1", "x2", "y2")
    header = ["index", "label", "predicted", "confidence", "iou", "center_error_px"]
    header += [f"true_{side}" for side in sides] + [f"predicted_{side}" for side in sides]
    columns = (predictions.confidence, predictions.iou, predictions.center_error_px)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for index, label in enumerate(predictions.labels):
            numbers = [*(column[index] for column in columns), *truth[index], *boxes[index]]
            writer.writerow([index, label, predictions.classes[index], *(f"{value:.6g}" for value in numbers)])


def write_table(path: Path, rows: list[dict[str, float]]) -> None:
    """Write rows of equal keys as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({name: value if isinstance(value, int) else f"{value:.6g}" for name, value in row.items()})


def finite(metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics that are finite numbers."""
    return {name: float(value) for name, value in metrics.items() if np.isfinite(value)}
