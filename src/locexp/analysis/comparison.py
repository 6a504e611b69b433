"""The comparison of a sweep: per setting, the front, the decision; numbers only."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from locexp.analysis.confirmation import confirm
from locexp.analysis.decision import Decision, PairedTest, decide, family, untested
from locexp.analysis.equality import LEAST_SEEDS, Equality, practical_equality
from locexp.analysis.free import FreeWeights, what_is_free
from locexp.analysis.margins import TestPart, check_on, margin_for, read_test_part
from locexp.analysis.methods import Methods, compare_methods, equivalents
from locexp.analysis.over_examples import over_examples
from locexp.analysis.race import Race, read_race
from locexp.analysis.results import METRIC_OF_TASK, TASKS, ReadFile, SettingRuns
from locexp.analysis.statistics import Interval, delta_m, mean_interval
from locexp.evaluation import fronts
from locexp.evaluation.choice import choose
from locexp.evaluation.metrics import sign_of
from locexp.records.sweep_list import CONFIRMATION, CONTROL, FINAL, short_names

SHARES = (0.25, 0.5, 0.75)
"""The attainment surfaces that are shown: reached by at least these shares of the seeds."""


@dataclass(frozen=True)
class Front:
    """The accuracy-IoU front on test; without single-task runs, which answer half the question.

    Attributes:
        points: by seed, (candidates, 2) of those that have the seed.
        reference: chance accuracy, and the mean IoU of a constant box: what needs no network.
        whole: the seeds with the most settings, with all of them where possible: the hypervolume and the bands are
            over these, since a seed without a good setting would look like a worse sweep.
        hypervolume: over seeds, against the reference.
        attained: by share, the corners of the attainment surface.
        best: the candidates whose means no other candidate's mean dominates.
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
    """Everything that a report shows; all indices are of ``settings``.

    Attributes:
        settings: in the order of the sweep's list.
        names: of the settings, for people: see :func:`~locexp.records.sweep_list.short_names`.
        candidates: those that can be chosen: see :func:`candidates_of`.
        seeds: all that occur.
        metric: the settings were chosen by it.
        front: of the candidates.
        decision: among the candidates.
        default: what the command runs without a sweep, or ``None``.
        delta_m: how much worse than the single-task runs, in percent, with its terms; only for settings with
            matching single-task runs.
        by_task: for each task's metric, the chosen setting against the default one, corrected over the settings. Empty
            without a default.
        over_examples: for each metric, the 95 % bootstrap interval over test examples of chosen minus default;
            ``None`` where a table of predictions is missing or cannot be read.
        methods: the comparison of weighting methods, or ``None`` where the sweep varies none, or is a race.
        equality: which candidates are as good as the best; ``None`` of one candidate, without a margin, or with too
            few seeds to tell unless one was given.
        free: what costs nothing, for each metric that is to be kept.
        test_part: what records say of it.
        race: how the settings got to where they are, or ``None`` where all were trained to the end.
    """

    settings: list[SettingRuns]
    names: list[str]
    candidates: list[int]
    seeds: list[int]
    metric: str
    front: Front
    decision: Decision
    default: int | None
    delta_m: dict[int, tuple[float, dict[str, float]]]
    by_task: dict[str, PairedTest]
    over_examples: dict[str, tuple[float, float]] | None
    methods: Methods | None
    equality: Equality | None
    free: list[FreeWeights]
    test_part: TestPart
    race: Race | None = None

    @property
    def is_final(self) -> bool:
        """Whether settings are compared that earlier stages chose, on seeds that had no part in that choice."""
        return self.settings[self.chosen].role in (FINAL, CONFIRMATION)

    @property
    def not_pursued(self) -> list[int]:
        """Indices of the settings that a race did not pursue to the end."""
        return [index for index, setting in enumerate(self.settings) if setting.not_pursued]

    @property
    def chosen(self) -> int:
        """Index of the chosen one."""
        return self.decision.chosen


