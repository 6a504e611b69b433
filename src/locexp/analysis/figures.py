"""The figures of a comparison: the accuracy-IoU front, metrics against the weights or by setting, a race, curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from locexp.analysis.comparison import SHARES, SweepComparison
from locexp.analysis.curves import PANELS, Curves
from locexp.analysis.methods import FIXED
from locexp.analysis.race import Race
from locexp.analysis.results import METRIC_OF_TASK, TASKS, TITLES, SettingRuns
from locexp.evaluation.metrics import sign_of
from locexp.plots.curves import epoch_ticks
from locexp.plots.files import without_math
from locexp.plots.names import abbreviated

CAPTIONS = {
    "front": "Accuracy against mean IoU",
    "weights": "Metrics against the weights",
    "settings": "Metrics by setting",
    "race": "The race",
    "learning_curves": "Learning curves",
}
"""Every figure that a comparison may have, by the name of its file."""
CHOSEN, DEFAULT, PLAIN = "#d62728", "#1f77b4", "#666666"
COLORS = {"chosen": CHOSEN, "default": DEFAULT}
LONGEST_NAME = 48
"""How many letters of a setting's name are shown."""
MOST_TICKS = 5
MOST_ROWS = 60
"""How many settings have a row."""
LEAST_RANGE = 0.01
"""The least that an axis of the front covers."""


def draw_figures(comparison: SweepComparison, curves: Curves) -> dict[str, Figure]:
    """Return the figures by name, one of :data:`CAPTIONS`; curves are those of :func:`~.curves.read_curves`."""
    marks = {comparison.front.knee: "knee", comparison.default: "default", comparison.chosen: "chosen"}
    compared = [(comparison.settings[index], marks.get(index, "")) for index in comparison.candidates]
    baseline = comparison.settings[comparison.chosen].baseline
    shares = {share: f"reached by {share:.0%} of the seeds" for share in sorted(comparison.front.attained)}
    if len(comparison.front.whole) == 1:
        shares = {SHARES[1]: "reached by the only seed"}
    figures = {
        "front": _front(
            compared, {title: comparison.front.attained[share] for share, title in shares.items()}, baseline
        )
    }
    ratios = [_ratio(setting) for setting, _ in compared]
    if all(map(math.isfinite, ratios)) and len(set(ratios)) == len(ratios) > 2:
        finished = [setting for setting in comparison.settings if setting.runs]
        alone = {METRIC_OF_TASK[setting.single_task]: setting for setting in finished if setting.single_task}
        figures["weights"] = _against_weights(compared, alone, baseline)
    else:
        figures["settings"] = _side_by_side(_best(compared, comparison.metric), len(compared), baseline)
    if comparison.race is not None and comparison.race.lines:
        figures["race"] = _race(comparison, comparison.race, list(map(_ratio, comparison.settings)))
    if curves:
        figures["learning_curves"] = _learning_curves(curves, list(map(_ratio, comparison.settings)))
    return figures


Compared = Sequence[tuple[SettingRuns, str]]
"""Settings with both tasks trained, and what each is: ``chosen``, ``default``, ``knee`` or none of these."""


def _ratio(setting: SettingRuns) -> float:
    """Return the ratio of fixed weights; that of a weighting method is not a number, since it changes in training."""
    return setting.ratio if setting.method == FIXED else math.nan


