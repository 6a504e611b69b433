"""Who goes on after a rung of a race: what its settings reached on validation, and whether that tells them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from locexp.evaluation.choice import adjusted_means
from locexp.evaluation.fronts import non_dominated
from locexp.evaluation.metrics import SELECTION_METRIC
from locexp.sweep.racing.choice import best_first, learned
from locexp.sweep.setting import Outcomes, table_of

LEVEL = 0.05
"""At which settings are shown to differ by more than their seeds do."""
PERMUTATIONS = 1999
ALIKE = 2.0
"""What the squared differences of neighbours count for, as they deviate alike on one seed: on digits, their deviations
correlate by .3 to .5, at which a squared difference is half of that of unlike ones."""


@dataclass(frozen=True)
class Standing:
    """How the settings of a rung stand.

    Attributes:
        order: indices of those with a run, the best first, see :func:`~locexp.sweep.racing.choice.best_first`.
        values: the mean of ``SELECTION_METRIC`` of each setting by itself, NaN without a run.
        front: those of ``order`` that no other one dominates in accuracy and mean IoU.
        learned: how many have left the baseline in both tasks.
        p: of the test whether settings differ by more than their seeds do.
    """

    order: list[int]
    values: np.ndarray
    front: list[int]
    learned: int
    p: float

    def kept(self, keep: int, front: int) -> list[int]:
        """Return the best ``keep``, the best one by itself among them, and up to ``front`` further ones that are on the
        front."""
        alone = max(self.order, key=lambda index: self.values[index])  # whatever its neighbours are
        best = self.order[:keep] if alone in self.order[:keep] else [*self.order[: keep - 1], alone]
        return best + [index for index in self.front if index not in best][:front]

    def held(self, keep: int) -> str:
        """Return why nothing can be dropped yet, as it goes on after "after 1 of 5 epochs"; empty where it can.

        Args:
            keep: how many are to go on: so many must have learned something to be told from the others.
        """
        if self.learned < min(keep, len(self.order)):
            return (
                f"{len(self.order) - self.learned} of {len(self.order)} settings are no better than the baseline (the "
                "most frequent class, a constant box)"
            )
        if self.p > LEVEL:
            return f"settings do not differ by more than seed noise (p {self.p:.2f})"
        return ""


def standing(outcomes: Outcomes, axes: Sequence[Mapping[int, float]], among: Sequence[int]) -> Standing:
    """Return how settings stand after a rung.

    Args:
        outcomes: one list per setting, one entry per seed.
        axes: of each axis, the ratios of its settings by their indices, rising.
        among: indices of the settings that race.
    """
    having = [index for index in among if any(outcomes[index])]
    values, accuracy, iou = (table_of(outcomes, name) for name in (SELECTION_METRIC, "accuracy", "mean_iou"))
    means = np.full((3, len(outcomes)), np.nan)
    for row, table in zip(means, (values, accuracy, iou), strict=True):
        row[having] = adjusted_means(table[having])
    order = best_first(outcomes, having, axes)
    best = non_dominated(means[1:, order].T) if order else np.zeros(0, bool)
    return Standing(
        order,
        means[0],
        front=[index for index, is_best in zip(order, best, strict=True) if is_best],
        learned=sum(all(learned(outcomes[index])) for index in having),
        p=apart(values, [[index for index in axis if index in set(having)] for axis in axes]),
    )


def apart(values: np.ndarray, chains: Sequence[Sequence[int]]) -> float:
    """Return the p of a permutation test of whether settings differ by more than their seeds do.

    By ranks, so that one setting that failed to learn does not hide how the others differ. With two seeds or more, by
    the spread of the settings' mean ranks: were all settings equal, every order of a seed's values would be as likely
    (Friedman 1937). With one seed the noise has to come from the settings: were all equal, the values along an axis of
    weights would have no order, but where the weights matter, neighbours are closer than others (von Neumann 1941; by
    ranks, Bartels 1982). They are so, too, where a seed's own effect is smooth, hence :data:`ALIKE`.

    Args:
        values: float (settings, seeds), NaN where a run is missing.
        chains: indices of settings that are neighbours, chain by chain; only these have a part in the test of one seed.

    Returns:
        p, 1 where there is nothing to tell it by; the permutations are those of a fixed seed.
    """
    random = np.random.default_rng(0)
    columns = [_ranks(column) for column in values.T if np.isfinite(column).sum() > 1]
    if len(columns) > 1:
        observed = np.array(columns)[None]
        orders = np.repeat(observed, PERMUTATIONS, axis=0)
        for seed, has in enumerate(np.isfinite(observed[0])):
            orders[:, seed, has] = random.permuted(orders[:, seed, has], axis=1)
        statistics = np.append(_spread(orders), _spread(observed))
    elif columns:
        links = [(first, second) for chain in chains for first, second in pairwise(chain)]
        members = sorted({index for link in links for index in link})
        if len(members) < 3:
            return 1.0
        line = columns[0][members]
        first, second = (np.searchsorted(members, [link[end] for link in links]) for end in (0, 1))
        orders = np.tile(line, (PERMUTATIONS + 1, 1))
        orders[:-1] = random.permuted(orders[:-1], axis=1)
        statistics = -np.square(orders[:, first] - orders[:, second]).sum(axis=1)
        statistics[-1] *= ALIKE
    else:
        return 1.0
    return float((statistics >= statistics[-1] - 1e-12).mean())


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the ranks of values as shares of their number, equal ones sharing theirs; NaN stays."""
    ranks, has = np.full(len(values), np.nan), np.isfinite(values)
    _, inverse, counts = np.unique(values[has], return_inverse=True, return_counts=True)
    ranks[has] = (np.cumsum(counts) - (counts - 1) / 2)[inverse] / has.sum()
    return ranks


def _spread(tables: np.ndarray) -> np.ndarray:
    """Return the variance of the settings' means, each seed's mean taken out: tables (n, seeds, settings) to (n,)."""
    centred = tables - np.nanmean(tables, axis=2, keepdims=True)
    has = np.isfinite(centred).any(axis=(0, 1))
    return np.asarray(np.nanmean(centred[:, :, has], axis=1).var(axis=1))
