"""What MLflow takes of a run: longer texts are cut as it cuts them, and the run says so; its own files have them whole.

A limit must never cost a run that was trained, so nothing is left to MLflow, which may refuse the whole batch.
"""

from __future__ import annotations

from collections.abc import Mapping

from locexp.errors import UserError, counted, listed
from locexp.records.record import RECORD, RunRecord

PARAMETER, TAG, NAME, DATASET = 6000, 8000, 250, 500
"""The most characters of a parameter, of a tag, and of the names of a run and of a data set."""
REGISTERED, DESCRIPTION = 250, 5000
"""The most characters of the name of a registered model, and of what a version is described with."""
NOT_IN_NAMES = "/:@?#%"
"""MLflow refuses the first two in the name of a registered model; with the others ``models:/NAME@ALIAS`` fails."""


def cut(values: Mapping[str, str], most: int) -> dict[str, str]:
    """Return texts with at most this many characters each."""
    return {name: value[:most] for name, value in values.items()}


def check_registered_name(name: str, key: str) -> None:
    """Check the name of a registered model; raises :class:`UserError`.

    Args:
        name: to check.
        key: by which it was given.
    """
    if name == name.strip() and name.strip(".") and len(name) <= REGISTERED and not set(name) & set(NOT_IN_NAMES):
        return
    parts = name.translate(dict.fromkeys(map(ord, NOT_IN_NAMES), "-")).strip()[:REGISTERED]
    hint = f" Did you mean {parts!r}?" if parts.strip(".-") and parts != name else ""
    raise UserError(
        f"{key}={name}: expected a name for MLflow's registry: 1 to {REGISTERED} characters, not dots alone, without "
        f"{' '.join(NOT_IN_NAMES)} and without space at its ends.{hint}"
    )


def notes_on_limits(record: RunRecord) -> list[str]:
    """Return, in words, what of a run the tracking store cannot keep whole."""
    cut_short = ["the run's name"] if len(record.name) > NAME else []
    cut_short += [name for name, value in record.parameters.items() if len(value) > PARAMETER]
    cut_short += [name for name, value in record.tags.items() if len(value) > TAG]
    if not cut_short:
        return []
    what = counted(len(cut_short), "value")
    return [f"MLflow keeps the beginning alone of {what} ({listed(cut_short)}); {RECORD} has the whole."]
