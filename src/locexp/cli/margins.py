"""What ``compare.margin`` and ``compare.keep`` may be, whatever the sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping

from locexp.errors import UserError, listed, nearest
from locexp.evaluation.metrics import METRICS, PIXELS, TASK_OF


def check_margin(metric: str, margin: float | None) -> None:
    """Check ``compare.margin`` as far as it can be without a sweep; raises :class:`UserError`."""
    if margin is not None:
        _check_range(f"compare.margin={margin:g}", metric, margin)


def check_keep(keep: Mapping[str, object]) -> None:
    """Check ``compare.keep`` as far as it can be without a sweep; raises :class:`UserError`."""
    for metric, margin in keep.items():
        given = f"compare.keep={{{metric}: {margin}}}"
        if metric not in TASK_OF:
            both = " It takes both tasks, so neither alone says what it could be." if metric in METRICS else ""
            raise UserError(f"{given}: expected one of {listed(TASK_OF)}.{both or nearest(metric, TASK_OF)}")
        if not isinstance(margin, int | float):
            raise UserError(f"{given}: expected a number, what may be lost of it.")
        _check_range(given, metric, margin)


def _check_range(given: str, metric: str, margin: float) -> None:
    if not margin > 0 or math.isinf(margin):
        what = "a number of pixels > 0" if metric == PIXELS else "a number > 0, at most 1"
        raise UserError(f"{given}: expected {what}: how much of {metric} is worth nothing to you.")
    if metric != PIXELS and margin > 1:
        raise UserError(f"{given}: {metric} ranges from 0 to 1; expected a share of it, such as 0.01.")
