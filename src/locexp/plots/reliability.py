"""Reliability diagrams: how often an event happens against how sure the network was."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from locexp.evaluation.calibration import D_ECE_LEAST, CalibrationError, Cells, wilson_interval

OVER, UNDER, COUNTS = "#d62728", "#1f77b4", "#c9c9c9"
DIAGRAMS = (
    ("accuracy", "ece", 1, "class right", "ECE"),
    ("loc_acc_50", "d_ece_50", D_ECE_LEAST, "class right and IoU ≥ .5", "D-ECE"),
)
"""For each the event, its calibration error and the least count of that, and what both are called."""
STEP = 1.12
"""From the left of a diagram to the left of the next."""
BASE, TALLEST = -0.3, 0.2
"""Where the bars of the counts start, below the diagrams, and the height of the tallest."""


def diagrams(cells: Mapping[str, Cells], errors: Mapping[str, CalibrationError], title: str) -> Figure:
    """Return two reliability diagrams: class right, and class right with IoU >= .5.

    Args:
        cells: by event, over the confidence alone; see :func:`locexp.evaluation.calibration.reliability`.
        errors: see :func:`locexp.evaluation.calibration.calibration_errors`; one that is missing is not written.
        title: of the figure.
    """
    figure = Figure(figsize=(9.4, 5.3))
    # Both are in one axes, with few ticks: axes and ticks are what takes long to draw.
    axes = figure.add_axes((0.075, 0.09, 0.915, 0.765))
    for position, (event, name, least, label, short) in enumerate(DIAGRAMS):
        _draw(axes, cells[event], least, position * STEP)
        error = errors.get(name)
        measured = f"\n{short} {error.value:.3f}   (by chance alone {error.if_calibrated:.3f})" if error else ""
        axes.text(position * STEP + 0.5, 1.06, label + measured, ha="center", va="bottom", fontsize=10)
    for color, label in ((OVER, "too sure"), (UNDER, "not sure enough")):
        axes.plot([], [], "o", color=color, markersize=5, label=label)
    if np.any(cells["loc_acc_50"].count < D_ECE_LEAST):
        label = f"fewer than {D_ECE_LEAST}: not in the D-ECE"
        axes.plot([], [], "o", color="white", markeredgecolor="black", markersize=5, label=label)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(0.005, 0.985))
    axes.text(0, BASE + 0.01, "examples", fontsize=8, color="#606060", va="bottom")
    marks = np.arange(0, 1.01, 0.25)
    axes.set(xlim=(-0.02, STEP + 1.02), ylim=(BASE, 1.03), ylabel="share of the examples, with its 95 % interval")
    axes.set_xticks(np.concatenate([marks, marks + STEP]), [f"{mark:g}" for mark in marks] * 2)
    axes.set_yticks(marks, [f"{mark:g}" for mark in marks])
    axes.set_xlabel("confidence in the class")
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    # A title with a height of its own: without one, all ticks are measured a second time to find it.
    axes.set_title(title, y=1.14, pad=0, fontsize=10)
    return figure


def _draw(axes: Axes, cells: Cells, least: int, left: float) -> None:
    """Draw each bin's share against its mean confidence, the gap to the diagonal, and below the counts."""
    confidence, share = left + cells.confidence, cells.share
    color = np.where(share < cells.confidence, OVER, UNDER)
    axes.plot((left, left + 1), (0, 1), color="black", linewidth=0.8, linestyle=":")
    axes.plot((left, left + 1), (0, 0), color="black", linewidth=0.5)
    for first, second, width, alpha in (
        (cells.confidence, share, 6, 0.3),
        (*wilson_interval(cells.count, share), 1.2, 1),
    ):
        axes.vlines(confidence, first, second, colors=color.tolist(), linewidths=width, alpha=alpha)
    inside = np.where(cells.count >= least, color, "white")
    axes.scatter(confidence, share, s=28, c=inside.tolist(), edgecolors=color.tolist(), linewidths=1.2, zorder=3)
    # Roots: a good network gives nearly all examples the last bin, and the others should still be seen.
    height = TALLEST * np.sqrt(cells.count / cells.count.max())
    low, high, top = left + cells.low[:, 0], left + cells.high[:, 0], BASE + height
    corners = np.array([[low, low, high, high], [np.full_like(top, BASE), top, top, np.full_like(top, BASE)]])
    axes.add_collection(PolyCollection(list(corners.transpose(2, 1, 0)), facecolors=COUNTS, edgecolors="white"))
    for x, y, count in zip((low + high) / 2, top, cells.count, strict=True):
        axes.text(x, y + 0.008, str(count), ha="center", va="bottom", fontsize=6.5, color="#606060")
