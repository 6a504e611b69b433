"""Practical equality: which settings lose less than a margin against the best one, whichever that is.

A setting is *as good* as the best where it is shown to lose less than the margin against every other: then it does so
against the best, though nobody knows which that is (Hsu 1984; the intersection-union test of Berger 1982). For each
setting as the one that may be the best, all others are tested against it as a family, by the largest of their paired
t over all flips of the signs of the seeds' differences (Westfall & Young 1993, max-t). So a false "as good" is a false
rejection in the family of the setting that is in truth the best, and in at most 5 % of sweeps is there any. *Worse* is
a setting that is shown to lose against some other, by the same test without the margin, with all pairs as one family.
``benchmarks/plateaus.py`` measures what this gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from locexp.analysis.decision import DECIMALS
from locexp.analysis.methods import FIXED
from locexp.analysis.results import SettingRuns
from locexp.analysis.statistics import ALPHA
from locexp.records.sweep_list import CONTROL

LEAST_SEEDS = 5
"""With fewer no p of n seeds, at least 1 / 2^n, is at most :data:`~locexp.analysis.statistics.ALPHA`."""
MOST_FLIPS, FEWEST_FLIPS = 2048, 128
"""Of the signs, each with its opposite: all of them up to twelve seeds; fewer of more than 150 settings."""
EFFORT = 5e7
"""How many t values are computed at most, roughly."""
LARGEST, TIE = 1 - 1e-12, 1e-9
"""Of a mean's share in the root mean square of differences: beyond it they are equal. Values so close are a tie."""

Verdict = Literal["as good", "worse", "open"]


@dataclass(frozen=True)
class Standing:
    """How a setting stands against the best one.

    Attributes:
        verdict: ``as good``: it loses less than the margin; ``worse``: it loses; ``open``: neither is shown.
        p_as_good: the smallest level at which it would be called as good, for the whole sweep.
        p_worse: likewise, at which it would be called worse.
    """

    verdict: Verdict
    p_as_good: float
    p_worse: float


@dataclass(frozen=True)
class Equality:
    """Which settings are as good as the best one.

    Attributes:
        margin: in the unit of the metric: who loses less is as good.
        standings: of the candidates, by index.
    """

    margin: float
    standings: dict[int, Standing]

    def having(self, verdict: Verdict) -> list[int]:
        """Return the settings with a verdict."""
        return [index for index, standing in self.standings.items() if standing.verdict == verdict]


def practical_equality(test: np.ndarray, candidates: Sequence[int], margin: float) -> Equality:
    """Tell which candidates are as good as the best of them.

    Args:
        test: float (settings, seeds), higher is better; NaN where a run is missing.
        candidates: indices of the settings that are compared.
        margin: > 0; a setting that loses less is as good.
    """
    standings = standings_of(test[np.asarray(candidates, int)], margin)
    return Equality(margin, dict(zip(candidates, standings, strict=True)))


def standings_of(values: np.ndarray, margin: float) -> list[Standing]:
    """Return how each row of float (settings, seeds) stands, higher is better; NaN where a run is missing."""
    count, seeds = values.shape
    flips = sign_flips(seeds, count)
    as_good, clearest = np.zeros(count), np.full(count, -np.inf)
    largest = np.full(2 * flips.shape[1], -np.inf)
    for other in range(count):
        gaps = np.round(np.delete(values, other, axis=0) - values[other], DECIMALS)
        rows = np.delete(np.arange(count), other)
        with_margin, without = t_over_flips(gaps + margin, flips), t_over_flips(gaps, flips)
        as_good[rows] = np.maximum(as_good[rows], share_beyond(with_margin[:, 0], largest_of(with_margin)))
        clearest[other] = without[:, 0].max(initial=-np.inf)
        largest = np.maximum(largest, largest_of(without))
    worse = share_beyond(clearest, largest)
    return [
        Standing(verdict_of(good, bad), p_as_good=float(good), p_worse=float(bad))
        for good, bad in zip(as_good, worse, strict=True)
    ]


def verdict_of(p_as_good: float, p_worse: float) -> Verdict:
    """Return the verdict; who loses, but less than the margin, is as good."""
    if p_as_good <= ALPHA:
        return "as good"
    return "worse" if p_worse <= ALPHA else "open"


def sign_flips(seeds: int, settings: int) -> np.ndarray:
    """Return flips of the seeds' signs, float (seeds, flips), the first of which flips none.

    The opposite of each is meant, too. All there are, or as many as there is time for, drawn by a fixed seed.
    """
    most = int(np.clip(EFFORT / settings**2, FEWEST_FLIPS, MOST_FLIPS))
    if 2 ** (seeds - 1) <= most:
        return np.array(list(product([1.0], *[[1.0, -1.0]] * (seeds - 1)))).T
    drawn = np.random.default_rng(0).choice([1.0, -1.0], size=(seeds, most))
    drawn[:, 0] = 1
    return drawn


def t_over_flips(differences: np.ndarray, flips: np.ndarray) -> np.ndarray:
    """Return the paired t of each row over flips of the signs of its values: float (rows, flips).

    Args:
        differences: float (rows, seeds), paired by seed; NaN where one is missing. With fewer than two, t is 0.
        flips: see :func:`sign_flips`.
    """
    has = np.isfinite(differences)
    pairs = has.sum(axis=1)
    known = np.where(has & (pairs >= 2)[:, None], differences, 0)
    scale = np.sqrt(pairs * (known**2).sum(axis=1))
    share = (known / np.where(scale > 0, scale, 1)[:, None]) @ flips  # of the mean in the root mean square, -1 to 1
    share = np.clip(share, -LARGEST, LARGEST)
    return np.asarray(share * np.sqrt(np.maximum(pairs - 1, 0)[:, None] / (1 - share**2)))


def largest_of(t: np.ndarray) -> np.ndarray:
    """Return the largest t of float (rows, flips) in each flip, then in each opposite one: float (2 flips,)."""
    return np.concatenate([t.max(axis=0, initial=-np.inf), -t.min(axis=0, initial=np.inf)])


def share_beyond(found: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Return in which share of the flips the largest t is at least each of those found: adjusted p values."""
    smaller = np.searchsorted(np.sort(largest), found - TIE * np.abs(found))
    return np.asarray((len(largest) - smaller) / len(largest))


def equal_range(settings: Sequence[SettingRuns], equality: Equality, chosen: int) -> list[int]:
    """Return the weights around the chosen ones that are all as good as the best, ascending by their ratio.

    Nothing is claimed across a setting that is open, or was not trained to the end.

    Returns:
        Indices; empty where the chosen setting is not as good itself, or more than the ratio of fixed weights varies.
    """
    both = [index for index, one in enumerate(settings) if one.single_task is None and one.role != CONTROL]
    ratios = [settings[index].ratio for index in both]
    alike = {(settings[index].method, settings[index].beside) for index in both if settings[index].runs}
    if (
        len(alike) != 1
        or next(iter(alike))[0] != FIXED
        or len(set(ratios)) < len(ratios)
        or not np.isfinite(ratios).all()
    ):
        return []
    ordered = [both[place] for place in np.argsort(ratios)]
    good = set(equality.having("as good"))
    if chosen not in good.intersection(ordered):
        return []
    first = last = ordered.index(chosen)
    while first > 0 and ordered[first - 1] in good:
        first -= 1
    while last + 1 < len(ordered) and ordered[last + 1] in good:
        last += 1
    return ordered[first : last + 1]