def _front(compared: Compared, attained: Mapping[str, np.ndarray], baseline: float) -> Figure:
    """Draw every run as a point, the mean of each setting with its intervals, and the attainment surfaces over seeds.

    Args:
        compared: the settings.
        attained: by its title, from the smallest share of the seeds, the corners of an attainment surface, ascending in
            accuracy.
        baseline: mean IoU of a constant box.
    """
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    axes = figure.subplots()
    ratios = [_ratio(setting) for setting, _ in compared]
    norm, colors = _colored(ratios)
    points = [
        np.array([[run.metrics[f"test/{name}"] for name in TASKS] for run in setting.runs.values()])
        for setting, _ in compared
    ]
    everything = np.concatenate(points)
    # Points that are nearly one keep some room around them: ticks so close would be long numbers, one over the other.
    margin = np.maximum(np.ptp(everything, axis=0) * 0.06, (LEAST_RANGE - np.ptp(everything, axis=0)) / 2)
    left, bottom = everything.min(axis=0) - margin
    right, top = everything.max(axis=0) + margin
    for (reached, corners), style in zip(attained.items(), (":", "-", "--"), strict=False):
        if len(corners):
            x, y = corners.T
            stairs = [left, *x, x[-1]], [y[0], *y, bottom]
            axes.plot(*stairs, style, color="black", lw=1, drawstyle="steps-pre", label=reached)
    for (setting, role), color, of_seeds in zip(compared, colors, points, strict=True):
        axes.scatter(of_seeds[:, 0], of_seeds[:, 1], s=12, color=color, alpha=0.55, linewidths=0)
        accuracy, iou = (setting.test[name].mean for name in TASKS)
        error_x, error_y = np.nan_to_num([setting.test[name].half_width for name in TASKS])
        axes.errorbar(accuracy, iou, xerr=error_x, yerr=error_y, color=color, lw=1)
        edge = {**COLORS, "knee": "black"}.get(role, "white")
        label = without_math(f"{role}: {abbreviated(setting.label, LONGEST_NAME)}") if role else None
        axes.scatter([accuracy], [iou], s=70, color=[color], edgecolors=edge, linewidths=2, zorder=3, label=label)
    if any(map(math.isnan, ratios)):
        axes.scatter([], [], s=70, color=PLAIN, edgecolors="white", label="grey: weighting methods")
    if bottom < baseline < everything[:, 1].max():
        axes.axhline(baseline, color=PLAIN, lw=0.8, ls=(0, (1, 3)))
        # At the right end, where the legend is not.
        axes.annotate("constant box", (right, baseline), fontsize=8, color=PLAIN, ha="right", va="bottom")
    axes.set(xlabel="accuracy (test)", ylabel="mean IoU (test)", xlim=(left, right), ylim=(bottom, top))
    axes.set_title("Every run, the mean of each setting, and what the seeds reach", fontsize=10)
    axes.legend(fontsize=8, loc="lower left")
    if _are_several(ratios):
        figure.colorbar(ScalarMappable(norm, "viridis"), ax=axes, label="bbox_weight / classification_weight")
    return figure


def _colored(ratios: Sequence[float]) -> tuple[Normalize, list[tuple[float, float, float, float] | str]]:
    """Return the scale of the colours of weights, and the colour of each setting, by its ratio."""
    finite = [ratio for ratio in ratios if 0 < ratio < math.inf]
    norm = Normalize(0, 1)
    if finite:
        norm = LogNorm(min(finite), max(finite) if max(finite) > min(finite) else min(finite) * 10)
    return norm, [colormaps["viridis"](norm(ratio)) if 0 < ratio < math.inf else PLAIN for ratio in ratios]


def _are_several(ratios: Sequence[float]) -> bool:
    """Whether colours tell ratios apart."""
    return len({ratio for ratio in ratios if 0 < ratio < math.inf}) > 1


def _against_weights(compared: Compared, alone: Mapping[str, SettingRuns], baseline: float) -> Figure:
    """Draw accuracy, mean IoU and loc_acc_75 against the ratio of the weights, with 95 % bands over seeds.

    Args:
        compared: the settings; their ratios differ.
        alone: by its metric, what trained one task alone, where there is any.
        baseline: mean IoU of a constant box.
    """
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    ordered = sorted(compared, key=lambda pair: pair[0].ratio)
    ratios = np.array([setting.ratio for setting, _ in ordered])
    for axes, (name, title) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        means = np.array([setting.test[name].mean for setting, _ in ordered])
        half = np.nan_to_num(np.array([setting.test[name].half_width for setting, _ in ordered]))
        axes.plot(ratios, means, color="black", lw=1.2, marker="o", ms=3)
        # With two seeds an interval can pass 0 and 1, which these metrics cannot.
        low, high = np.clip(means - half, 0, 1), np.clip(means + half, 0, 1)
        axes.fill_between(ratios, low, high, color="black", alpha=0.15, lw=0)
        for setting, role in ordered:
            if role in COLORS:
                axes.scatter([setting.ratio], [setting.test[name].mean], color=COLORS[role], zorder=3, s=36, label=role)
        if name in alone:
            axes.axhline(alone[name].test[name].mean, color=PLAIN, lw=0.9, ls="--", label="this task alone")
        if name == "mean_iou":
            axes.axhline(baseline, color=PLAIN, lw=0.9, ls=":", label="constant box")
        axes.set(xscale="log", xlabel="bbox_weight / classification_weight", title=title)
        _ratio_ticks(axes, ratios)
        axes.legend(fontsize=7)
    return figure


def _ratio_ticks(axes: Axes, ratios: np.ndarray) -> None:
    """Put ticks at ratios where they span too little for powers of ten."""
    if ratios[-1] / ratios[0] < 100:
        places = ratios[np.unique(np.linspace(0, len(ratios) - 1, min(len(ratios), MOST_TICKS)).round().astype(int))]
        axes.set_xticks(places, [f"{ratio:.3g}" for ratio in places])
        axes.xaxis.set_minor_locator(NullLocator())


