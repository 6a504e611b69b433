"""What costs nothing: how much weight the other task can have before one task loses more than a margin.

``compare.keep={accuracy: .005}`` tests weights in a fixed sequence against the run that trains the class alone, in
rising weight of the box from the configured one on, since less of it is not what anybody asks for. Each is to lose
less than the margin, by a paired one-sided t test at 5 %, and the first that is not shown to ends the sequence
(Maurer, Hothorn & Lehmacher 1995). So in at most 5 % of sweeps is any weight called free that is not, without a
correction. ``mean_iou`` and ``center_error_px`` are kept the other way round: in falling weight of the box, against
the box alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from locexp.analysis.decision import DECIMALS
from locexp.analysis.methods import FIXED
from locexp.analysis.over_examples import over_examples
from locexp.analysis.results import ReadFile, SettingRuns
from locexp.analysis.statistics import ALPHA, Interval, mean_interval
from locexp.errors import UserError
from locexp.evaluation.metrics import TASK_OF, sign_of
from locexp.records.sweep_list import CONTROL

ADD = {
    "classification": "sweep.single_task=true, or loss.bbox_weight=0 among the values of a --multirun",
    "bbox": "sweep.single_task=true, or a run with loss.classification_weight=0",
}


@dataclass(frozen=True)
class Step:
    """A setting tested against the task alone.

    Attributes:
        setting: its index.
        difference: setting minus task alone, on test, higher is better, with its 95 % interval.
        p: one-sided, that it loses less than the margin; NaN with fewer than two common seeds.
    """

    setting: int
    difference: Interval
    p: float

    @property
    def is_kept(self) -> bool:
        """Whether it is shown to lose less than the margin."""
        return self.p <= ALPHA


@dataclass(frozen=True)
class FreeWeights:
    """A sequence of weights in which one task is kept.

    Attributes:
        metric: what is kept.
        margin: what may be lost of it, in its unit.
        alone: index of the setting that trains its task alone.
        steps: in the order of the tests, up to the first that failed.
        over_examples: the 95 % bootstrap interval over test examples of the last one that passed minus the task
            alone; ``None`` where there is none.
    """

    metric: str
    margin: float
    alone: int
    steps: list[Step]
    over_examples: tuple[float, float] | None

    @property
    def task(self) -> str:
        """The task that is kept: ``classification`` or ``bbox``."""
        return TASK_OF[self.metric]

    @property
    def last(self) -> Step | None:
        """The last setting that passed: the most weight of the other task for free; ``None`` where the first failed."""
        passed = [step for step in self.steps if step.is_kept]
        return passed[-1] if passed else None

    @property
    def failed(self) -> Step | None:
        """The setting that ended the sequence; ``None`` where all passed."""
        return None if self.steps[-1].is_kept else self.steps[-1]


def what_is_free(
    settings: Sequence[SettingRuns], keep: Mapping[str, float], default_hash: str | None, read: ReadFile
) -> list[FreeWeights]:
    """Return the sequence of tests for each metric that is to be kept.

    Args:
        settings: of a sweep.
        keep: margins by metric, one of :data:`~locexp.evaluation.metrics.TASK_OF`.
        default_hash: the config hash of the configured setting.
        read: for the bootstrap over examples.

    Raises:
        UserError: a single-task run is missing, or there are no weights to test against it.
    """
    # A setting that has final runs, on other seeds, has earlier ones on those of the task alone.
    whole = [replace(one, runs=one.earlier | one.runs) for one in settings]
    return [_sequence(whole, metric, margin, default_hash, read) for metric, margin in keep.items()]


def _sequence(
    settings: Sequence[SettingRuns], metric: str, margin: float, default_hash: str | None, read: ReadFile
) -> FreeWeights:
    task, given = TASK_OF[metric], f"compare.keep={{{metric}: {margin:g}}}"
    singles = [index for index, one in enumerate(settings) if one.single_task == task and one.runs]
    name = "the class" if task == "classification" else "the box"
    if not singles:
        raise UserError(
            f"{given}: the sweep has no finished run that trains {name} alone, to compare with; add it to the sweep "
            f"by {ADD[task]}."
        )
    both = [index for index, one in enumerate(settings) if _is_weight(one)]
    weights = [index for index in both if settings[index].beside == settings[singles[0]].beside]
    ratios = [settings[index].ratio for index in weights]
    if len(singles) > 1 or len(weights) < len(both) or len(set(ratios)) < len(ratios):
        raise UserError(
            f"{given}: expected a sweep in which the ratio of the weights alone varies; this one varies more."
        )
    if not weights:
        raise UserError(f"{given}: the sweep has no finished run with fixed weights of both tasks to compare.")
    alone = settings[singles[0]]
    order = sorted(weights, key=lambda index: settings[index].ratio, reverse=task == "bbox")
    hashes = [settings[index].config_hash for index in order]
    if task == "classification" and default_hash in hashes:
        order = order[hashes.index(default_hash) :]
    steps: list[Step] = []
    for index in order:
        steps.append(_step(settings, index, alone, metric, margin))
        if not steps[-1].is_kept:
            break
    found = FreeWeights(metric, margin, singles[0], steps, None)
    if found.last is None:
        return found
    beside = over_examples(settings[found.last.setting], alone, read) or {}
    return FreeWeights(metric, margin, singles[0], steps, beside.get(metric))


def _is_weight(setting: SettingRuns) -> bool:
    """Whether a setting has fixed weights of both tasks, and a finished run."""
    return bool(setting.runs) and setting.single_task is None and setting.method == FIXED and setting.role != CONTROL


def _step(settings: Sequence[SettingRuns], index: int, alone: SettingRuns, metric: str, margin: float) -> Step:
    seeds = [seed for seed in settings[index].runs if seed in alone.runs]
    name = f"test/{metric}"
    gaps = sign_of(metric) * (settings[index].values(name, seeds) - alone.values(name, seeds))
    gaps = np.round(gaps, DECIMALS)
    return Step(index, mean_interval(gaps), loses_less(gaps, margin))


def loses_less(differences: np.ndarray, margin: float) -> float:
    """Return the one-sided p of the paired t test that the mean of differences (n,) is above ``-margin``.

    NaN with fewer than two pairs; 0 or 1 where all are equal.
    """
    count = len(differences)
    if count < 2:
        return math.nan
    gain = float(np.mean(differences)) + margin
    error = float(np.std(differences, ddof=1)) / math.sqrt(count)
    if error == 0:
        return 0.0 if gain > 0 else 1.0
    return float(special.stdtr(count - 1, -gain / error))
