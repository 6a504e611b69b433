"""The pictures of a comparison: figures of its numbers, and galleries of its runs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.figure import Figure

from locexp.analysis.comparison import SweepComparison
from locexp.analysis.methods import FIXED
from locexp.analysis.summary import METRIC_OF_TASK, SettingSummary
from locexp.analysis.wording import shortened
from locexp.errors import counted
from locexp.plots import sweeps as plots
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
        figures["weights"] = plots.against_weights(dots, _single_task_means(comparison), baseline)
    else:
        figures["settings"] = plots.side_by_side(dots, baseline)
    curves, missing = _curves(comparison, read)
    if curves:
        ratio_of = {setting.label: _ratio(setting) for setting in comparison.settings}
        figures["learning_curves"] = plots.learning_curves(curves, ratio_of)
    return figures, missing


def _ratio(setting: SettingSummary) -> float:
    """Return the ratio of fixed weights; that of a weighting method is not a number, for it changes as it trains."""
    return setting.runs.ratio if setting.runs.method == FIXED else math.nan


def _dots(comparison: SweepComparison) -> list[plots.Dot]:
    candidates, knee = comparison.candidates, comparison.front.knee
    roles = {None if knee is None else candidates[knee]: "knee", comparison.default: "default"}
    roles[comparison.chosen] = "chosen"
    dots = []
    for index in candidates:
        setting = comparison.settings[index]
        runs = setting.runs.runs.values()
        dots.append(
            plots.Dot(
                label=setting.label,
                ratio=_ratio(setting),
                means={name: interval.mean for name, interval in setting.test.items()},
                half_widths={name: interval.half_width for name, interval in setting.test.items()},
                points=np.array([[run.metrics["test/accuracy"], run.metrics["test/mean_iou"]] for run in runs]),
                role=roles.get(index, ""),
            )
        )
    return dots


def _single_task_means(comparison: SweepComparison) -> dict[str, float]:
    """Return accuracy and mean IoU of the settings that trained this task alone."""
    means = {}
    for setting in comparison.settings:
        if setting.runs.single_task and setting.runs.runs:
            name = METRIC_OF_TASK[setting.runs.single_task]
            means[name] = setting.test[name].mean
    return means


def _curves(comparison: SweepComparison, read: ReadFile) -> tuple[dict[str, Mapping[str, np.ndarray]], list[str]]:
    """Return validation metrics by setting, float (seeds, epochs), from the histories of the runs."""
    curves: dict[str, Mapping[str, np.ndarray]] = {}
    without = 0
    for setting in comparison.settings:
        histories = []
        for run in setting.runs.runs.values():
            content = read(run, "history.jsonl")
            if content is None:
                without += 1
            else:
                histories.append([json.loads(line) for line in content.decode().splitlines()])
        if not histories:
            continue
        longest = max(len(history) for history in histories)
        metrics = {}
        for name in CURVES:
            values = np.full((len(histories), longest), np.nan)
            for row, history in zip(values, histories, strict=True):
                row[: len(history)] = [epoch[f"val/{name}"] for epoch in history]
            metrics[name] = values
        curves[setting.label] = metrics
    missing = (
        [f"The learning curves lack {counted(without, 'run')}, of which there is no history.jsonl."] if without else []
    )
    return curves, missing


def read_galleries(comparison: SweepComparison, read: ReadFile) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Return the gallery of each setting's first seed, best setting on validation first, and what is left out.

    Returns:
        Labels with PNGs, at most :data:`MAX_GALLERIES`; and in words, which galleries are not among them.
    """
    finished = [index for index, setting in enumerate(comparison.settings) if setting.runs.runs]
    order = sorted(finished, key=lambda index: -comparison.settings[index].validation[comparison.metric].mean)
    galleries: list[tuple[str, bytes]] = []
    absent, missing = [], []
    for index in order[:MAX_GALLERIES]:
        setting = comparison.settings[index]
        seed, run = min(setting.runs.runs.items())
        content = read(run, "pictures/gallery_random.png")
        if content is None:
            absent.append(setting.label)
        else:
            galleries.append((f"{setting.label}, seed {seed}", content))
    if absent:
        missing.append(f"The store has no gallery of: {shortened(absent)}.")
    if len(order) > MAX_GALLERIES:
        missing.append(
            f"Galleries are shown for the {MAX_GALLERIES} best settings on validation; those of the other "
            f"{len(order) - MAX_GALLERIES} are with their runs."
        )
    return galleries, missing
