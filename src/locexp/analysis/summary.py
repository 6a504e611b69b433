"""Each setting of a sweep over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from locexp.analysis.results import METRICS, TASKS, SettingRuns
from locexp.analysis.statistics import Interval, delta_m, mean_interval
from locexp.evaluation.metrics import skill

METRIC_OF_TASK = {"classification": "accuracy", "bbox": "mean_iou"}
"""By task, as a setting that trains it alone names it, its headline metric."""


@dataclass(frozen=True)
class SettingSummary:
    """A setting over its seeds.

    Attributes:
        label: what varies.
        runs: its runs.
        test, validation: each metric with its 95 % interval over seeds.
        baseline: mean IoU of a constant box; not a number where no run has finished.
        skill: (mean IoU - baseline) / (1 - baseline); ``None`` where there is nothing to gain.
        delta_m: how much worse than the single-task runs, in percent; with its terms. ``None`` without such runs.
    """

    label: str
    runs: SettingRuns
    test: dict[str, Interval]
    validation: dict[str, Interval]
    baseline: float
    skill: float | None
    delta_m: tuple[float, dict[str, float]] | None


def summaries(groups: Sequence[SettingRuns]) -> list[SettingSummary]:
    """Return a summary of each setting, including those without a finished run."""
    references = _single_task_means(groups)
    return [_summary(group, references.get(group.beside)) for group in groups]


def _summary(group: SettingRuns, single_task: Mapping[str, float] | None) -> SettingSummary:
    runs = list(group.runs.values())
    test = {name: mean_interval([run.metrics[f"test/{name}"] for run in runs]) for name in METRICS}
    validation = {name: mean_interval([run.metrics[f"kept/{name}"] for run in runs]) for name in METRICS}
    baseline = mean_interval([run.metrics["floor/mean_iou"] for run in runs]).mean
    return SettingSummary(
        label=group.label,
        runs=group,
        test=test,
        validation=validation,
        baseline=baseline,
        skill=skill(test["mean_iou"].mean, baseline) if runs else None,
        delta_m=delta_m({name: test[name].mean for name in TASKS}, single_task) if single_task and runs else None,
    )


def _single_task_means(groups: Sequence[SettingRuns]) -> dict[tuple[tuple[str, str], ...], dict[str, float]]:
    """Return the means of the single-task runs, where both tasks have some, by what varies besides the weighting."""
    means: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for group in groups:
        if group.single_task and group.runs:
            name = METRIC_OF_TASK[group.single_task]
            values = [run.metrics[f"test/{name}"] for run in group.runs.values()]
            means.setdefault(group.beside, {})[name] = float(np.mean(values))
    return {key: both for key, both in means.items() if len(both) == len(TASKS) and all(both.values())}
