"""The confirmation of a race: planned comparisons on fresh seeds, in a fixed order, each at .05."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from locexp.evaluation.metrics import SELECTION_METRIC
from locexp.evaluation.signed_rank import rank_balance, signed_rank
from locexp.records.sweep_list import CONFIRMATION
from locexp.sweep.setting import Dropped, Row, Setting, Stage, Stages, distinct

LEVEL = 0.05
DECIMALS = 10
"""Differences are rounded to this many, so that equal differences of shares tie in spite of floating point."""


def confirmation(
    chosen: Setting,
    configured: Setting,
    runner_up: Setting | None,
    *,
    beside: Sequence[Setting],
    edges: Sequence[Setting],
    seeds: int,
    dropped: list[Dropped],
) -> Stages:
    """Yield the chosen and the configured setting on fresh seeds; then, if the chosen one is shown to be better, the
    runner-up on the same seeds. Where the chosen setting is the configured one, only the runner-up is run beside it.

    The choice is made before, on other seeds, and the second comparison is made only where the first one has shown
    something, so that each is at .05 without a correction (a fixed sequence: Maurer, Hothorn & Lehmacher 1995).

    Args:
        chosen, configured: the settings.
        runner_up: the best of the others on validation; ``None``: there is none.
        beside: settings that are run on the same seeds, outside this order: of one task.
        edges: of the range of good ratios, likewise.
        seeds: how many fresh ones.
        dropped: what is not pursued from here on.
    """
    first = [chosen, configured] if chosen != configured else [chosen, *([runner_up] if runner_up is not None else [])]
    more = chosen != configured and runner_up is not None
    others = [setting for setting in distinct([*edges, *beside]) if setting not in first]
    outcomes = yield Stage([_fresh(one, seeds) for one in [*first, *others]], more=more, dropped=dropped)
    if more and runner_up is not None and runner_up not in edges and is_shown(outcomes[0], outcomes[1]):
        yield Stage([_fresh(runner_up, seeds)])


def _fresh(setting: Setting, seeds: int) -> Setting:
    return Setting(setting.values, fresh_seeds=seeds, role=CONFIRMATION)


def is_shown(chosen: Row, other: Row) -> bool:
    """Whether a setting is shown to be better than another one, by the exact signed-rank test on test metrics."""
    name = f"test/{SELECTION_METRIC}"
    pairs = [
        round(first[name] - second[name], DECIMALS)
        for first, second in zip(chosen, other, strict=True)
        if first is not None and second is not None
    ]
    return signed_rank(np.array(pairs)) <= LEVEL and rank_balance(np.array(pairs)) > 0
