"""What a plan yields and what it receives.

A plan is a generator function ``plan(base, **arguments)``: ``base`` is the composed configuration that it varies, the
arguments are the keys of its ``sweep`` file. It yields one :class:`Stage` at a time; after each it is sent outcomes,
one list per setting with one entry per seed: the validation metrics of the kept epoch by name, such as
``{"accuracy": .98, "mean_iou": .85}``, with the run's mean effective weights (``mean_weights/classification`` and
``mean_weights/bbox``) and what needs no network (``floor/accuracy``, ``floor/mean_iou``), or ``None`` where the run
failed. Given equal outcomes it must yield equal stages: a sweep is resumed by running it again.

What a command sweeps with ``--multirun`` beside a plan is crossed with it: each combination has a plan of its own. A
plan with a parameter ``cells`` (a sequence of :class:`Cell`) gets all combinations instead, and one with ``replicates``
the number of seeds.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from omegaconf import DictConfig

from locexp.evaluation.choice import choose
from locexp.evaluation.metrics import SELECTION_METRIC
from locexp.records.sweep_list import FINAL

Row = list[dict[str, float] | None]
"""The outcomes of one setting."""
Outcomes = list[Row]


@dataclass(frozen=True)
class Cell:
    """One combination of what the command sweeps with ``--multirun``, beside seeds.

    Attributes:
        values: the overrides by key, as a setting may have them.
        base: the configuration with them.
    """

    values: dict[str, str]
    base: DictConfig


@dataclass(frozen=True)
class Setting:
    """One point of a sweep.

    Attributes:
        values: configuration keys and what they are set to.
        fresh_seeds: 0 for the seeds of the sweep; n for n seeds that had not been used when its role first asked for
            fresh ones. Later stages of that role have the same, so that all of its runs can be paired.
        role: empty, ``control``, ``final`` or ``confirmation``, see :data:`locexp.records.sweep_list.CONTROL`. Outcomes
            of a confirmation have the test metrics, too, ``test/…``: a planned test decides what is tested next.
        facts: stored with its runs beside the values, such as ``{"replay": "mgda"}``.
    """

    values: dict[str, float | int | str] = field(default_factory=dict)
    fresh_seeds: int = 0
    role: str = ""
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dropped:
    """A setting that is not pursued from here on.

    Attributes:
        setting: as an earlier stage had it.
        reason: when and why, in one sentence without a full stop.
    """

    setting: Setting
    reason: str


@dataclass(frozen=True)
class Stage:
    """The settings of one stage.

    Attributes:
        settings: what runs.
        more: whether another stage may follow from their outcomes.
        until: the epochs after which these runs pause, >= 1; ``None`` for the end of their budget. A later stage with
            an equal setting and a larger ``until``, or none, continues them: nothing is trained twice. Outcomes are
            those of the best epoch up to the pause, by the run's monitor.
        dropped: settings of earlier stages that are not pursued from here on.
        notes: what is said before the stage begins, one sentence each without a full stop.
    """

    settings: list[Setting]
    more: bool = False
    until: int | None = None
    dropped: list[Dropped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Stages = Generator[Stage, Outcomes, None]


def distinct(settings: Iterable[Setting]) -> list[Setting]:
    """Return the settings in their order, each once."""
    kept: list[Setting] = []
    for setting in settings:
        if setting not in kept:
            kept.append(setting)
    return kept


def final_stage(chosen: Iterable[Setting], seeds: int) -> Stage:
    """Return the stage that runs what earlier ones have chosen, each once, on fresh seeds that had no part in that."""
    return Stage([Setting(setting.values, fresh_seeds=seeds, role=FINAL) for setting in distinct(chosen)])


def mean_outcome(outcomes: Row, name: str) -> float | None:
    """Return the mean of a metric over the seeds that have it; ``None`` where none has."""
    values = [end[name] for end in outcomes if end is not None and name in end]
    return sum(values) / len(values) if values else None


def best_of(outcomes: Outcomes, among: Sequence[int]) -> int | None:
    """Return which setting a comparison would choose by ``SELECTION_METRIC``, ties by mean IoU.

    Args:
        outcomes: of a stage.
        among: indices of the settings to choose from.

    Returns:
        Its index; ``None`` where none of them has a finished run.
    """
    having = [index for index in among if any(outcomes[index])]
    if not having:
        return None
    values, second = (table_of(outcomes, name) for name in (SELECTION_METRIC, "mean_iou"))
    return choose(values, second, having).index


def table_of(outcomes: Outcomes, name: str) -> np.ndarray:
    """Return a metric of outcomes: float (settings, seeds), NaN where there is none."""
    table = np.full((len(outcomes), max(map(len, outcomes), default=0)), np.nan)
    for row, ends in zip(table, outcomes, strict=True):
        row[: len(ends)] = [(end or {}).get(name, np.nan) for end in ends]
    return table
