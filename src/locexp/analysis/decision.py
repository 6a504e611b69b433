"""Which setting to use: chosen on validation, judged on test, with paired tests over seeds.

Every setting is compared with the default setting (one family) and with the chosen one (another); in both, p values
are corrected by Holm. Choosing the best on validation and testing it on test is not independent, since both come from
the same networks. Against the default, the chosen setting is one of the comparisons that were declared, so Holm over
all of them keeps the family-wise error whichever is chosen. Against the chosen one, every pair could have been asked
for, so the correction counts all pairs. ``benchmarks/false_positives.py`` measures what this gives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from locexp.analysis.statistics import (
    ALPHA,
    Interval,
    holm,
    mean_interval,
    seeds_for_power,
    seeds_needed,
    smallest_reachable_p,
)
from locexp.evaluation.choice import Choice, choose
from locexp.evaluation.signed_rank import rank_balance, signed_rank

DECIMALS = 10
"""Differences are rounded to this many, so that equal differences of shares tie in spite of floating point."""

Verdict = Literal["better", "worse", "not better", "no difference seen", "too few seeds to tell", "not tested"]


@dataclass(frozen=True)
class PairedTest:
    """A setting tested against another one, on test data, paired by seed.

    Attributes:
        setting: its index.
        difference: setting minus the other, with its 95 % interval over seeds.
        p: of the signed-rank test; NaN where none was made, like the next two.
        corrected: the p corrected by Holm.
        smallest_reachable_p: the smallest corrected p that so many pairs with a difference can give, by Holm's first
            step, or ``corrected`` where a later step gave less.
        verdict: on the setting, from the corrected p at 5 %; its direction is that of the signed ranks, which the test
            is about. Only :mod:`.methods` gives "not better", and only :mod:`.confirmation` "not tested".
        min_seeds: the fewest seeds at which the corrected p can be at most 5 %.
        seeds_for_power: how many seeds would find a difference like this one in four of five sweeps; ``None``: over
            1000, or there are fewer than two pairs to estimate its spread from.
    """

    setting: int
    difference: Interval
    p: float
    corrected: float
    smallest_reachable_p: float
    verdict: Verdict
    min_seeds: int
    seeds_for_power: int | None


@dataclass(frozen=True)
class Decision:
    """Which setting a sweep chooses, and how the others compare with it.

    Attributes:
        choice: the setting with the best mean on validation.
        against_default: every other setting against the default one; empty where there is none.
        against_chosen: every other setting against the chosen one.
    """

    choice: Choice
    against_default: list[PairedTest]
    against_chosen: list[PairedTest]

    @property
    def chosen(self) -> int:
        """The index of the chosen setting."""
        return self.choice.index


def decide(
    validation: np.ndarray,
    test: np.ndarray,
    default: int | None,
    tie_break: np.ndarray | None = None,
    candidates: Sequence[int] | None = None,
) -> Decision:
    """Choose a setting on validation, and test the settings against it and against the default one.

    Args:
        validation: float (settings, seeds), the metric to choose by, higher is better; NaN where a run is missing.
        test: the same on test.
        default: the index of the default setting.
        tie_break: on validation, the metric that decides among settings that are equal in the first.
        candidates: indices of the settings that can be chosen, all by default; the others have no part in this.

    Raises:
        ValueError: no candidate has a value.
    """
    candidates = range(len(test)) if candidates is None else candidates
    count = len(candidates)
    choice = choose(validation, validation if tie_break is None else tie_break, candidates)

    def against(other: int, comparisons: int) -> list[PairedTest]:
        return family(test, other, [index for index in candidates if index != other], comparisons)

    against_default = [] if default is None else against(default, count - 1)
    return Decision(choice, against_default, against(choice.index, math.comb(count, 2)))


def family(test: np.ndarray, other: int | Sequence[int], settings: Sequence[int], comparisons: int) -> list[PairedTest]:
    """Test settings against another one, with p values corrected by Holm: one family.

    Args:
        test: float (settings, seeds), higher is better; NaN where a run is missing.
        other: index of the setting to compare with, or one for each of ``settings``.
        settings: indices of those to test.
        comparisons: how many were declared, at least as many as ``settings``; Holm counts these.
    """
    differences = _differences(test, other, settings)
    p_values = [signed_rank(pairs) for pairs in differences]
    corrected = holm(p_values, comparisons)
    return [
        _paired_test(index, pairs, p, adjusted, comparisons)
        for index, pairs, p, adjusted in zip(settings, differences, p_values, corrected, strict=True)
    ]


def untested(test: np.ndarray, other: int, settings: Sequence[int]) -> list[PairedTest]:
    """Return the differences of settings from another one without a test; arguments are those of :func:`family`."""
    return [
        PairedTest(index, mean_interval(pairs), math.nan, math.nan, math.nan, "not tested", seeds_needed(1), None)
        for index, pairs in zip(settings, _differences(test, other, settings), strict=True)
    ]


def _differences(test: np.ndarray, other: int | Sequence[int], settings: Sequence[int]) -> list[np.ndarray]:
    """Return, of each setting, the differences of the seeds that both it and the other one have."""
    opponents = np.broadcast_to(np.asarray(other, int), len(settings))
    gaps = np.round(test[np.asarray(settings, int)] - test[opponents], DECIMALS)
    return [row[np.isfinite(row)] for row in gaps]


def _paired_test(setting: int, pairs: np.ndarray, p: float, corrected: float, comparisons: int) -> PairedTest:
    # The test drops pairs without a difference.
    reachable = smallest_reachable_p(int(np.count_nonzero(pairs)), comparisons)
    # Pairs that are all equal, and enough of them, have shown something: that there is no difference.
    are_equal = not pairs.any() and smallest_reachable_p(len(pairs), comparisons) <= ALPHA
    verdict: Verdict = "no difference seen"
    if corrected <= ALPHA:
        verdict = "better" if rank_balance(pairs) > 0 else "worse"
    elif reachable > ALPHA and not are_equal:
        verdict = "too few seeds to tell"
    return PairedTest(
        setting,
        mean_interval(pairs),
        p,
        corrected,
        min(reachable, corrected),
        verdict,
        min_seeds=seeds_needed(comparisons),
        seeds_for_power=seeds_for_power(pairs, comparisons),
    )
