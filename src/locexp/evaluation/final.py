"""The final metrics of a run: what it is compared by."""

from __future__ import annotations

import numpy as np

from locexp.evaluation import calibration, metrics
from locexp.evaluation.metrics import HEADLINES, Predictions
from locexp.evaluation.terms import UserTerms


def final_metrics(
    predictions: Predictions,
    terms: UserTerms,
    baselines: dict[str, float],
    history: list[dict[str, float]],
    best: int,
    kept: int,
) -> dict[str, float]:
    """Return the metrics that sum a run up.

    Args:
        predictions: of the kept weights, for the test part.
        terms: of these.
        baselines: of the test part, see :func:`locexp.evaluation.metrics.baselines`.
        history: one row per epoch.
        best: the epoch with the best monitored validation metric, from 1.
        kept: the epoch whose weights are kept, from 1.

    Returns:
        ``test/…``, with ``test/macro_accuracy`` where the classes are unequal, ``best/…`` and ``kept/…`` (validation
        at these epochs), ``best/epoch`` and ``kept/epoch``,
        ``floor/…``, ``skill/mean_iou`` (absent where the baseline is 1), ``epochs``, ``time/training_seconds``, and
        ``mean_weights/classification`` and ``mean_weights/bbox``: the effective weights over the whole run.
    """
    measured = metrics.summarise(predictions) | metrics.four_way(predictions) | calibration.summarise(predictions)
    measured["center_error_share"] = float(np.mean(terms.center_errors(predictions)[1]))
    if metrics.are_unequal(predictions.labels):
        measured["macro_accuracy"] = metrics.macro_accuracy(predictions)
    values = {f"test/{name}": value for name, value in measured.items()}
    for part, epoch in (("best", best), ("kept", kept)):
        values |= {f"{part}/{name}": history[epoch - 1][f"val/{name}"] for name in HEADLINES}
    values |= {f"floor/{name}": value for name, value in baselines.items()}
    skill = metrics.skill(values["test/mean_iou"], baselines["mean_iou"])
    if skill is not None:
        values["skill/mean_iou"] = skill
    values |= {"best/epoch": float(best), "kept/epoch": float(kept), "epochs": float(len(history))}
    values |= metrics.mean_weights(history)
    values["time/training_seconds"] = sum(row["time/epoch_seconds"] for row in history)
    return values
