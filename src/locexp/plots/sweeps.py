"""Figures of a sweep: the accuracy-IoU front, metrics against the weights, learning curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

CHOSEN, DEFAULT, PLAIN = "#d62728", "#1f77b4", "#666666"
PANELS = {"accuracy": "accuracy", "mean_iou": "mean IoU", "loc_acc_75": "loc_acc_75"}
"""Metrics that have a panel each, with their titles."""
RGBA = tuple[float, float, float, float]


@dataclass(frozen=True)
class Dot:
    """A setting in a figure.

    Attributes:
        label: its name.
        ratio: bbox_weight / classification_weight; 0 or infinite where one task is trained alone, not a number where
            a method sets the weights.
        means: of accuracy, mean_iou and others, by name.
        half_widths: of their 95 % intervals, NaN where there is one seed.
        points: (seeds, 2) accuracy and mean IoU.
        role: ``chosen``, ``default``, ``knee`` or empty.
    """

    label: str
    ratio: float
    means: Mapping[str, float]
    half_widths: Mapping[str, float]
    points: np.ndarray
    role: str = ""


def front(dots: Sequence[Dot], attained: Mapping[float, np.ndarray], baseline: float) -> Figure:
    """Draw every run as a point, the mean of each setting with its intervals, and the attainment surfaces over seeds.

    Args:
        dots: the settings with both tasks trained.
        attained: by share of seeds, the corners of the attainment surface, ascending in accuracy.
        baseline: mean IoU of a constant box.
    """
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    axes = figure.subplots()
    norm = _norm([dot.ratio for dot in dots])
    everything = np.concatenate([dot.points for dot in dots])
    margin = np.maximum(np.ptp(everything, axis=0), 1e-3) * 0.06
    left, bottom = everything.min(axis=0) - margin
    right, top = everything.max(axis=0) + margin
    for share, style in zip(sorted(attained), (":", "-", "--"), strict=False):
        if len(attained[share]):
            x, y = attained[share].T
            stairs = [left, *x, x[-1]], [y[0], *y, bottom]
            reached = f"reached by {share:.0%} of the seeds"
            axes.plot(*stairs, style, color="black", lw=1, drawstyle="steps-pre", label=reached)
    for dot in dots:
        color = _color(dot.ratio, norm)
        axes.scatter(dot.points[:, 0], dot.points[:, 1], s=12, color=color, alpha=0.55, linewidths=0)
        accuracy, iou = dot.means["accuracy"], dot.means["mean_iou"]
        error_x, error_y = np.nan_to_num([dot.half_widths["accuracy"], dot.half_widths["mean_iou"]])
        axes.errorbar(accuracy, iou, xerr=error_x, yerr=error_y, color=color, lw=1)
        edge = {"chosen": CHOSEN, "default": DEFAULT, "knee": "black"}.get(dot.role, "white")
        label = f"{dot.role}: {dot.label}" if dot.role else None
        axes.scatter([accuracy], [iou], s=70, color=[color], edgecolors=edge, linewidths=2, zorder=3, label=label)
    if any(math.isnan(dot.ratio) for dot in dots):
        axes.scatter([], [], s=70, color=PLAIN, edgecolors="white", label="grey: weighting methods")
    if bottom < baseline < everything[:, 1].max():
        axes.axhline(baseline, color=PLAIN, lw=0.8, ls=(0, (1, 3)))
        # At the right end, where the legend is not.
        axes.annotate("constant box", (right, baseline), fontsize=8, color=PLAIN, ha="right", va="bottom")
    axes.set(xlabel="accuracy (test)", ylabel="mean IoU (test)", xlim=(left, right), ylim=(bottom, top))
    axes.set_title("Every run, the mean of each setting, and what the seeds reach", fontsize=10)
    axes.legend(fontsize=8, loc="lower left")
    if len({dot.ratio for dot in dots}) > 1:
        figure.colorbar(ScalarMappable(norm, "viridis"), ax=axes, label="bbox_weight / classification_weight")
    return figure


def _color(ratio: float, norm: Normalize) -> RGBA | str:
    return colormaps["viridis"](norm(ratio)) if 0 < ratio < math.inf else PLAIN


def _norm(ratios: Sequence[float]) -> Normalize:
    finite = [ratio for ratio in ratios if 0 < ratio < math.inf]
    if not finite:
        return Normalize(0, 1)
    return LogNorm(min(finite), max(finite) if max(finite) > min(finite) else min(finite) * 10)


def against_weights(dots: Sequence[Dot], alone: Mapping[str, float], baseline: float) -> Figure:
    """Draw accuracy, mean IoU and loc_acc_75 against the ratio of the weights, with 95 % bands over seeds.

    Args:
        dots: the settings with both tasks trained; their ratios differ.
        alone: accuracy and mean_iou of the single-task runs, where there are any.
        baseline: mean IoU of a constant box.
    """
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    ordered = sorted(dots, key=lambda dot: dot.ratio)
    ratios = np.array([dot.ratio for dot in ordered])
    for axes, (name, title) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        means = np.array([dot.means[name] for dot in ordered])
        half = np.nan_to_num(np.array([dot.half_widths[name] for dot in ordered]))
        axes.plot(ratios, means, color="black", lw=1.2, marker="o", ms=3)
        # With two seeds an interval can pass 0 and 1, which these metrics cannot.
        low, high = np.clip(means - half, 0, 1), np.clip(means + half, 0, 1)
        axes.fill_between(ratios, low, high, color="black", alpha=0.15, lw=0)
        for dot in ordered:
            if dot.role in ("chosen", "default"):
                color = CHOSEN if dot.role == "chosen" else DEFAULT
                axes.scatter([dot.ratio], [dot.means[name]], color=color, zorder=3, s=36, label=dot.role)
        if name in alone:
            axes.axhline(alone[name], color=PLAIN, lw=0.9, ls="--", label="this task alone")
        if name == "mean_iou":
            axes.axhline(baseline, color=PLAIN, lw=0.9, ls=":", label="constant box")
        axes.set(xscale="log", xlabel="bbox_weight / classification_weight", title=title)
        axes.legend(fontsize=7)
    return figure


def side_by_side(dots: Sequence[Dot], baseline: float) -> Figure:
    """Draw means and 95 % intervals, one row per setting, where the settings do not lie on an axis of weights."""
    figure = Figure(figsize=(9, 1.2 + 0.3 * len(dots)), layout="constrained")
    rows = np.arange(len(dots))[::-1]
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
        for row, dot in zip(rows, dots, strict=True):
            color = {"chosen": CHOSEN, "default": DEFAULT}.get(dot.role, "black")
            axes.errorbar(dot.means[name], row, xerr=np.nan_to_num(dot.half_widths[name]), fmt="o", ms=4, color=color)
        if name == "mean_iou":
            axes.axvline(baseline, color=PLAIN, lw=0.9, ls=":")
        axes.set_title(title, fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis="y", color=PLAIN, alpha=0.2, lw=0.6)
    panels[0].set_yticks(rows, [dot.label for dot in dots], fontsize=8)
    return figure


def learning_curves(curves: Mapping[str, Mapping[str, np.ndarray]], ratios: Mapping[str, float]) -> Figure:
    """Draw the validation accuracy, mean IoU and loc_acc_75 of each setting by epoch, averaged over its seeds.

    Args:
        curves: by setting and metric, float (seeds, epochs), NaN where a seed stopped early.
        ratios: by setting, for the colour.
    """
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    norm = _norm(list(ratios.values()))
    panels = figure.subplots(1, len(PANELS))
    for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
        for label, metrics in curves.items():
            mean, ratio = np.nanmean(metrics[name], axis=0), ratios[label]
            style = "-" if 0 < ratio < math.inf else "--"
            color = _color(ratio, norm)
            axes.plot(np.arange(1, len(mean) + 1), mean, style, color=color, lw=1.1, marker=".", ms=3)
        axes.set(xlabel="epoch", title=f"{title} (validation)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(set(ratios.values())) > 1:
        figure.colorbar(ScalarMappable(norm, "viridis"), ax=panels, label="bbox / classification weight")
    return figure
