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
MAX_LABELS = 8


def probability(p: float) -> str:
    """Return a p value with three decimals, or one digit where it is smaller."""
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1g}"


def mean(interval: Interval) -> str:
    """Return ``0.9312 ± 0.0021``; the mean alone where there is no interval."""
    return f"{interval.mean:.4f}" + _half_width(interval)


def signed_mean(interval: Interval) -> str:
    """Return a difference with its sign: ``+0.0112 ± 0.0021``."""
    return f"{interval.mean:+.4f}" + _half_width(interval)


def _half_width(interval: Interval) -> str:
    return f" ± {interval.half_width:.4f}" if math.isfinite(interval.half_width) else ""


def shortened(labels: Sequence[str]) -> str:
    """Join labels; of many, the first ones: ``a, b, c and 9 others``."""
    if len(labels) <= MAX_LABELS + 1:
        return ", ".join(labels)
    return f"{', '.join(labels[:MAX_LABELS])} and {len(labels) - MAX_LABELS} others"
