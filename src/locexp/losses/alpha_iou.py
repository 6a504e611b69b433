"""Alpha-IoU of DIoU (He et al. 2021, arXiv 2110.13675)."""

from __future__ import annotations

from typing import Any

from locexp.errors import UserError
from locexp.losses._overlap import overlap


def alpha_iou(ground_truth: Any, prediction: Any, *, canvas: tuple[int, int], alpha: float = 3.0) -> Any:
    """Return 1 - IoU^α + (ρ²/c²)^α: (n,). The larger α, the more do boxes count that are nearly right.

    Args:
        ground_truth, prediction: (n, 4), normalised xyxy.
        canvas: (width, height) in pixels.
        alpha: >= 1; 1 is DIoU.

    Raises:
        UserError: ``alpha`` is below 1.
    """
    from keras import ops

    check_ranges(alpha)
    found = overlap(ground_truth, prediction, canvas)
    return found.inversion + 1 - ops.power(found.iou, alpha) + ops.power(found.distance, alpha)


def check_ranges(alpha: float) -> None:
    """Check the parameters; raises :class:`UserError`."""
    if not alpha >= 1:
        raise UserError(f"loss.bbox_loss_params.alpha={alpha}: expected a number >= 1.")
