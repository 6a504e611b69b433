"""How numbers and names are put into words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from locexp.analysis.statistics import Interval

TITLES = {
    "accuracy": "accuracy",
    "mean_iou": "mean IoU",
    "loc_acc_50": "loc_acc_50",
    "loc_acc_75": "loc_acc_75",
    "center_error_px": "centre error, px",
}
MOST_NAMED = 8


def seeds(count: int) -> str:
    """Return ``1 seed``, ``2 seeds``."""
    return f"{count} seed" if count == 1 else f"{count} seeds"


def probability(value: float) -> str:
    """Return a p value with three decimals, or one digit where it is smaller."""
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1g}"


def value(interval: Interval) -> str:
    """Return ``0.9312 ± 0.0021``; the mean alone where there is no interval."""
    return f"{interval.mean:.4f}" + _half_width(interval)


def signed(interval: Interval) -> str:
    """Return a difference with its sign."""
    return f"{interval.mean:+.4f}" + _half_width(interval)


def _half_width(interval: Interval) -> str:
    return f" ± {interval.half_width:.4f}" if math.isfinite(interval.half_width) else ""


def named(labels: Sequence[str]) -> str:
    """Join labels; of many, the first ones."""
    if len(labels) <= MOST_NAMED + 1:
        return ", ".join(labels)
    return f"{', '.join(labels[:MOST_NAMED])} and {len(labels) - MOST_NAMED} others"
