"""The comparison of a sweep: per setting, the front, the decision; numbers only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from locexp.analysis import fronts
from locexp.analysis.decision import Decision, PairedTest, decide, family
from locexp.analysis.examples import over_examples
from locexp.analysis.methods import Methods, compare_methods, equivalents
from locexp.analysis.results import TASKS, SettingRuns
from locexp.analysis.statistics import Interval, mean_interval
from locexp.analysis.summary import SettingSummary, summaries
from locexp.records.record import RunRecord
from locexp.records.sweep_list import CONTROL, FINAL

SHARES = (0.25, 0.5, 0.75)
"""The attainment surfaces that are shown: reached by at least these shares of the seeds."""


@dataclass(frozen=True)
class Front:
    """The accuracy-IoU front on test; single-task runs are no part of it, for they answer half the question.

    Attributes:
        points: by seed, (settings, 2) of those settings that have the seed.
        reference: chance accuracy, and the mean IoU of a constant box: what needs no network.
        whole: the seeds that the most settings have, all of them where any seed has: the hypervolume and the bands
            are over these, for a seed that lacks a good setting would count as a worse sweep.
        hypervolume: over seeds, against the reference.
        attained: by share, the corners of the attainment surface.
        best: which settings' means no other setting's mean dominates.
        knee: of those, the one farthest beyond the chord, or ``None``.
    """

    points: dict[int, np.ndarray]
    whole: list[int]
    reference: tuple[float, float]
    hypervolume: Interval
    attained: dict[float, np.ndarray]
    best: list[int]
    knee: int | None


@dataclass(frozen=True)
class SweepComparison:
    """Everything that a report shows.

    Attributes:
        settings: in the order of the sweep's list.
        candidates: indices of those that can be chosen: see :func:`_candidates`.
        seeds: all that occur.
        metric: the settings were chosen by it.
        decision: its indices count in ``candidates``.
        default: index in ``settings`` of what the command runs without a sweep, or ``None``.
        by_task: for each task's metric, the chosen setting against the default one, corrected over the settings; its
            indices count in ``settings``. Empty without a default.
        over_examples: for each metric, the 95 % bootstrap interval over test examples of chosen minus default.
        methods: the comparison of weighting methods, or ``None`` where the sweep varies none.
    """

    settings: list[SettingSummary]
    candidates: list[int]
    seeds: list[int]
    metric: str
    front: Front
    decision: Decision
    default: int | None
    by_task: dict[str, PairedTest]
    over_examples: dict[str, tuple[float, float]]
    methods: Methods | None

    @property
    def is_final(self) -> bool:
        """Whether settings are compared that earlier stages chose, on seeds that had no part in that choice."""
        return self.settings[self.chosen].runs.role == FINAL

    @property
    def chosen(self) -> int:
        """Index in ``settings`` of the chosen one."""
        return self.candidates[self.decision.chosen]


def compare_settings(
    groups: Sequence[SettingRuns],
    *,
    default_hash: str | None,
    metric: str,
    read: Callable[[RunRecord, str], bytes | None],
) -> SweepComparison:
    """Compare the settings of a sweep.

    Args:
        groups: at least one with a finished run.
        default_hash: the config hash of what the command runs without a sweep.
        metric: to choose by, one of :data:`~locexp.analysis.results.METRICS`.
        read: returns a file of a run, for the bootstrap over examples.
    """
    seeds = sorted({seed for group in groups for seed in group.runs})
    settings = summaries(groups)
    candidates = _candidates(groups)

    def values(part: str, name: str) -> np.ndarray:
        return sign_of(name) * np.array([group.values(f"{part}/{name}", seeds) for group in groups])

    validation, test, second = values("kept", metric), values("test", metric), values("kept", tie_break_of(metric))
    default = next((index for index in candidates if groups[index].config_hash == default_hash), None)
    place = None if default is None else candidates.index(default)
    decision = decide(validation[candidates], test[candidates], place, second[candidates])
    chosen = candidates[decision.chosen]
    by_task: dict[str, PairedTest] = {}
    examples: dict[str, tuple[float, float]] = {}
    if default is not None and chosen != default:
        others = [index for index in candidates if index != default]
        for name in TASKS:
            made = family(values("test", name), default, others, len(others))
            by_task[name] = next(found for found in made if found.setting == chosen)
        examples = over_examples(groups[chosen], groups[default], read)
    return SweepComparison(
        settings=settings,
        candidates=candidates,
        seeds=seeds,
        metric=metric,
        front=_front([settings[index] for index in candidates], seeds),
        decision=decision,
        default=default,
        by_task=by_task,
        over_examples=examples,
        methods=compare_methods(groups, candidates, validation, test, second),
    )


def sign_of(metric: str) -> float:
    """Return -1 for a metric of which less is better, else 1: differences in a decision are of the product."""
    return -1.0 if metric == "center_error_px" else 1.0


def tie_break_of(metric: str) -> str:
    """Return the metric that decides among settings that are equal in the one chosen by."""
    return "accuracy" if metric == "mean_iou" else "mean_iou"


def _candidates(groups: Sequence[SettingRuns]) -> list[int]:
    """Return what can be chosen: both tasks trained, no control, no second name of the same method; final runs alone
    where there are any. A setting without a finished run cannot be."""
    having = [index for index, group in enumerate(groups) if group.runs]
    finals = [index for index in having if groups[index].role == FINAL]
    if finals:
        return finals
    left_out = equivalents(groups)
    both = [index for index in having if groups[index].single_task is None and groups[index].role != CONTROL]
    return [index for index in both if index not in left_out] or having


def _front(settings: Sequence[SettingSummary], seeds: Sequence[int]) -> Front:
    points = {}
    for seed in seeds:
        having = [setting.runs.runs[seed].metrics for setting in settings if seed in setting.runs.runs]
        if having:
            points[seed] = np.array([[metrics[f"test/{name}"] for name in TASKS] for metrics in having])
    classes = max(int(run.tags.get("classes", "10")) for setting in settings for run in setting.runs.runs.values())
    reference = (1 / classes, float(np.mean([setting.baseline for setting in settings])))
    means = np.array([[setting.test[name].mean for name in TASKS] for setting in settings])
    most = max(map(len, points.values()), default=0)
    whole = [seed for seed, found in points.items() if len(found) == most]
    sets = [points[seed] for seed in whole]
    knee = fronts.knee(means)
    return Front(
        points=points,
        whole=whole,
        reference=reference,
        hypervolume=mean_interval([fronts.hypervolume(found, reference) for found in sets]),
        attained={share: fronts.attainment(sets, share) for share in SHARES},
        best=[int(index) for index in np.flatnonzero(fronts.non_dominated(means))],
        knee=knee,
    )


def finite(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return value if math.isfinite(value) else None