def compare_settings(
    settings: Sequence[SettingRuns],
    *,
    default_hash: str | None,
    metric: str,
    read: ReadFile,
    typed: Collection[str] = (),
    margin: float | None = None,
    keep: Mapping[str, float] | None = None,
) -> SweepComparison:
    """Compare the settings of a sweep.

    Args:
        settings: at least one with a finished run.
        default_hash: the config hash of what the command runs without a sweep.
        metric: to choose by, one of :data:`~locexp.evaluation.metrics.METRICS`.
        read: for the bootstrap over examples.
        typed: keys of the command, whose values are named with all of their digits.
        margin: a setting that loses less of the metric is as good; by default see
            :func:`~locexp.analysis.margins.margin_for`.
        keep: what may be lost at most, by metric, for what costs nothing.

    Raises:
        UserError: a margin cannot be told on this test part, or a single-task run is missing to keep a metric.
    """
    test_part = read_test_part(settings, read)
    worth_nothing = margin_for(metric, margin, test_part)
    for name, most in (keep or {}).items():
        check_on(f"compare.keep={{{name}: {most:g}}}", name, most, test_part)
    seeds = sorted({seed for setting in settings for seed in setting.runs})
    candidates = candidates_of(settings)

    def values(part: str, name: str) -> np.ndarray:
        return signed(settings, seeds, f"{part}/{name}")

    validation, test, second = values("kept", metric), values("test", metric), values("kept", tie_break_of(metric))
    default = next((index for index in candidates if settings[index].config_hash == default_hash), None)
    race = read_race(settings, metric, read)
    if race is None:
        decision = decide(validation, test, default, second, candidates)
    else:
        order = _order(settings, candidates, validation, second)
        decision = confirm(test, order, default, [index for index in order if _has_ended(settings[index])])
    chosen = decision.chosen
    by_task: dict[str, PairedTest] = {}
    examples: dict[str, tuple[float, float]] | None = {}
    if default is not None and chosen != default:
        others = [chosen] if race else [index for index in candidates if index != default]
        of_tasks = {name: values("test", name) for name in TASKS}
        if any(one.setting == chosen and one.verdict == "not tested" for one in decision.against_default):
            by_task = {name: untested(of_task, default, [chosen])[0] for name, of_task in of_tasks.items()}
        else:
            at = others.index(chosen)
            by_task = {name: family(of_task, default, others, len(others))[at] for name, of_task in of_tasks.items()}
        examples = over_examples(settings[chosen], settings[default], read)
    most_seeds = max(len(settings[index].runs) for index in candidates)
    can_tell = len(candidates) > 1 and (most_seeds >= LEAST_SEEDS or margin is not None)
    if race is not None:  # what is planned and has not ended is not tested
        can_tell = can_tell and all(
            settings[one].role == CONFIRMATION and not settings[one].unended for one in candidates
        )
    return SweepComparison(
        settings=list(settings),
        names=short_names([setting.varied for setting in settings], typed),
        candidates=candidates,
        seeds=seeds,
        metric=metric,
        front=_front(settings, candidates, seeds),
        decision=decision,
        default=default,
        delta_m=_delta_m(settings),
        by_task=by_task,
        over_examples=examples,
        methods=None if race else compare_methods(settings, candidates, validation, test, second),
        equality=None if worth_nothing is None or not can_tell else practical_equality(test, candidates, worth_nothing),
        free=what_is_free(settings, keep or {}, default_hash, read),
        test_part=test_part,
        race=race,
    )


def tie_break_of(metric: str) -> str:
    """Return the metric that decides among settings that are equal in the one chosen by."""
    return "accuracy" if metric == "mean_iou" else "mean_iou"


def signed(settings: Sequence[SettingRuns], seeds: Sequence[int], name: str) -> np.ndarray:
    """Return a metric by its whole name, such as ``kept/mean_iou``, with a sign by which higher is better.

    Returns:
        Float (settings, seeds), NaN where a run is missing.
    """
    sign = sign_of(name.partition("/")[2])
    return sign * np.array([setting.values(name, seeds) for setting in settings])


def candidates_of(settings: Sequence[SettingRuns]) -> list[int]:
    """Return what can be chosen: both tasks trained, no control, no second name of the same method; final runs alone
    where there are any, in a race those that it confirmed, the chosen one first. A setting without a finished run
    cannot be."""
    having = {index: setting for index, setting in enumerate(settings) if setting.runs}
    confirmed = [index for index, setting in having.items() if setting.role == CONFIRMATION]
    if confirmed:  # a task alone is run beside the others, for Δm
        both = [index for index in confirmed if settings[index].single_task is None] or confirmed
        return sorted(both, key=lambda index: math.inf if (place := settings[index].place) is None else place)
    finals = [index for index, setting in having.items() if setting.role == FINAL]
    if finals:
        return finals
    left_out = equivalents(settings)
    both = [index for index, setting in having.items() if setting.single_task is None and setting.role != CONTROL]
    return [index for index in both if index not in left_out] or list(having)


def _order(
    settings: Sequence[SettingRuns], candidates: Sequence[int], validation: np.ndarray, tie_break: np.ndarray
) -> list[int]:
    """Return what a race confirmed, in the order of the tests; else its choice so far, and then the others."""
    if settings[candidates[0]].place is not None:
        return [index for index in candidates if settings[index].place is not None]
    chosen = choose(validation, tie_break, candidates).index
    return [chosen, *(index for index in candidates if index != chosen)]


def _has_ended(setting: SettingRuns) -> bool:
    """Whether all runs by which a setting is to be confirmed have ended."""
    return setting.place is not None and setting.unended == 0


def _delta_m(settings: Sequence[SettingRuns]) -> dict[int, tuple[float, dict[str, float]]]:
    """Return Δm and its terms by setting, against the single-task runs that share what else varies with it."""
    alone: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for setting in settings:
        if setting.single_task and setting.runs:
            name = METRIC_OF_TASK[setting.single_task]
            alone.setdefault(setting.beside, {})[name] = setting.test[name].mean
    return {
        index: delta_m({name: setting.test[name].mean for name in TASKS}, means)
        for index, setting in enumerate(settings)
        if setting.runs and len(means := alone.get(setting.beside, {})) == len(TASKS) and all(means.values())
    }


def _front(settings: Sequence[SettingRuns], candidates: Sequence[int], seeds: Sequence[int]) -> Front:
    compared = [settings[index] for index in candidates]
    points = {}
    for seed in seeds:
        having = [setting.runs[seed].metrics for setting in compared if seed in setting.runs]
        if having:
            points[seed] = np.array([[metrics[f"test/{name}"] for name in TASKS] for metrics in having])
    classes = max(int(run.tags.get("classes", "10")) for setting in compared for run in setting.runs.values())
    reference = (1 / classes, float(np.mean([setting.baseline for setting in compared])))
    means = np.array([[setting.test[name].mean for name in TASKS] for setting in compared])
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
        best=[index for index, is_best in zip(candidates, fronts.non_dominated(means), strict=True) if is_best],
        knee=None if knee is None else candidates[knee],
    )
