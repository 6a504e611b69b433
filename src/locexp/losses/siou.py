"""SCYLLA IoU (Gevorgyan 2022, arXiv 2205.12740)."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from locexp.bounds import checked
from locexp.losses._overlap import EPSILON, overlap


@checked("loss.bbox_loss_params")
def siou(ground_truth: Any, prediction: Any, *, canvas: tuple[int, int], theta: Annotated[float, Ge(1)] = 4.0) -> Any:
    """Return 1 - IoU + (Δ + Ω)/2: distance, weighted by the angle between the centres, and shape: (n,).

    Δ = Σ 1 - exp(-(2 - Λ) (s/c)²) over both axes, s the centres' offset and c the enclosing side, Λ = sin 2α with α the
    angle of the line between the centres; Ω = Σ (1 - exp(-|Δw| / max(w, wᵗ)))^θ over both sides.

    Args:
        theta: how sharply shape counts, >= 1; the paper's range is 2 to 6.

    Raises:
        UserError: ``theta`` is below 1.
    """
    from keras import ops

    found = overlap(ground_truth, prediction, canvas)
    x, y = found.offset
    angle = 2 * ops.abs(x * y) / ops.maximum(x * x + y * y, EPSILON)
    distance, shape = 0.0, 0.0
    for offset, enclosing in zip(found.offset, found.enclosing, strict=True):
        share = ops.square(offset) / ops.maximum(ops.square(enclosing), EPSILON)
        distance = distance + 1 - ops.exp((angle - 2) * share)
    for side, true_side in zip(found.sides, found.true_sides, strict=True):
        omega = ops.abs(side - true_side) / ops.maximum(ops.maximum(side, true_side), EPSILON)
        shape = shape + ops.power(1 - ops.exp(-omega), theta)
    return found.inversion + 1 - found.iou + (distance + shape) / 2