def _best(compared: Compared, metric: str) -> Compared:
    """Return the settings that there are rows for, in their order: the best on validation, and those with a role."""
    sign = sign_of(metric)
    ordered = sorted(compared, key=lambda pair: (not pair[1], -sign * pair[0].validation[metric].mean))
    shown = {setting.config_hash for setting, _ in ordered[:MOST_ROWS]}
    return [pair for pair in compared if pair[0].config_hash in shown]


def _side_by_side(compared: Compared, count: int, baseline: float) -> Figure:
    """Draw means and 95 % intervals, one row per setting, where the settings are not on an axis of weights.

    Args:
        compared: the settings to show.
        count: how many there are.
        baseline: mean IoU of a constant box.
    """
    figure = Figure(figsize=(9, 1.2 + 0.3 * len(compared)), layout="constrained")
    rows = np.arange(len(compared))[::-1]
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
        for row, (setting, role) in zip(rows, compared, strict=True):
            mean, half_width = setting.test[name].mean, np.nan_to_num(setting.test[name].half_width)
            axes.errorbar(mean, row, xerr=half_width, fmt="o", ms=4, color=COLORS.get(role, "black"))
        if name == "mean_iou":
            axes.axvline(baseline, color=PLAIN, lw=0.9, ls=":")
        axes.set_title(title, fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis="y", color=PLAIN, alpha=0.2, lw=0.6)
    names = [without_math(abbreviated(setting.label, LONGEST_NAME)) for setting, _ in compared]
    panels[0].set_yticks(rows, names, fontsize=8)
    panels[0].set_ylim(-0.7, len(compared) - 0.3)
    if len(compared) < count:
        figure.suptitle(f"The best {len(compared)} of {count} settings on validation", fontsize=10)
    return figure


def _race(comparison: SweepComparison, race: Race, ratios: Sequence[float]) -> Figure:
    """Draw the metric of each setting on validation by epoch, for as long as a race pursued it.

    Args:
        comparison: of the sweep.
        race: of it.
        ratios: of each setting, for the colour.
    """
    figure = Figure(figsize=(7.5, 4.4), layout="constrained")
    axes = figure.subplots()
    norm, colors = _colored(ratios)
    roles = {comparison.default: "default", comparison.chosen: "chosen"}
    for index, line in sorted(race.lines.items(), key=lambda item: bool(roles.get(item[0]))):
        role = roles.get(index, "")
        label = without_math(f"{role}: {abbreviated(comparison.settings[index].label, LONGEST_NAME)}") if role else None
        color, width = COLORS.get(role, colors[index]), 2.6 if role else 1.2
        epochs = np.arange(1, line.epochs + 1)
        style = "-" if 0 < ratios[index] < math.inf else "--"
        axes.plot(
            epochs, line.means, style, color=color, lw=width, marker=".", ms=6, label=label, zorder=2 + bool(role)
        )
        if line.reason:
            axes.plot(epochs[-1:], line.means[-1:], "x", color=color, ms=9, mew=2, zorder=4)
    if any(line.reason for line in race.lines.values()):
        axes.plot([], [], "x", color="black", ms=9, mew=2, ls="", label="not pursued from here")
    axes.set(xlabel="epoch", ylabel=f"{TITLES[comparison.metric]} (validation)")
    axes.set_title("Each setting on the seeds of the race, for as long as it was pursued", fontsize=10)
    epoch_ticks(axes, max(race.epochs, 1))
    axes.grid(alpha=0.2)
    axes.legend(fontsize=8)
    if _are_several(ratios):
        figure.colorbar(ScalarMappable(norm, "viridis"), ax=axes, label="bbox_weight / classification_weight")
    return figure


def _learning_curves(curves: Curves, ratios: Sequence[float]) -> Figure:
    """Draw the validation metrics of each setting by epoch, averaged over its seeds.

    Args:
        curves: see :data:`~.curves.Curves`.
        ratios: of each setting, for the colour.
    """
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    norm, colors = _colored(ratios)
    panels = figure.subplots(1, len(PANELS))
    for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
        for index, metrics in curves.items():
            mean, style = metrics[name].mean, "-" if 0 < ratios[index] < math.inf else "--"
            axes.plot(np.arange(1, len(mean) + 1), mean, style, color=colors[index], lw=1.1, marker=".", ms=3)
        axes.set(xlabel="epoch", title=f"{title} (validation)")
        epoch_ticks(axes, max(len(metrics[name].mean) for metrics in curves.values()))
    if _are_several(ratios):
        figure.colorbar(ScalarMappable(norm, "viridis"), ax=panels, label="bbox / classification weight")
    return figure
