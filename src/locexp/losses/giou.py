"""Generalized IoU (Rezatofighi et al. 2019, arXiv 1902.09630)."""

from __future__ import annotations

from typing import Any

from locexp.losses._overlap import EPSILON, overlap


def giou(ground_truth: Any, prediction: Any, *, canvas: tuple[int, int]) -> Any:
    """Return 1 - IoU + (C - U)/C, with C the area of the smallest enclosing box: (n,)."""
    from keras import ops

    found = overlap(ground_truth, prediction, canvas)
    enclosing = found.enclosing[0] * found.enclosing[1]
    return found.inversion + 1 - found.iou + (enclosing - found.union) / ops.maximum(enclosing, EPSILON)
