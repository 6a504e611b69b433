"""IoU by class, by size and by position."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from locexp.evaluation.breakdown import Groups

MEAN, SPREAD = "#1f77b4", "#c9c9c9"
MOST_LABELS = 12
"""More groups than this are not named one by one."""
DARK = 0.55
"""Above this part of the colour scale, writing is dark."""
TITLE = 1.04
"""Height of titles above the axes, whose own is 1."""
WIDE = 1.7
"""From one group of sizes to the next, which have longer names than classes."""
LEAST = 5
"""Cells of the map with fewer examples have no colour: by chance they would be its extremes."""


def panels(classes: Groups, sizes: Groups, positions: Groups, mean: float, title: str) -> Figure:
    """Return mean IoU by class and by size, each with its 95 % interval, and on a map of positions.

    Args:
        classes, sizes: see ``by_class`` and ``by_size`` of :mod:`locexp.evaluation.breakdown`.
        positions: row by row, see :func:`locexp.evaluation.breakdown.by_position`.
        mean: IoU of all examples.
        title: of the figure.
    """
    figure = Figure(figsize=(12, 3.9))
    # Classes and sizes share an axes, and there are few ticks: axes and ticks are what takes long to draw.
    axes = figure.add_axes((0.052, 0.15, 0.658, 0.7))
    shown = np.concatenate([groups.quantiles[groups.count > 0] for groups in (classes, sizes)])
    lowest = float(min(shown.min(), mean))
    bottom = lowest - 0.17 * (1.01 - lowest)  # room for the legend
    start = len(classes.count) + 0.6
    end = start + (len(sizes.count) - 1) * WIDE
    _draw(axes, classes, 0, 1)
    _draw(axes, sizes, start, WIDE)
    axes.axhline(mean, color="black", linewidth=0.8, linestyle=":", label="mean of all")
    axes.axvline(start - 0.9, color="black", linewidth=0.8)
    axes.plot([], [], "o", color=MEAN, markersize=5, label="mean, 95 % interval")
    axes.plot([], [], color=SPREAD, linewidth=6, label="5 to 95 % of examples")
    axes.legend(fontsize=8, loc="lower left", ncols=3, columnspacing=1, handlelength=1.5)
    labels: list[tuple[float, str]] = []
    if len(classes.count) <= MOST_LABELS:
        labels += enumerate(f"{low:.0f}\n{count}" for low, count in zip(classes.low[:, 0], classes.count, strict=True))
    for position, (low, high, count) in enumerate(zip(sizes.low[:, 0], sizes.high[:, 0], sizes.count, strict=True)):
        labels.append((start + position * WIDE, f"{low:.3g}–{high:.3g}\n{count}"))
    axes.set_xticks([])
    below = axes.get_xaxis_transform()
    for x, label in labels:
        axes.text(x, -0.03, label, transform=below, fontsize=8, ha="center", va="top")
    axes.set(xlim=(-0.6, end + 0.9), ylim=(bottom, 1.01), ylabel="IoU")
    axes.locator_params(axis="y", nbins=5)
    axes.grid(axis="y", alpha=0.3)
    # A title with a height of its own: without one, all ticks are measured a second time to find it.
    left, right = axes.get_xlim()
    middle = ((len(classes.count) - 1) / 2 - left) / (right - left)
    axes.set_title("by class (below: examples)", x=middle, y=TITLE, pad=0, fontsize=10)
    by_size = "by size, √(width · height) of the true box in px"
    axes.text((start + end) / 2, TITLE, by_size, transform=below, fontsize=10, ha="center")
    _map(figure.add_axes((0.745, 0.15, 0.235, 0.7)), positions)
    figure.suptitle(title, fontsize=10, y=0.985)
    return figure


def _draw(axes: Axes, groups: Groups, left: float, step: float) -> None:
    """Draw the mean, its interval and the spread of groups that have examples."""
    full = groups.count > 0
    positions, values = left + step * np.flatnonzero(full), groups.mean[full]
    error = 1.96 * np.nan_to_num(groups.standard_error[full])
    for low, high, width, color in (
        (*groups.quantiles[full].T, 9, SPREAD),
        (np.clip(values - error, 0, 1), np.clip(values + error, 0, 1), 1.6, MEAN),
    ):
        axes.vlines(positions, low, high, colors=color, linewidths=width, capstyle="butt")
    axes.scatter(positions, values, s=26, color=MEAN, zorder=3)


def _map(axes: Axes, groups: Groups) -> None:
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
    axes.set_xlabel("x of the true box's centre, px", labelpad=-6)
    axes.set_ylabel("y, px", labelpad=-18)
    axes.set_title("by position (below: examples)", y=TITLE, pad=0, fontsize=10)
