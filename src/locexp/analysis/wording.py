"""How numbers and names are put into words."""

from __future__ import annotations

from collections.abc import Sequence

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


def shortened(labels: Sequence[str]) -> str:
    """Join labels; of many, the first ones: ``a, b, c and 9 others``."""
    if len(labels) <= MAX_LABELS + 1:
        return ", ".join(labels)
    return f"{', '.join(labels[:MAX_LABELS])} and {len(labels) - MAX_LABELS} others"
