"""The comparison of a sweep: per setting, the front, the decision; numbers only."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from locexp.analysis import fronts
from locexp.analysis.decision import Comparison, Decision, decide
from locexp.analysis.methods import METHOD, REPLAY, Methods, compare_methods, equivalents
from locexp.analysis.results import BBOX, CLASSIFICATION, METRICS, TASKS, SettingRuns
from locexp.analysis.statistics import Interval, bootstrap_interval, delta_m, mean_interval
from locexp.metrics import skill
from locexp.run.link import CONTROL, FINAL

if TYPE_CHECKING:
    from locexp.tracking.reading import StoredRun

SHARES = (0.25, 0.5, 0.75)
"""The attainment surfaces that are shown: reached by at least these shares of the seeds."""


@dataclass(frozen=True)
class SettingSummary:
    """A setting over its seeds.

    Attributes:
        label: what varies.
        runs: the setting's runs.
        test, validation: each metric with its 95 % interval over seeds.
        floor: mean IoU of a constant box.
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


@dataclass(frozen=True)
class Front:
    """The accuracy-IoU front on test; single-task runs are no part of it, for they answer half the question.

    Attributes:
        points: by seed, (settings, 2) of those settings that have the seed.
        reference: chance accuracy, and the mean IoU of a constant box: what needs no network.
        hypervolume: over seeds, against the reference.
        attained: by share, the corners of the attainment surface.
        best: which settings' means no other setting's mean dominates.
        knee: of those, the one farthest beyond the chord, or ``None``.
    """

    points: dict[int, np.ndarray]
    reference: tuple[float, float]
    hypervolume: Interval
    attained: dict[float, np.ndarray]
    best: list[int]
    knee: int | None


@dataclass(frozen=True)
class SweepComparison:
    """Everything that a report says.

    Attributes:
        settings: in the order of the sweep's list.
        candidates: indices of those that can be chosen: see :func:`_candidates`.
        seeds: all that occur.
        metric: the settings were chosen by it.
        decision: its indices count in ``candidates``.
        default: index in ``settings`` of what the command runs without a sweep, or ``None``.
        by_task: for each task's metric, the chosen setting against the default one; empty without a default.
        over_examples: for each metric, the 95 % bootstrap interval over test examples of chosen minus default.
        methods: what is said of weighting methods, or ``None`` where the sweep varies none.
    """

    settings: list[SettingSummary]
    candidates: list[int]
    seeds: list[int]
    metric: str
    front: Front
    decision: Decision
    default: int | None
    by_task: dict[str, Comparison]
    over_examples: dict[str, tuple[float, float]]
    methods: Methods | None

    @property
    def chosen(self) -> int:
        """Index in ``settings`` of the chosen one."""
        return self.candidates[self.decision.chosen]


def compare_settings(
    groups: Sequence[SettingRuns],
    *,
    default_hash: str | None,
    metric: str,
    read: Callable[[StoredRun, str], bytes | None],
) -> SweepComparison:
    """Compare the settings of a sweep.

    Args:
        groups: at least one with a finished run.
        default_hash: the config hash of what the command runs without a sweep.
        metric: to choose by, one of :data:`~locexp.analysis.results.METRICS`.
        read: returns a file of a run, for the bootstrap over examples.
    """
    groups = [group for group in groups if group.runs]
    seeds = sorted({seed for group in groups for seed in group.runs})
    alone = _single_task(groups)
    settings = [_summary(group, alone) for group in groups]
    candidates = _candidates(groups)
    sign = -1.0 if metric == "center_error_px" else 1.0
    names = [f"{part}/{metric}" for part in ("kept", "test")]
    every = [sign * np.array([group.values(name, seeds) for group in groups]) for name in names]
    validation, test = (values[candidates] for values in every)
    default = next((index for index in candidates if groups[index].config_hash == default_hash), None)
    place = None if default is None else candidates.index(default)
    decision = decide(validation, test, place)
    by_task: dict[str, Comparison] = {}
    over_examples: dict[str, tuple[float, float]] = {}
    if default is not None and candidates[decision.chosen] != default:
        for name in TASKS:
            values = np.array([groups[index].values(f"test/{name}", seeds) for index in candidates])
            family = decide(validation, values, place).against_default
            by_task[name] = next(found for found in family if found.setting == decision.chosen)
        over_examples = _bootstrapped(groups[candidates[decision.chosen]], groups[default], read)
    return SweepComparison(
        settings=settings,
        candidates=candidates,
        seeds=seeds,
        metric=metric,
        front=_front([settings[index] for index in candidates], seeds),
        decision=decision,
        default=default,
        by_task=by_task,
        over_examples=over_examples,
        methods=compare_methods(groups, candidates, *every),
    )


