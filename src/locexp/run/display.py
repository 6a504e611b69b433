"""What the screen shows of a run: before it trains, and when it has finished."""

from __future__ import annotations

from pathlib import Path

from locexp.errors import listed
from locexp.evaluation.metrics import BESIDE, HEADLINES
from locexp.models.saving import MODEL
from locexp.records.record import RECORD, RunRecord
from locexp.tracking.links import base_of
from locexp.tracking.location import Location, ui_command
from locexp.tracking.mlflow_internals import run_link

LEFT = ("pictures/", "tables/", MODEL, RECORD)
"""What is named of what a run leaves; one that draws nothing has no pictures."""
EXPLANATION = "baseline: what one constant box reaches; skill: 0 at the baseline, 1 if perfect"


def introduction(record: RunRecord) -> list[str]:
    """Return the lines that say what is about to be trained."""
    data = record.dataset
    validation = "the test set" if record.tags["validation_is_test"] == "true" else f"{data['validation']:,}"
    return [
        f"locexp   {record.name}",
        f"data     {data['name']} ({data['source']}), {data['canvas']} pixels: {data['train']:,} to train, "
        f"{validation} to validate, {data['test']:,} to test",
    ]


def epoch_line(epoch: int, epochs: int, metrics: dict[str, float]) -> str:
    """Return the line about an epoch, from 1, of so many."""
    return (
        f"epoch {epoch:{len(str(epochs))}}/{epochs}  {metrics['time/epoch_seconds']:4.1f} s  validation: "
        f"accuracy {metrics['val/accuracy']:.3f}  IoU {metrics['val/mean_iou']:.3f}  "
        f"loc_acc_50 {metrics['val/loc_acc_50']:.3f}"
    )


def final_table(record: RunRecord) -> list[str]:
    """Return the lines that sum a finished run up: test metrics, with the baseline of those that have one."""
    metrics = record.metrics
    lines = [f"{'':22}{'test':>8}{'baseline':>9}{'skill':>9}"]
    for name in _shown(record):
        baseline, skill = metrics.get(f"floor/{name}"), metrics.get(f"skill/{name}")
        cells = "".join("" if value is None else f"{value:9.3f}" for value in (baseline, skill))
        lines.append(f"{name:22}{metrics[f'test/{name}']:8.4f}{cells}")
    return [*lines, EXPLANATION]


def _shown(record: RunRecord) -> list[str]:
    """Return the headline metrics, with those :data:`BESIDE` them where classes or photos are unequal."""
    shown = []
    for name in HEADLINES:
        shown.append(name)
        beside = BESIDE.get(name)
        if f"test/{beside}" in record.metrics and (beside != "center_error_share" or record.dataset.get("resize")):
            shown.append(str(beside))
    return shown


def conclusion(record: RunRecord, directory: Path, location: Location) -> list[str]:
    """Return the lines that say where the results of a finished and logged run are."""
    assert record.experiment_id is not None
    assert record.run_id is not None
    command = "" if location.is_server else f"{ui_command(location)}  then open "
    there = [name for name in LEFT if (directory / name).exists()]
    return [
        f"Files    {directory}  ({listed(there)})",
        f"MLflow   {command}{run_link(base_of(location), record.experiment_id, record.run_id)}",
    ]
