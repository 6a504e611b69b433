"""A page of example scenes with their boxes, as they are before a network sees them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from locexp.bbox.geometry import to_pixels
from locexp.bbox.scenes import Scenes
from locexp.errors import abbreviated
from locexp.evaluation.terms import UserTerms
from locexp.plots.boxes import TRUTH, outline
from locexp.plots.files import DPI, without_math
from locexp.plots.mosaic import resized

CLEAN = "#1f9bff"
DASHES = (0, (3, 2))
ENLARGED = 8
"""Pixels of the picture for one of a scene, where that leaves scenes of at most :data:`MOST_INCHES`."""
LEAST_INCHES, MOST_INCHES = 1.9, 4.3
LETTER_INCHES, LEAST_LETTERS = 0.065, 6
"""About how wide a letter of a caption is, and how many of a class name are shown at least."""


def page(
    scenes: Scenes, labels: np.ndarray, terms: UserTerms, chosen: np.ndarray, title: str, columns: int = 4
) -> Figure:
    """Return a page of scenes with the box that is to be learnt, large enough to count pixels.

    Args:
        scenes: n of them; clean boxes, where there are any, are dashed, and a clipped or covered digit is marked.
        labels: int (n,).
        terms: of the scenes, with class names that can be drawn.
        chosen: indices to show, at least one.
        title: of the page.
        columns: at most this many in a row.
    """
    columns = min(columns, len(chosen))
    rows = -(-len(chosen) // columns)
    height, width = scenes.images.shape[1:3]
    sizes = terms.pixels(scenes.boxes, (width, height))[chosen]
    fit = min(1, MOST_INCHES * DPI / max(width, height))
    width, height = max(1, round(width * fit)), max(1, round(height * fit))  # from here on, as they are shown
    # All scenes are one image in one axes, as in a gallery; units are its pixels, and pixel i covers [i, i + 1).
    inch = width / min(max(LEAST_INCHES, ENLARGED * width / DPI), MOST_INCHES)
    gap, caption = max(1, round(0.1 * inch)), max(1, round(0.22 * inch))
    step_x, step_y = width + gap, height + caption + gap
    extent = (0, columns * step_x + gap, rows * step_y, 0)
    mosaic = np.full((extent[2], extent[1], *scenes.images.shape[3:]), 255, np.uint8)
    corners = [(gap + i % columns * step_x, caption + i // columns * step_y) for i in range(len(chosen))]
    size = (extent[1] / inch, extent[2] / inch + 0.75)
    figure = Figure(figsize=size)
    axes = figure.add_axes((0, 0.35 / size[1], 1, (size[1] - 0.75) / size[1]))
    axes.set_axis_off()
    boxes = to_pixels(scenes.boxes[chosen], width, height)
    for (left, top), index, box in zip(corners, chosen, sizes, strict=True):
        mosaic[top : top + height, left : left + width] = resized(scenes.images[index], (width, height))
        facts = [f"{box[2] - box[0]:.3g} × {box[3] - box[1]:.3g} px"]
        facts += ["clipped"] if scenes.clipped is not None and scenes.clipped[index] else []
        if scenes.covered is not None and scenes.covered[index] > 0:
            facts.append(f"{scenes.covered[index]:.0%} covered")
        letters = int(width / inch / LETTER_INCHES) - sum(len(fact) + 3 for fact in facts)
        name = abbreviated(terms.class_names[labels[index]], max(letters, LEAST_LETTERS))
        text = without_math(",  ".join([name, *facts]))
        axes.text(left + width / 2, top - 0.04 * inch, text, ha="center", va="bottom", fontsize=8)
    axes.imshow(mosaic, cmap="gray", vmin=0, vmax=255, interpolation="nearest", extent=extent)
    offsets = np.tile(np.array(corners, float), 2)
    outline(axes, boxes + offsets, TRUTH, "-")
    handles = [Line2D([], [], color=TRUTH, label="box to learn")]
    if scenes.clean_boxes is not None:
        outline(axes, to_pixels(scenes.clean_boxes[chosen], width, height) + offsets, CLEAN, DASHES)
        handles.append(Line2D([], [], color=CLEAN, linestyle=DASHES, label="without label noise"))
    axes.set(xlim=extent[:2], ylim=extent[2:])
    figure.suptitle(title, fontsize=10, y=1 - 0.1 / size[1], va="top")
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), fontsize=8, frameon=False)
    return figure
