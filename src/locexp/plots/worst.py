"""The worst-cases page: what went wrong, sorted by the four-way split."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from locexp.boxes import to_pixels
from locexp.metrics import Predictions, quadrants
from locexp.plots.boxes import PREDICTION, TRUTH, outline

COLUMNS = 8
"""Examples of a section, in one row."""
SECTIONS = {
    "class_only": ("class right, box wrong (IoU < .5)", "lowest IoU first"),
    "box_only": ("class wrong, box right", "most confident first"),
    "neither": ("both wrong", "most confident first"),
    "both_right": ("both right", "lowest IoU first"),
}
"""The quadrants of the four-way split in the order of the page: what they are, and how their examples are sorted."""
EXAMPLE, HEADING, CAPTION, MARGIN = 1.3, 0.3, 0.17, 0.32
"""Inches: an example's width, the heights of a heading and of a caption, and the page's upper and lower margin."""


def page(images: np.ndarray, predictions: Predictions, chosen: Mapping[str, np.ndarray], title: str) -> Figure:
    """Return a page with a row of examples for each way to be right or wrong, captioned as in a gallery.

    Args:
        images: uint8, (n, height, width).
        predictions: of the same n examples.
        chosen: by quadrant, indices to show, at most :data:`COLUMNS`; see :func:`locexp.breakdown.worst_cases`.
        title: of the page.
    """
    height, width = images.shape[1:]
    # All examples are one image in one axes; units are its pixels, and pixel i covers [i, i + 1).
    gap = max(1, round(0.06 * width))
    step_x = width + gap
    inch = step_x / EXAMPLE
    heading, caption = round(HEADING * inch), round(CAPTION * inch)
    counts = {name: int(members.sum()) for name, members in quadrants(predictions).items()}
    headings, corners, shown = [], [], []
    y = 0
    for name, (what, order) in SECTIONS.items():
        words = f"{what}: {counts[name]:,} of {len(images):,}"
        headings.append((y + heading, f"{words}, {order}" if counts[name] else words))
        y += heading
        if len(chosen[name]):
            y += caption
            corners += [(gap + place * step_x, y) for place in range(len(chosen[name]))]
            shown += chosen[name].tolist()
            y += height + gap
    extent = (0, gap + COLUMNS * step_x, y, 0)
    size = (extent[1] / inch, y / inch + 2 * MARGIN)
    figure = Figure(figsize=size)
    axes = figure.add_axes((0, MARGIN / size[1], 1, 1 - 2 * MARGIN / size[1]))
    axes.set_axis_off()
    mosaic = np.full((y, extent[1]), 255, np.uint8)
    for bottom, words in headings:
        axes.text(gap, bottom - 0.05 * inch, words, ha="left", va="bottom", fontsize=10)
    classes, confidence, iou = predictions.classes, predictions.confidence, predictions.iou
    for (left, top), index in zip(corners, shown, strict=True):
        mosaic[top : top + height, left : left + width] = images[index]
        label, said = predictions.labels[index], classes[index]
        axes.text(
            left + width / 2,
            top - 0.03 * inch,
            f"{label} → {said}  p {confidence[index]:.2f}  IoU {iou[index]:.2f}",
            ha="center",
            va="bottom",
            fontsize=6.8,
            color="black" if said == label else PREDICTION,
        )
    axes.imshow(mosaic, cmap="gray", vmin=0, vmax=255, interpolation="nearest", extent=extent, aspect="auto")
    offsets = np.tile(np.array(corners, float), 2)
    outline(axes, to_pixels(predictions.truth[shown], *predictions.canvas) + offsets, TRUTH, "--")
    outline(axes, to_pixels(predictions.boxes[shown], *predictions.canvas) + offsets, PREDICTION, "-")
    axes.set(xlim=extent[:2], ylim=extent[2:])
    figure.suptitle(title, fontsize=10, y=1 - 0.1 / size[1], va="top")
    handles = [
        Line2D([], [], color=TRUTH, linestyle="--", label="truth"),
        Line2D([], [], color=PREDICTION, label="prediction"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2, fontsize=8, frameon=False)
    return figure
