"""Wilcoxon's signed-rank test over paired differences, exact with ties and zeros."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

EXACT_LIMIT = 200
"""Up to this many pairs the signed-rank test is exact; beyond it, the normal approximation is."""


def signed_rank(differences: Sequence[float] | np.ndarray) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test over paired differences (Wilcoxon 1945).

    Zeros are dropped and ties share their mean rank; the null distribution is that of all sign flips of these ranks,
    so the p is exact with ties too, up to :data:`EXACT_LIMIT` pairs. No pairs at all give 1.
    """
    data = np.asarray(differences, float)
    data = data[data != 0]
    if len(data) == 0:
        return 1.0
    if len(data) > EXACT_LIMIT:
        from scipy import stats  # a second of imports, which few need

        return float(stats.wilcoxon(data, method="approx", correction=True).pvalue)
    doubled = np.rint(2 * _mean_ranks(np.abs(data))).astype(int)  # mean ranks are whole or half
    statistic = int(doubled[data > 0].sum())
    counts = _sign_flips(tuple(sorted(doubled.tolist())))
    total = 2.0 ** len(data)
    tail = min(counts[: statistic + 1].sum(), counts[statistic:].sum())
    return float(min(1.0, 2 * tail / total))


def rank_balance(differences: Sequence[float] | np.ndarray) -> float:
    """Return the sum of the signed ranks of paired differences, zeros dropped: the direction of :func:`signed_rank`."""
    data = np.asarray(differences, float)
    data = data[data != 0]
    return float((np.sign(data) * _mean_ranks(np.abs(data))).sum())


def _mean_ranks(values: np.ndarray) -> np.ndarray:
    """Return the rank of each value, from 1; equal ones share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean: np.ndarray = np.cumsum(counts) - (counts - 1) / 2
    return mean[place]


@functools.lru_cache(maxsize=256)
def _sign_flips(ranks: tuple[int, ...]) -> np.ndarray:
    """Return how many of the 2^n sign flips give each sum of positive ranks."""
    counts = np.zeros(sum(ranks) + 1)
    counts[0] = 1
    for rank in ranks:
        counts[rank:] += counts[:-rank].copy()
    return counts
