"""Complete IoU (Zheng et al. 2020, arXiv 1911.08287)."""

from __future__ import annotations

import math
from typing import Any

from locexp.losses._overlap import EPSILON, overlap

LEAST_SIDE = 0.1
"""Pixels."""


def ciou(ground_truth: Any, prediction: Any, *, canvas: tuple[int, int]) -> Any:
    """Return DIoU + αv, v = 4/π² (atan(wᵗ/hᵗ) - atan(w/h))², α = v / (1 - IoU + v) without a gradient: (n,).

    Sides below a tenth of a pixel count as that in v, whose gradient grows with 1/(w² + h²).
    """
    from keras import ops

    found = overlap(ground_truth, prediction, canvas)
    width, height = (ops.maximum(side, LEAST_SIDE) for side in found.sides)
    true_width, true_height = (ops.maximum(side, LEAST_SIDE) for side in found.true_sides)
    difference = ops.arctan(true_width / true_height) - ops.arctan(width / height)
    v = 4 / math.pi**2 * ops.square(difference)
    alpha = ops.stop_gradient(v / ops.maximum(1 - found.iou + v, EPSILON))
    return found.inversion + 1 - found.iou + found.distance + alpha * v
