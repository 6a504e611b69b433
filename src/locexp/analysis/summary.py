"""Each setting of a sweep over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from locexp.analysis.results import METRICS, TASKS, SettingRuns
from locexp.analysis.statistics import Interval, delta_m, mean_interval
from locexp.evaluation.metrics import skill


@dataclass(frozen=True)
class SettingSummary:
    """A setting over its seeds.

    Attributes:
        label: what varies.
        runs: the setting's runs.
        test, validation: each metric with its 95 % interval over seeds.
        floor: mean IoU of a constant box; not a number where no run has finished.
        skill: (mean IoU - floor) / (1 - floor); ``None`` where there is nothing to gain.
        delta_m: how much worse than the single-task runs, in percent; with its terms. ``None`` without such runs.
    """

    label: str
    runs: SettingRuns
    test: dict[str, Interval]
    validation: dict[str, Interval]
    floor: float
    skill: float | None
    delta_m: tuple[float, dict[str, float]] | None


def summaries(groups: Sequence[SettingRuns]) -> list[SettingSummary]:
    """Return a summary of each setting, of those without a finished run too."""
    alone = _single_task(groups)
    return [_summary(group, alone) for group in groups]


def _summary(group: SettingRuns, alone: Mapping[tuple[tuple[str, str], ...], Mapping[str, float]]) -> SettingSummary:
    runs = list(group.runs.values())
    test = {name: mean_interval([run.metrics[f"test/{name}"] for run in runs]) for name in METRICS}
    validation = {name: mean_interval([run.metrics[f"kept/{name}"] for run in runs]) for name in METRICS}
    floor = mean_interval([run.metrics["floor/mean_iou"] for run in runs]).mean
    references = alone.get(group.beside)
    return SettingSummary(
        label=group.label,
        runs=group,
        test=test,
        validation=validation,
        floor=floor,
        skill=skill(test["mean_iou"].mean, floor) if runs else None,
        delta_m=delta_m({name: test[name].mean for name in TASKS}, references) if references and runs else None,
    )


def _single_task(groups: Sequence[SettingRuns]) -> dict[tuple[tuple[str, str], ...], dict[str, float]]:
    """Return the single-task means of both tasks, where both were run, for the settings that share what else varies."""
    found: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for group in groups:
        name = {"classification": "accuracy", "bbox": "mean_iou"}.get(group.single_task or "")
        if name is not None and group.runs:
            values = [run.metrics[f"test/{name}"] for run in group.runs.values()]
            found.setdefault(group.beside, {})[name] = float(np.mean(values))
    return {key: means for key, means in found.items() if len(means) == len(TASKS) and all(means.values())}
