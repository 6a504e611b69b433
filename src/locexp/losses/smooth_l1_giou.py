"""Smooth L1 and GIoU together: DETR's pair (Carion et al. 2020, arXiv 2005.12872)."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from locexp.bounds import checked
from locexp.losses.giou import giou
from locexp.losses.smooth_l1 import DeltaPx, smooth_l1


@checked("loss.bbox_loss_params")
def smooth_l1_giou(
    ground_truth: Any,
    prediction: Any,
    *,
    canvas: tuple[int, int],
    giou_weight: Annotated[float, Ge(0)] = 0.4,
    delta_px: DeltaPx = 1.0,
) -> Any:
    """Return smooth_l1 + λ·giou: (n,).

    Args:
        giou_weight: λ, >= 0; 2/5 is DETR's ratio of the two.
        delta_px: see :func:`locexp.losses.smooth_l1.smooth_l1`.

    Raises:
        UserError: a parameter is out of range.
    """
    smooth = smooth_l1(ground_truth, prediction, canvas=canvas, delta_px=delta_px)
    return smooth + giou_weight * giou(ground_truth, prediction, canvas=canvas)
