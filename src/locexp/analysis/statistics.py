"""Statistics of a sweep: intervals over seeds, paired tests, corrections, and how many seeds would suffice."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

ALPHA, CONFIDENCE, POWER = 0.05, 0.95, 0.8
"""Level of the tests, confidence of the intervals, power by which seeds are counted."""
EFFICIENCY = 3 / math.pi
"""Of the signed-rank test against the t-test where differences are normal (Hodges & Lehmann 1956)."""
MOST_SEEDS = 1000
RESAMPLES = 2000
"""Of a bootstrap: each has as many examples as there are, with replacement."""


@dataclass(frozen=True)
class Interval:
    """A mean and half the width of its interval; not a number where one value says nothing about the spread.

    As text, such as ``f"{interval:.4f}"``, it is ``0.9312 ± 0.0021``; the mean alone where there is no interval.
    """

    mean: float
    half_width: float
    n: int

    def __format__(self, specification: str) -> str:
        text = format(self.mean, specification)
        if not math.isfinite(self.half_width):
            return text
        return f"{text} ± {format(self.half_width, specification.removeprefix('+'))}"


def mean_interval(values: Sequence[float] | np.ndarray) -> Interval:
    """Return the mean with Student's interval over independent values, such as seeds."""
    data = np.asarray(values, float)
    if len(data) < 2:
        return Interval(float(data.mean()) if len(data) else math.nan, math.nan, len(data))
    quantile = special.stdtrit(len(data) - 1, (1 + CONFIDENCE) / 2)
    return Interval(float(data.mean()), float(quantile * data.std(ddof=1) / math.sqrt(len(data))), len(data))


def holm(p_values: Sequence[float], comparisons: int | None = None) -> list[float]:
    """Return p values corrected for several comparisons by Holm's step-down procedure (Holm 1979).

    Args:
        p_values: of the comparisons that were made.
        comparisons: how many were declared, where that is more.
    """
    count = max(comparisons or 0, len(p_values))
    corrected, running = [0.0] * len(p_values), 0.0
    for position, index in enumerate(np.argsort(p_values, kind="stable")):
        running = max(running, min(1.0, (count - position) * p_values[index]))
        corrected[index] = running
    return corrected


def smallest_reachable_p(pairs: int, comparisons: int) -> float:
    """Return the least corrected p that the signed-rank test can give: comparisons · 2 / 2^pairs, at most 1."""
    return min(1.0, comparisons * 2.0 ** (1 - pairs))


def seeds_needed(comparisons: int) -> int:
    """Return the fewest pairs at which a corrected p of at most :data:`ALPHA` can be reached at all."""
    return max(1, math.ceil(math.log2(comparisons / ALPHA) + 1 - 1e-12))


def seeds_for_power(differences: Sequence[float] | np.ndarray, comparisons: int) -> int | None:
    """Return how many seeds would suffice to find a difference like the observed one.

    The power of the t-test at ``ALPHA / comparisons`` for normal differences of the observed mean and standard
    deviation, by the noncentral t distribution, over the signed-rank test's efficiency of 3/π.

    Returns:
        The number, at least :func:`seeds_needed`; ``None`` beyond :data:`MOST_SEEDS` or without a difference.
    """
    data = np.asarray(differences, float)
    least = seeds_needed(comparisons)
    if len(data) < 2 or data.mean() == 0:
        return None
    spread = data.std(ddof=1)
    if spread == 0:
        return least
    effect = abs(data.mean()) / spread

    def is_enough(count: int) -> bool:
        quantile = special.stdtrit(count - 1, 1 - ALPHA / comparisons / 2)
        return bool(1 - special.nctdtr(count - 1, effect * math.sqrt(count), quantile) >= POWER)

    found = bisect.bisect_left(range(2, MOST_SEEDS + 1), True, key=is_enough) + 2
    needed = math.ceil(found / EFFICIENCY)
    return max(least, needed) if needed <= MOST_SEEDS else None


def bootstrap_interval(differences: np.ndarray) -> tuple[float, float]:
    """Return the percentile interval of the mean of differences (n,) over examples, by a fixed seed (Efron 1979)."""
    data = np.asarray(differences, float)
    random = np.random.default_rng(0)
    means = np.array([data[random.integers(0, len(data), len(data))].mean() for _ in range(RESAMPLES)])
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def delta_m(metrics: Mapping[str, float], single_task: Mapping[str, float]) -> tuple[float, dict[str, float]]:
    """Return Δm% and its terms: how much worse than alone, on average; lower is better (Maninis et al. 2019).

    Args:
        metrics: of a setting, by name; higher is better in each.
        single_task: the same of the runs that trained one task alone.
    """
    terms = {name: -100 * (metrics[name] - alone) / alone for name, alone in single_task.items()}
    return sum(terms.values()) / len(terms), terms
