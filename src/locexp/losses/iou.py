"""Intersection over union as a loss, linear or logarithmic (Yu et al. 2016, UnitBox, arXiv 1608.01471)."""

from __future__ import annotations

from typing import Any, Literal

from locexp.bounds import checked
from locexp.losses._overlap import EPSILON, overlap


@checked("loss.bbox_loss_params")
def iou(
    ground_truth: Any, prediction: Any, *, canvas: tuple[int, int], form: Literal["linear", "log"] = "linear"
) -> Any:
    """Return 1 - IoU, or -ln IoU: (n,). Neither has a gradient where the boxes are disjoint.

    Args:
        form: ``linear`` or ``log``; the logarithm is taken of at least 1e-6.

    Raises:
        UserError: another form.
    """
    from keras import ops

    found = overlap(ground_truth, prediction, canvas)
    if form == "log":
        return found.inversion - ops.log(ops.maximum(found.iou, EPSILON))
    return found.inversion + 1 - found.iou
