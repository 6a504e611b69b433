"""Smooth L1 and GIoU together: DETR's pair (Carion et al. 2020, arXiv 2005.12872)."""

from __future__ import annotations

from typing import Any

from locexp.errors import UserError
from locexp.losses.giou import giou
from locexp.losses.smooth_l1 import check_ranges as smooth_l1_ranges
from locexp.losses.smooth_l1 import smooth_l1


def smooth_l1_giou(
    ground_truth: Any, prediction: Any, *, canvas: tuple[int, int], giou_weight: float = 0.4, delta_px: float = 1.0
) -> Any:
    """Return smooth_l1 + λ·giou: (n,).

    Args:
        ground_truth, prediction: (n, 4), normalised xyxy.
        canvas: (width, height) in pixels.
        giou_weight: λ, >= 0; 2/5 is DETR's ratio of the two.
        delta_px: see :func:`locexp.losses.smooth_l1.smooth_l1`.

    Raises:
        UserError: a parameter is out of range.
    """
    check_ranges(giou_weight, delta_px)
    smooth = smooth_l1(ground_truth, prediction, canvas=canvas, delta_px=delta_px)
    return smooth + giou_weight * giou(ground_truth, prediction, canvas=canvas)


def check_ranges(giou_weight: float, delta_px: float) -> None:
    """Check the parameters; raises :class:`UserError`."""
    if not 0 <= giou_weight < float("inf"):
        raise UserError(f"loss.bbox_loss_params.giou_weight={giou_weight}: expected a finite number >= 0.")
    smooth_l1_ranges(delta_px=delta_px)
