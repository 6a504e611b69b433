"""IoU by class, by size and by position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from locexp.errors import abbreviated
from locexp.evaluation.breakdown import Groups
from locexp.plots.files import without_math

MEAN, SPREAD = "#1f77b4", "#c9c9c9"
MOST_NAMED = 60
"""More classes than this are not named one by one."""
MOST_LEVEL, SHORT = 12, 4
"""Names of so many classes, of so many letters, are written level; more or longer ones are turned."""
LONGEST = 28
"""How many letters of a turned name are shown."""
DARK = 0.55
"""Above this part of the colour scale, writing is dark."""
TITLE = 1.04
"""Height of titles above the axes, whose own is 1."""
LEAST = 5
"""Cells of the map with fewer examples have no colour: by chance they would be its extremes."""
LEFT, WIDTH, GAP, MAP_WIDTH, RIGHT = 0.62, 7.9, 0.5, 2.82, 0.24
BOTTOM, HEIGHT, TOP = 0.58, 2.73, 0.59
"""Inches: margins, the axes of classes and sizes, and the map."""
SIZE_STEP, LEAST_STEP = 0.56, 0.19
"""Inches from one group of sizes to the next, and from one class to the next where names are turned."""
LETTER = 0.068
"""About how wide a letter is, in inches."""


def panels(
    classes: Groups, sizes: Groups, positions: Groups, class_names: Sequence[str], mean: float, title: str, unit: str
) -> Figure:
    """Return mean IoU by class and by size, each with its 95 % interval, and on a map of positions.

    Args:
        classes, sizes: see ``by_class`` and ``by_size`` of :mod:`locexp.evaluation.breakdown`.
        positions: row by row, see :func:`locexp.evaluation.breakdown.by_position`.
        class_names: of all classes.
        mean: IoU of all examples.
        title: of the figure.
        unit: of sizes and positions: which pixels.
    """
    is_level = len(class_names) <= MOST_LEVEL and all(len(name) <= SHORT for name in class_names)
    names = [] if len(class_names) > MOST_NAMED else [abbreviated(name, LONGEST) for name in class_names]
    before_count = "\n" if is_level else "  "
    labels = [f"{name}{before_count}{count}" for name, count in zip(names, classes.count, strict=False)]
    bottom = max(BOTTOM, 0 if is_level else 0.15 + LETTER * max(map(len, labels), default=0))
    # x is in inches: a picture grows with the classes, whose names need room.
    of_sizes = SIZE_STEP * len(sizes.count)
    step = min(SIZE_STEP, (WIDTH - 0.3 - of_sizes) / len(classes.count))
    step = max(step, LEAST_STEP) if names else step
    start = step * len(classes.count) + 0.3
    width = max(WIDTH, start + of_sizes)
    whole = LEFT + width + GAP + MAP_WIDTH + RIGHT, bottom + HEIGHT + TOP
    figure = Figure(figsize=whole)
    # Classes and sizes share an axes, and there are few ticks: axes and ticks are what takes long to draw.
    axes = figure.add_axes((LEFT / whole[0], bottom / whole[1], width / whole[0], HEIGHT / whole[1]))
    shown = np.concatenate([groups.quantiles[groups.count > 0] for groups in (classes, sizes)])
    lowest = float(min(shown.min(), mean))
    at_classes = step * (np.arange(len(classes.count)) + 0.5)
    at_sizes = start + (width - start) / len(sizes.count) * (np.arange(len(sizes.count)) + 0.5)
    _draw(axes, classes, at_classes, step)
    _draw(axes, sizes, at_sizes, SIZE_STEP)
    axes.axhline(mean, color="black", linewidth=0.8, linestyle=":", label="mean of all")
    axes.axvline(start - 0.15, color="black", linewidth=0.8)
    axes.plot([], [], "o", color=MEAN, markersize=5, label="mean, 95 % interval")
    axes.plot([], [], color=SPREAD, linewidth=6, label="5 to 95 % of examples")
    axes.legend(fontsize=8, loc="lower left", ncols=3, columnspacing=1, handlelength=1.5)
    axes.set_xticks([])
    below = axes.get_xaxis_transform()
    written: dict[str, Any] = {"transform": below, "fontsize": 8, "ha": "center", "va": "top"}
    for x, label in zip(at_classes, labels, strict=False):  # or there are no labels
        axes.text(x, -0.03, without_math(label), rotation=0 if is_level else 90, **written)
    for x, low, high, count in zip(at_sizes, sizes.low[:, 0], sizes.high[:, 0], sizes.count, strict=True):
        axes.text(x, -0.03, f"{low:.3g}–{high:.3g}\n{count}", **written)
    room = 0.17 * (1.01 - lowest)  # for the legend
    axes.set(xlim=(0, width), ylim=(lowest - room, 1.01), ylabel="IoU")
    axes.locator_params(axis="y", nbins=5)
    axes.grid(axis="y", alpha=0.3)
    # A title with a height of its own: without one, all ticks are measured a second time to find it.
    middle = at_classes.mean() / width
    axes.set_title("by class (below: examples)", x=middle, y=TITLE, pad=0, fontsize=10)
    by_size = f"by size, √(width · height) of the true box in {unit}"
    axes.text(float(at_sizes.mean()), TITLE, by_size, transform=below, fontsize=10, ha="center")
    left = (LEFT + width + GAP) / whole[0]
    _map(figure.add_axes((left, bottom / whole[1], MAP_WIDTH / whole[0], HEIGHT / whole[1])), positions, unit)
    figure.suptitle(title, fontsize=10, y=1 - 0.06 / whole[1])
    return figure


def _draw(axes: Axes, groups: Groups, at: np.ndarray, step: float) -> None:
    """Draw the mean, its interval and the spread of groups that have examples, so many inches apart."""
    full = groups.count > 0
    positions, values = at[full], groups.mean[full]
    error = 1.96 * np.nan_to_num(groups.standard_error[full])
    for low, high, width, color in (
        (*groups.quantiles[full].T, min(9, 45 * step), SPREAD),
        (np.clip(values - error, 0, 1), np.clip(values + error, 0, 1), 1.6, MEAN),
    ):
        axes.vlines(positions, low, high, colors=color, linewidths=width, capstyle="butt")
    axes.scatter(positions, values, s=26, color=MEAN, zorder=3)


def _map(axes: Axes, groups: Groups, unit: str) -> None:
    """Draw mean IoU on the grid of positions, with counts; y points down, as in an image."""
    columns = len(np.unique(groups.low[:, 0]))
    rows = len(groups.count) // columns
    colored = groups.count >= min(LEAST, groups.count.max())
    means = np.where(colored, groups.mean, np.nan).reshape(rows, columns)
    bottom, top = np.nanmin(means), np.nanmax(means)
    axes.imshow(means, cmap="viridis", vmin=bottom, vmax=top, aspect="auto")
    for i, (value, count) in enumerate(zip(groups.mean, groups.count, strict=True)):
        if not count:
            continue
        row, column = divmod(i, columns)
        light = not colored[i] or top == bottom or (value - bottom) / (top - bottom) > DARK
        color = "black" if light else "white"
        axes.text(column, row, f"{value:.2f}\n{count}", ha="center", va="center", fontsize=7.5, color=color)
    (left, upper), (right, lower) = groups.low[0], groups.high[-1]
    axes.set_xticks((-0.5, columns - 0.5), (f"{left:.3g}", f"{right:.3g}"))
    axes.set_yticks((-0.5, rows - 0.5), (f"{upper:.3g}", f"{lower:.3g}"))
    axes.set_xlabel(f"x of the true centre, {unit}", labelpad=-6)
    axes.set_ylabel(f"y, {unit}", labelpad=-18)
    axes.set_title("by position (below: examples)", y=TITLE, pad=0, fontsize=10)
