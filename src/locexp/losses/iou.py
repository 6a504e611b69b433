"""Intersection over union as a loss, linear or logarithmic (Yu et al. 2016, UnitBox, arXiv 1608.01471)."""

from __future__ import annotations

from typing import Any

from locexp.errors import UserError
from locexp.losses._overlap import EPSILON, overlap


def iou(ground_truth: Any, prediction: Any, *, canvas: tuple[int, int], form: str = "linear") -> Any:
    """Return 1 - IoU, or -ln IoU: (n,). Neither has a gradient where the boxes are disjoint.

    Args:
        ground_truth, prediction: (n, 4), normalised xyxy.
        canvas: (width, height) in pixels.
        form: ``linear`` or ``log``; the logarithm is taken of at least 1e-6.

    Raises:
        UserError: another form.
    """
    from keras import ops

    check_ranges(form)
    found = overlap(ground_truth, prediction, canvas)
    if form == "log":
        return found.inversion - ops.log(ops.maximum(found.iou, EPSILON))
    return found.inversion + 1 - found.iou


def check_ranges(form: str) -> None:
    """Check the parameters; raises :class:`UserError`."""
    if form not in ("linear", "log"):
        raise UserError(f"loss.bbox_loss_params.form={form}: expected linear or log.")
