"""What MLflow takes of a run: longer texts are cut as it cuts them, and the run says so; its own files have them whole.

A limit must never cost a run that was trained, so nothing is left to MLflow, which may refuse the whole batch.
"""

from __future__ import annotations

from collections.abc import Mapping

from locexp.errors import counted, listed
from locexp.records.record import RECORD, RunRecord

PARAMETER, TAG, NAME, DATASET = 6000, 8000, 250, 500
"""The most characters of a parameter, of a tag, and of the names of a run and of a data set."""


def cut(values: Mapping[str, str], most: int) -> dict[str, str]:
    """Return texts with at most this many characters each."""
    return {name: value[:most] for name, value in values.items()}


def notes_on_limits(record: RunRecord) -> list[str]:
    """Return, in words, what of a run the tracking store cannot keep whole."""
    cut_short = ["the run's name"] if len(record.name) > NAME else []
    cut_short += [name for name, value in record.parameters.items() if len(value) > PARAMETER]
    cut_short += [name for name, value in record.tags.items() if len(value) > TAG]
    if not cut_short:
        return []
    what = counted(len(cut_short), "value")
    return [f"MLflow keeps the beginning alone of {what} ({listed(cut_short)}); {RECORD} has the whole."]
