"""Comparisons of made-up runs with everything that a report shows, for the tests of reports."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from locexp.analysis.comparison import SweepComparison, compare_settings
from locexp.analysis.report import write_report
from locexp.analysis.results import ReadFile, notes_on, sort_runs
from locexp.evaluation.terms import UserTerms
from locexp.plots.samples import write_samples
from locexp.records.record import RunRecord
from tests.analysis.test_methods import run
from tests.evaluation.cases import random_predictions

IMAGES = 6
CLASSES = ("a cat", "a dog", "<b>", "a bird whose name goes on and on")


def scattered(record: RunRecord, accuracy: float, mean_iou: float) -> RunRecord:
    """A run with its own accuracy and mean IoU; seeds differ a little."""
    noise = np.random.default_rng((int(record.tags["seed"]), int(record.tags["sweep_job"]))).normal(0, 2e-3, 2)
    own = {f"{part}/accuracy": accuracy + noise[0] for part in ("test", "kept")}
    own |= {f"{part}/mean_iou": mean_iou + noise[1] for part in ("test", "kept")}
    return replace(record, metrics=record.metrics | own)


def weight_sweep(weights: Sequence[str] = ("0.5", "2", "8", "32"), seeds: int = 3) -> list[RunRecord]:
    """Runs of weights: a greater one has a worse class and a better box."""
    return [
        scattered(run(f"w{weight}", seed, job, 0.6 + job / 50, weight=weight), 0.97 - job / 100, 0.7 + job / 30)
        for seed in range(seeds)
        for job, weight in enumerate(weights)
    ]


def history(record: RunRecord, epochs: int) -> bytes:
    """A run's history.jsonl: its metrics rise to what they are in the end."""
    rows = [
        {"epoch": epoch}
        | {
            f"val/{name}": record.metrics[f"kept/{name}"] * (1 - 0.5**epoch)
            for name in ("accuracy", "mean_iou", "loc_acc_75")
        }
        for epoch in range(1, epochs + 1)
    ]
    return "\n".join(map(json.dumps, rows)).encode()


@functools.cache
def sample_files(job: int, image_set: int, side: int, count: int, channels: int = 1) -> dict[str, bytes]:
    """The samples of a run: images and truth by the image set, predictions by the job."""
    truth, own = random_predictions(image_set, count), random_predictions(100 + job, count)
    predictions = replace(own, truth=truth.truth, labels=truth.labels)
    shape = (count, side // 4, side // 4, channels)[: 3 + (channels > 1)]
    images = np.random.default_rng(image_set).integers(0, 256, shape, dtype=np.uint8).repeat(4, 1).repeat(4, 2)
    with tempfile.TemporaryDirectory() as folder:
        write_samples(Path(folder), images, predictions, UserTerms(CLASSES), np.arange(count))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def files_of(epochs: int = 3, sets: int = 1, side: int = 28, count: int = IMAGES, channels: int = 1) -> ReadFile:
    """Return what reads the files of made-up runs."""

    def read(record: RunRecord, path: str) -> bytes | None:
        job = int(record.tags["sweep_job"])
        if path == "history.jsonl":
            return history(record, epochs)
        folder, _, name = path.partition("/")
        return sample_files(job, job % sets, side, count, channels).get(name) if folder == "pictures" else None

    return read


def compared(
    runs: Sequence[RunRecord], default: str | None = "w0.5", read: ReadFile | None = None, metric: str = "loc_acc_75"
) -> SweepComparison:
    return compare_settings(sort_runs(runs), default_hash=default, metric=metric, read=read or files_of())


def report(folder: Path, runs: Sequence[RunRecord], default: str | None = "w0.5", read: ReadFile | None = None) -> Path:
    """Write the report of made-up runs; returns the page."""
    read = read or files_of()
    found = compared(runs, default, read)
    write_report(folder, found, title="a sweep", notes=notes_on(found.settings, allow_mixed=True), read=read)
    return folder / "report.html"
