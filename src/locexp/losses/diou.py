"""Distance IoU (Zheng et al. 2020, arXiv 1911.08287)."""

from __future__ import annotations

from typing import Any

from locexp.losses._overlap import overlap


def diou(ground_truth: Any, prediction: Any, *, canvas: tuple[int, int]) -> Any:
    """Return 1 - IoU + ρ²/c², ρ the distance of the centres, c the diagonal of the enclosing box: (n,)."""
    found = overlap(ground_truth, prediction, canvas)
    return found.inversion + 1 - found.iou + found.distance
