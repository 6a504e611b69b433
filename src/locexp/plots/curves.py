"""Learning curves, weights and gradients over epochs."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

TITLE = 1.0
"""Height of titles above the axes: where it is not given, all ticks are measured a second time to find it."""
PANELS = (
    ("accuracy", "accuracy"),
    ("mean_iou", "mean IoU"),
    ("loc_acc_50", "class right and IoU ≥ .5"),
    ("classification_loss", "classification loss (unweighted)"),
    ("bbox_loss", "box loss (unweighted)"),
    ("center_error_px", "centre error, px"),
)


def epoch_ticks(axes: Axes, epochs: int) -> None:
    """Give the x axis room for so many epochs, and ticks at whole ones: one epoch has one tick."""
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    margin = 0.05 * (epochs - 1) or 0.5
    axes.set_xlim(1 - margin, epochs + margin)


def learning_curves(history: list[dict[str, float]], best_epoch: int, baseline: float) -> Figure:
    """Return six panels over epochs, train and validation.

    Args:
        history: one row per epoch with ``epoch``, ``train/…`` and ``val/…``; at least one.
        best_epoch: marked by a line.
        baseline: mean IoU of the constant box on the validation part, marked in its panel.
    """
    # Fixed margins: a layout that is worked out draws everything twice.
    figure = Figure(figsize=(11, 6))
    figure.subplots_adjust(left=0.05, right=0.99, bottom=0.08, top=0.89, wspace=0.2, hspace=0.2)
    epochs = [row["epoch"] for row in history]
    for axes, (name, title) in zip(figure.subplots(2, 3, sharex=True).ravel(), PANELS, strict=True):
        for part, style, label in (("train", "o--", "train (while learning)"), ("val", "o-", "validation")):
            axes.plot(epochs, [row[f"{part}/{name}"] for row in history], style, label=label, markersize=4)
        axes.axvline(best_epoch, color="gray", linewidth=0.8, linestyle=":")
        if name == "mean_iou":
            axes.axhline(baseline, color="black", linewidth=0.8, linestyle="-.", label="constant box (validation)")
            axes.legend(fontsize=8)
        axes.set_title(title, y=TITLE, fontsize=10)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    for axes in figure.axes[3:]:
        axes.set_xlabel("epoch")
        epoch_ticks(axes, len(history))
    figure.suptitle(f"Learning curves (dotted: best epoch, {best_epoch})", fontsize=11)
    return figure


Panels = tuple[tuple[str, bool, tuple[str, ...]], ...]
"""For each panel its title, whether its axis is logarithmic, and what it shows."""
NORMS = ("gradients/classification_norm", "gradients/bbox_norm", "gradients/norm_ratio")
GRADIENT_PANELS: Panels = (
    ("gradient norms in the trunk", True, NORMS),
    ("cosine between them", False, ("gradients/cosine",)),
    ("share of batches in conflict", False, ("gradients/conflicts",)),
)


def weighting(history: list[dict[str, float]]) -> Figure | None:
    """Return panels over epochs: the effective weights, and where they were measured, the gradients.

    Args:
        history: one row per epoch; at least one.

    Returns:
        ``None`` where weights never change and no gradient was measured: there is nothing to see.
    """
    weights = {name: [row[f"weights/{name}"] for row in history] for name in ("classification", "bbox")}
    measured = any("gradients/conflicts" in row for row in history)
    if not measured and all(np.ptp(values) == 0 for values in weights.values()):
        return None
    panels: Panels = (("effective weights", True, ("weights/classification", "weights/bbox")),)
    panels += GRADIENT_PANELS if measured else ()
    panels += (("step, ms", False, ("time/step_ms",)),)
    width = 3.4 * len(panels) + 0.4
    figure = Figure(figsize=(width, 3.1))
    figure.subplots_adjust(left=0.55 / width, right=1 - 0.1 / width, bottom=0.16, top=0.88, wspace=0.24)
    epochs = [row["epoch"] for row in history]
    for axes, (title, is_log, names) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        for name in names:
            label = {"gradients/norm_ratio": "bbox / classification"}.get(name, name.partition("/")[2])
            style = "o:" if name == "gradients/norm_ratio" else "o-"
            values = [row.get(name, np.nan) for row in history]
            axes.plot(epochs, values, style, markersize=4, label=label.removesuffix("_norm"))
        shown = [row.get(name, np.nan) for row in history for name in names]
        if is_log and min(shown) > 0 and max(shown) > 2 * min(shown):
            axes.set_yscale("log")
            if max(shown) < 30 * min(shown):  # else there are powers of ten enough to be labelled
                axes.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 5)))
                axes.yaxis.set_major_formatter("{x:g}")
                axes.yaxis.set_minor_formatter("{x:g}")
        if len(names) > 1:
            axes.legend(fontsize=8)
        axes.set_title(title, y=TITLE, fontsize=10)
        axes.set_xlabel("epoch")
        epoch_ticks(axes, len(history))
        axes.grid(alpha=0.3)
        axes.set_ylim(*{"share of batches in conflict": (-0.03, 1.03), "step, ms": (0, None)}.get(title, (None, None)))
    return figure
