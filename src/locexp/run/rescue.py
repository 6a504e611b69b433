"""What is kept of a run that did not finish."""

from __future__ import annotations

from pathlib import Path

from locexp.errors import counted, worded
from locexp.models.saving import MODEL, save
from locexp.records.record import RunRecord
from locexp.run.continuation import ENDED_EARLY
from locexp.run.prepare import Prepared


def rescue(prepared: Prepared, record: RunRecord, directory: Path) -> tuple[object | None, list[str]]:
    """Save the best weights of a run that did not finish, if it has not saved a model by itself.

    Args:
        prepared: what was trained.
        record: of the run; gets the metrics that say which weights these are.
        directory: of the run.

    Returns:
        The model, ``None`` where there is none or it could not be saved; and notes, none before an epoch has ended.
    """
    member, path = prepared.member, directory / MODEL
    if member.best_weights is None or path.exists():
        return None, []
    member.model.set_weights(member.best_weights)
    record.metrics |= {"best/epoch": float(member.best_epoch or 0), "epochs": float(len(member.history))}
    try:
        model = save(member.model, path, prepared.cfg.trainer.saved_input)
        kept = f"{MODEL} holds the weights kept after {counted(len(member.history), 'whole epoch')}"
    except Exception as error:  # what ended the run is what counts
        model, kept = None, f"the weights kept could not be saved ({worded(error)})"
    return model, [f"{ENDED_EARLY}; {kept}."]
