"""The pictures of a comparison: figures of its numbers, and galleries of its runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from locexp.analysis.comparison import SweepComparison, sign_of
from locexp.analysis.methods import FIXED
from locexp.analysis.results import METRIC_OF_TASK, TASKS, SettingRuns
from locexp.analysis.wording import shortened
from locexp.errors import counted
from locexp.plots import sweeps as plots
from locexp.plots.files import literal
from locexp.records.history import parse_history
from locexp.records.record import RunRecord

ReadFile = Callable[[RunRecord, str], bytes | None]
"""Returns a file of a run by its name in the run's folder; ``None`` where it has none."""

CAPTIONS = {
    "front": "Accuracy against mean IoU",
    "weights": "Metrics against the weights",
    "settings": "Metrics by setting",
    "learning_curves": "Learning curves",
}
"""Every figure that a comparison may have, by the name of its file."""
CURVES = ("accuracy", "mean_iou", "loc_acc_75")
MAX_GALLERIES = 24
"""A page with more pictures than this would take long to open."""


def draw_figures(comparison: SweepComparison, read: ReadFile) -> tuple[dict[str, Figure], list[str]]:
    """Return the figures by name, one of :data:`CAPTIONS`, and what they lack, in words."""
    dots = _dots(comparison)
    baseline = comparison.settings[comparison.chosen].baseline
    figures = {"front": plots.front(dots, comparison.front.attained, baseline)}
    ratios = [dot.ratio for dot in dots]
    if all(map(math.isfinite, ratios)) and len(set(ratios)) == len(ratios) > 2:
        finished = [setting for setting in comparison.settings if setting.runs]
        alone = {METRIC_OF_TASK[setting.single_task]: setting for setting in finished if setting.single_task}
        means = {name: setting.test[name].mean for name, setting in alone.items()}
        figures["weights"] = plots.against_weights(dots, means, baseline)
    else:
        figures["settings"] = plots.side_by_side(dots, baseline)
    curves, missing = _curves(comparison, read)
    if curves:
        ratio_of = {setting.label: _ratio(setting) for setting in comparison.settings}
        figures["learning_curves"] = plots.learning_curves(curves, ratio_of)
    return figures, missing


def _ratio(setting: SettingRuns) -> float:
    """Return the ratio of fixed weights; that of a weighting method is not a number, for it changes as it trains."""
    return setting.ratio if setting.method == FIXED else math.nan


def _dots(comparison: SweepComparison) -> list[plots.Dot]:
    roles = {comparison.front.knee: "knee", comparison.default: "default", comparison.chosen: "chosen"}
    compared = {index: comparison.settings[index] for index in comparison.candidates}
    return [
        plots.Dot(
            label=literal(setting.label),
            ratio=_ratio(setting),
            means={name: interval.mean for name, interval in setting.test.items()},
            half_widths={name: interval.half_width for name, interval in setting.test.items()},
            points=np.array([[run.metrics[f"test/{name}"] for name in TASKS] for run in setting.runs.values()]),
            role=roles.get(index, ""),
        )
        for index, setting in compared.items()
    ]


def _curves(comparison: SweepComparison, read: ReadFile) -> tuple[dict[str, dict[str, np.ndarray]], list[str]]:
    """Return validation metrics by setting, float (seeds, epochs), from the histories of the runs."""
    curves: dict[str, dict[str, np.ndarray]] = {}
    without = 0
    for setting in comparison.settings:
        contents = [_read_curves(read(run, "history.jsonl")) for run in setting.runs.values()]
        without += contents.count(None)
        histories = [content for content in contents if content is not None]
        for name in CURVES if histories else ():
            rows = [[epoch[name] for epoch in history] for history in histories]
            epochs = list(itertools.zip_longest(*rows, fillvalue=math.nan))
            curves.setdefault(setting.label, {})[name] = np.array(epochs).reshape(-1, len(rows)).T
    lacking = (
        f"The learning curves lack {counted(without, 'run')}, of which there is no history.jsonl that can be read."
    )
    return curves, [lacking] if without else []


def _read_curves(content: bytes | None) -> list[dict[str, float]] | None:
    """Return the validation metrics of each epoch from a run's history; ``None`` where it cannot be read."""
    try:
        rows = parse_history(content) if content is not None else []
        return [{name: float(row[f"val/{name}"]) for name in CURVES} for row in rows] or None
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def read_galleries(comparison: SweepComparison, read: ReadFile) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Return the gallery of each setting's first seed, best setting on validation first, and what is left out.

    Returns:
        Labels with PNGs, at most :data:`MAX_GALLERIES`; and in words, which galleries are not among them.
    """
    finished = [setting for setting in comparison.settings if setting.runs]
    sign = sign_of(comparison.metric)
    ordered = sorted(finished, key=lambda setting: -sign * setting.validation[comparison.metric].mean)
    galleries: list[tuple[str, bytes]] = []
    absent, missing = [], []
    for setting in ordered[:MAX_GALLERIES]:
        seed, run = min(setting.runs.items())
        content = read(run, "pictures/gallery_random.png")
        if content is None:
            absent.append(setting.label)
        else:
            galleries.append((f"{setting.label}, seed {seed}", content))
    if absent:
        missing.append(f"There is no gallery of: {shortened(absent)}.")
    if len(ordered) > MAX_GALLERIES:
        missing.append(
            f"Galleries are shown for the {MAX_GALLERIES} best settings on validation; those of the other "
            f"{len(ordered) - MAX_GALLERIES} are with their runs."
        )
    return galleries, missing
