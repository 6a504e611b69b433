"""Which settings of a race are best: each is judged together with its neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from locexp.evaluation.choice import adjusted_means
from locexp.evaluation.metrics import SELECTION_METRIC
from locexp.sweep.setting import Outcomes, table_of

WIDTH = 1.0
"""Standard deviation of the weights of neighbours, in decades of the ratio."""

DECIMALS = 10
"""Fitted values are rounded to this many, so that equal ones tie in spite of floating point."""


def best_first(outcomes: Outcomes, among: Sequence[int], axes: Sequence[Mapping[int, float]]) -> list[int]:
    """Return settings by how good they are on validation by ``SELECTION_METRIC``, ties by mean IoU, the best first.

    A ratio has one or two runs, too few to tell it from the next one, but how good ratios are changes slowly along the
    axis. So the mean of a setting is replaced by what its axis says at its place (:func:`smoothed`).

    Args:
        outcomes: one list per setting, one entry per seed.
        among: indices of the settings to order; those without a run are left out.
        axes: of each axis, the ratios of its settings by their indices.
    """
    having = [index for index in among if any(outcomes[index])]
    if not having:
        return []
    values, second = (
        dict(zip(having, adjusted_means(table_of(outcomes, name)[having]), strict=True))
        for name in (SELECTION_METRIC, "mean_iou")
    )
    for axis in axes:
        members = [index for index in axis if index in values]
        found = smoothed([values[index] for index in members], [axis[index] for index in members])
        values |= dict(zip(members, found, strict=True))
    return sorted(having, key=lambda index: (-values[index], -second[index]))


def smoothed(values: Sequence[float], ratios: Sequence[float]) -> np.ndarray:
    """Return values along an axis of ratios, each from a parabola through all, neighbours counting most.

    Local quadratic regression over the logarithm of the ratio (Fan & Gijbels 1996, section 3.1), with Gaussian weights
    of standard deviation :data:`WIDTH`: near its top a curve is a parabola, so that the top stays where it is. Up to
    three values stay as they are.

    Args:
        values: of each ratio.
        ratios: > 0, all different.
    """
    levels, places = np.array(values, float), np.log10(ratios)
    found = levels.copy()
    for index, place in enumerate(places):
        offsets = places - place
        roots = np.exp(-0.25 * (offsets / WIDTH) ** 2)  # of the weights
        terms = np.vander(offsets, min(3, len(levels)), increasing=True)
        found[index] = np.linalg.lstsq(terms * roots[:, None], levels * roots, rcond=None)[0][0]
    return found.round(DECIMALS)
