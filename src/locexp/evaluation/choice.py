"""Choosing the best setting on validation, though some runs may be missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

SHARE = 1 / 2
"""A setting can be chosen where it has at least this share of the runs of the setting that has most."""
EQUAL = 1e-9
"""Means this close are equal."""


@dataclass(frozen=True)
class Choice:
    """A choice; all indices are of settings.

    Attributes:
        index: the chosen one.
        equal: others whose mean is the same as its.
        by_tie_break: they were equal, and the second metric told them apart; else the first in the list was taken.
        excluded: those that have too few runs to be chosen.
        adjusted: some runs are missing, so the means were adjusted for what each seed gives.
    """

    index: int
    equal: list[int] = field(default_factory=list)
    by_tie_break: bool = False
    excluded: list[int] = field(default_factory=list)
    adjusted: bool = False


def choose(values: np.ndarray, tie_break: np.ndarray, among: Sequence[int]) -> Choice:
    """Choose the setting with the best mean.

    Seeds differ, and a setting that lacks a bad one looks better than it is; so where runs are missing, means are
    adjusted: see :func:`adjusted_means`.

    Args:
        values: float (settings, seeds), higher is better, NaN where a run is missing.
        tie_break: the same of the metric that decides among equal means.
        among: indices of those to choose from.

    Raises:
        ValueError: none of them has a value.
    """
    rows = np.asarray(among, int)
    counts = np.isfinite(values[rows]).sum(axis=1)
    if not counts.any():
        raise ValueError("no setting has a finished run")
    kept = rows[counts >= SHARE * counts.max() - EQUAL]
    seeds = np.isfinite(values[kept]).any(axis=0)  # others are of settings that are not chosen from
    means = adjusted_means(values[kept][:, seeds])
    best = kept[means >= means.max() - EQUAL]
    second = adjusted_means(tie_break[best][:, seeds])
    index = int(best[second.argmax()])
    return Choice(
        index,
        equal=[int(other) for other in best if other != index],
        by_tie_break=bool((second < second.max() - EQUAL).any()),
        excluded=[int(other) for other in rows if other not in kept],
        adjusted=not np.isfinite(values[kept][:, seeds]).all(),
    )


def adjusted_means(values: np.ndarray) -> np.ndarray:
    """Return the mean of each row with the effect of each column taken out: the plain mean where nothing is missing.

    The rows' effects in the least-squares fit of value = row + column (Yates 1933), columns having no effect on
    average. Rows that share no columns with others keep their own mean.

    Args:
        values: float (rows, columns), NaN where one is missing; each row has at least one value.
    """
    has = np.isfinite(values)
    counts = has.sum(axis=1)
    means = np.where(has, values, 0).sum(axis=1) / counts
    if has.all():
        return np.asarray(means)
    shares = has / counts[:, None]
    rows, columns = np.nonzero(has)
    # Within a row, a value's distance from the row's mean is its column's effect less the mean of these effects.
    design = -shares[rows]
    design[np.arange(len(rows)), columns] += 1
    effects = np.linalg.lstsq(design, values[has] - means[rows], rcond=None)[0]
    return np.asarray(means - shares @ effects)