def _candidates(groups: Sequence[SettingRuns]) -> list[int]:
    """Return what can be chosen: both tasks trained, no control, no second name of the same method; final runs alone
    where there are any."""
    finals = [index for index, group in enumerate(groups) if group.role == FINAL]
    if finals:
        return finals
    left_out = equivalents(groups)
    both = [index for index, group in enumerate(groups) if group.single_task is None and group.role != CONTROL]
    return [index for index in both if index not in left_out] or list(range(len(groups)))


def _summary(group: SettingRuns, alone: Mapping[tuple[str, ...], Mapping[str, float]]) -> SettingSummary:
    runs = list(group.runs.values())
    test = {name: mean_interval([run.metrics[f"test/{name}"] for run in runs]) for name in METRICS}
    validation = {name: mean_interval([run.metrics[f"kept/{name}"] for run in runs]) for name in METRICS}
    floor = float(np.mean([run.metrics["floor/mean_iou"] for run in runs]))
    references = alone.get(_others(group))
    return SettingSummary(
        label=group.label,
        runs=group,
        test=test,
        validation=validation,
        floor=floor,
        skill=skill(test["mean_iou"].mean, floor),
        delta_m=delta_m({name: test[name].mean for name in TASKS}, references) if references else None,
    )


def _others(group: SettingRuns) -> tuple[str, ...]:
    """What varies besides how the losses are weighted: single-task runs are a reference for settings that share it."""
    weighting = (CLASSIFICATION, BBOX, METHOD, REPLAY)
    return tuple(value for key, value in sorted(group.varied.items()) if key not in weighting)


def _single_task(groups: Sequence[SettingRuns]) -> dict[tuple[str, ...], dict[str, float]]:
    """Return the single-task means of both tasks, where both were run."""
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for group in groups:
        name = {"classification": "accuracy", "bbox": "mean_iou"}.get(group.single_task or "")
        if name is not None:
            values = [run.metrics[f"test/{name}"] for run in group.runs.values()]
            found.setdefault(_others(group), {})[name] = float(np.mean(values))
    return {key: means for key, means in found.items() if len(means) == len(TASKS) and all(means.values())}


def _front(settings: Sequence[SettingSummary], seeds: Sequence[int]) -> Front:
    points = {}
    for seed in seeds:
        having = [setting.runs.runs[seed].metrics for setting in settings if seed in setting.runs.runs]
        if having:
            points[seed] = np.array([[metrics[f"test/{name}"] for name in TASKS] for metrics in having])
    classes = max(int(run.tags.get("classes", "10")) for setting in settings for run in setting.runs.runs.values())
    reference = (1 / classes, float(np.mean([setting.floor for setting in settings])))
    means = np.array([[setting.test[name].mean for name in TASKS] for setting in settings])
    sets = list(points.values())
    knee = fronts.knee(means)
    return Front(
        points=points,
        reference=reference,
        hypervolume=mean_interval([fronts.hypervolume(found, reference) for found in sets]),
        attained={share: fronts.attainment(sets, share) for share in SHARES},
        best=[int(index) for index in np.flatnonzero(fronts.non_dominated(means))],
        knee=knee,
    )


def _bootstrapped(
    chosen: SettingRuns, default: SettingRuns, read: Callable[[StoredRun, str], bytes | None]
) -> dict[str, tuple[float, float]]:
    """Return intervals over test examples of chosen minus default, each example averaged over the common seeds."""
    seeds = [seed for seed in chosen.runs if seed in default.runs]
    sums: dict[str, np.ndarray] = {}
    for seed in seeds:
        tables = [_examples(read(group.runs[seed], "tables/predictions.csv")) for group in (chosen, default)]
        if tables[0] is None or tables[1] is None or len(tables[0]["accuracy"]) != len(tables[1]["accuracy"]):
            return {}
        for name, values in tables[0].items():
            sums[name] = sums.get(name, 0) + (values - tables[1][name]) / len(seeds)
    return {name: bootstrap_interval(differences) for name, differences in sums.items()}


def _examples(content: bytes | None) -> dict[str, np.ndarray] | None:
    """Return accuracy, IoU and loc_acc_75 of each test example from a run's predictions.csv."""
    if content is None:
        return None
    rows = csv.reader(io.StringIO(content.decode()))
    header = next(rows)
    columns = [header.index(name) for name in ("label", "predicted", "iou")]
    data = np.array([[float(row[column]) for column in columns] for row in rows])
    right, iou = data[:, 0] == data[:, 1], data[:, 2]
    return {
        "accuracy": right.astype(float),
        "mean_iou": iou,
        "loc_acc_50": (right & (iou >= 0.5)).astype(float),
        "loc_acc_75": (right & (iou >= 0.75)).astype(float),
    }


def finite(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return value if math.isfinite(value) else None
