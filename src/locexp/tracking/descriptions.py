"""What runs are described with in MLflow, in Markdown."""

from __future__ import annotations

import re

from locexp.errors import counted, first_line
from locexp.records.record import NOT_PURSUED, RunRecord

NAMES = {
    "accuracy": "accuracy",
    "mean_iou": "mean IoU",
    "loc_acc_75": "class right and IoU ≥ .75",
}
ENTITIES = {"&": "amp", "<": "lt", ">": "gt", "@": "#64"}


def escaped(text: str) -> str:
    """Return a text as Markdown shows it as it is within a line, in a table too.

    MLflow's Markdown is Showdown's, as GitHub has it: emoji (``:name:``) and people (``@name``), too.
    """
    line = " ".join(text.split()).translate({ord(char): f"&{name};" for char, name in ENTITIES.items()})
    return re.sub(r"([\\`*_\[\]~|])", r"\\\1", re.sub(r":(?=[\w+-]+:)", "&#58;", line))


def describe_run(record: RunRecord) -> str:
    """Return what a run that has ended is described with: a line."""
    if record.paused_after is not None:
        why = f"not pursued: {record.tags[NOT_PURSUED]}" if NOT_PURSUED in record.tags else "to be continued"
        return escaped(f"Paused after {counted(record.paused_after, 'epoch')}, {why}")
    if record.status != "FINISHED":
        return f"{record.status}: {escaped(first_line(record.error or 'no reason known', 200))}"
    found = {title: record.metrics.get(f"test/{name}") for name, title in NAMES.items()}
    values = [f"{title} {value:.4f}" for title, value in found.items() if value is not None]
    kept, epochs = record.metrics.get("kept/epoch"), record.metrics.get("epochs")
    weights = "" if kept is None or epochs is None else f", with the weights of epoch {kept:.0f} of {epochs:.0f}"
    return f"Test: {', '.join(values) or 'no metrics'}{weights}"
