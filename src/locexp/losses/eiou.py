"""Efficient IoU (Zhang et al. 2022, arXiv 2101.08158)."""

from __future__ import annotations

from typing import Any

from locexp.losses._overlap import EPSILON, overlap


def eiou(ground_truth: Any, prediction: Any, *, canvas: tuple[int, int]) -> Any:
    """Return DIoU + (Δw/c_w)² + (Δh/c_h)², c_w and c_h the sides of the enclosing box: (n,)."""
    from keras import ops

    found = overlap(ground_truth, prediction, canvas)
    loss = found.inversion + 1 - found.iou + found.distance
    for side, true_side, enclosing in zip(found.sides, found.true_sides, found.enclosing, strict=True):
        loss = loss + ops.square(side - true_side) / ops.maximum(ops.square(enclosing), EPSILON)
    return loss
