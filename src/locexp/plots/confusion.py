"""The confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from locexp.errors import abbreviated
from locexp.plots.files import without_math

CELL, LARGEST = 0.45, 10.2
"""Inches of a cell, where that leaves a matrix of at most this size."""
MOST_NAMED, MOST_WRITTEN = 60, 400
"""With more classes only some of them are named; more counts than this are not written, which takes long."""
SHORT, LONGEST = 3, 28
"""Names of so many letters are written level on both axes; of longer ones this much is shown."""
LETTER = 0.56
"""About how wide a letter is, in heights of letters."""
POINTS = 72
"""In an inch."""


def confusion(matrix: np.ndarray, class_names: Sequence[str], title: str) -> Figure:
    """Return the confusion matrix (int, (classes, classes); rows the truth) with its counts."""
    classes = len(matrix)
    cell = min(CELL, LARGEST / classes)
    step = -(-classes // MOST_NAMED)
    names = [abbreviated(name, LONGEST) for name in class_names[::step]]
    size = min(9.0, 0.75 * cell * step * POINTS)
    longest = max(map(len, names))
    is_level = longest <= SHORT
    room = 0.35 + LETTER * size / POINTS * longest
    left, bottom = 0.35 + room, 0.35 + (0.25 if is_level else room)
    side = max(classes * cell, 2.4)
    whole = left + side + 0.15, bottom + side + 0.4
    figure = Figure(figsize=whole)
    axes = figure.add_axes((left / whole[0], bottom / whole[1], side / whole[0], side / whole[1]))
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    cells = np.argwhere(matrix).tolist()
    if len(cells) <= MOST_WRITTEN and step == 1:
        for row, column in cells:
            color = "white" if share[row, column] > 0.5 else "black"
            count = str(matrix[row, column])
            fitting = min(8.0, cell * POINTS / (LETTER * (len(count) + 0.5)))
            axes.text(column, row, count, ha="center", va="center", fontsize=fitting, color=color)
    labels = list(map(without_math, names))
    axes.set_xticks(range(0, classes, step), labels, fontsize=size, rotation=0 if is_level else 90)
    axes.set_yticks(range(0, classes, step), labels, fontsize=size)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title, y=1.0, fontsize=10)
    return figure
