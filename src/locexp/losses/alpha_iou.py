"""Alpha-IoU of DIoU (He et al. 2021, arXiv 2110.13675)."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from locexp.bounds import checked
from locexp.losses._overlap import overlap


@checked("loss.bbox_loss_params")
def alpha_iou(
    ground_truth: Any, prediction: Any, *, canvas: tuple[int, int], alpha: Annotated[float, Ge(1)] = 3.0
) -> Any:
    """Return 1 - IoU^α + (ρ²/c²)^α: (n,). The larger α, the more nearly right boxes count.

    Args:
        alpha: >= 1; 1 is DIoU.

    Raises:
        UserError: ``alpha`` is below 1.
    """
    from keras import ops

    found = overlap(ground_truth, prediction, canvas)
    return found.inversion + 1 - ops.power(found.iou, alpha) + ops.power(found.distance, alpha)
