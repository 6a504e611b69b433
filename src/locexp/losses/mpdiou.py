"""Minimum point distance IoU (Ma & Xu 2023, arXiv 2307.07662)."""

from __future__ import annotations

from typing import Any

from locexp.losses._overlap import overlap


def mpdiou(ground_truth: Any, prediction: Any, *, canvas: tuple[int, int]) -> Any:
    """Return 1 - IoU + (d₁² + d₂²) / (W² + H²), d the distances of equal corners, W and H the canvas: (n,).

    Nothing is divided by the size of a box.
    """
    found = overlap(ground_truth, prediction, canvas)
    width, height = canvas
    corners = (found.corners[0] + found.corners[1]) / (width**2 + height**2)
    return found.inversion + 1 - found.iou + corners
