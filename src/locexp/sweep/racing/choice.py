"""Which settings of a race are best: each is judged together with its neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from locexp.evaluation.choice import SHARE, adjusted_means
from locexp.evaluation.metrics import SELECTION_METRIC, skill
from locexp.sweep.setting import Outcomes, table_of

WIDTH = 1.0
"""Standard deviation of the weights of neighbours, in decades of the ratio."""
FEW = 3
"""So many values on an axis stay as they are: a parabola goes through them."""
DECIMALS = 10
"""Values are rounded to this many, so that equal ones tie in spite of floating point."""
LEARNED = 0.05
"""A setting has left the baseline of a task where its metric has gone this share of the way from it to 1."""
BASELINES = {"accuracy": "floor/accuracy", "mean_iou": "floor/mean_iou"}
"""Metrics of the two tasks, and what outcomes call the values that need no network."""


def best_first(outcomes: Outcomes, among: Sequence[int], axes: Sequence[Mapping[int, float]]) -> list[int]:
    """Return settings by how good they are on validation by ``SELECTION_METRIC``, ties by mean IoU, the best first.

    A ratio has one or two runs, too few to tell it from the next one, but how good ratios are changes slowly along the
    axis. So the mean of a setting is replaced by what its axis says at its place (:func:`smoothed`). A setting that
    has learned neither task says nothing of its neighbours, and keeps its own mean.

    Args:
        outcomes: one list per setting, one entry per seed.
        among: indices of the settings to order; those without a run are left out, and those with fewer than half as
            many as another come last.
        axes: of each axis, the ratios of its settings by their indices; one of 0 has no neighbours.
    """
    having = [index for index in among if any(outcomes[index])]
    if not having:
        return []
    values, second = (
        dict(zip(having, adjusted_means(table_of(outcomes, name)[having]), strict=True))
        for name in (SELECTION_METRIC, "mean_iou")
    )
    for axis in axes:
        members = [index for index, ratio in axis.items() if ratio > 0 and index in values]
        members = [index for index in members if np.isfinite(values[index]) and any(learned(outcomes[index]) or [True])]
        found = smoothed([values[index] for index in members], [axis[index] for index in members])
        values |= dict(zip(members, found, strict=True))
    runs = {index: sum(end is not None for end in outcomes[index]) for index in having}
    few = SHARE * max(runs.values())

    def place(index: int) -> tuple[bool, float, float]:
        return runs[index] < few, -round(values[index], DECIMALS), -round(second[index], DECIMALS)

    return sorted(having, key=place)


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
    for index, place in enumerate(places if len(places) > FEW else ()):
        offsets = places - place
        roots = np.exp(-0.25 * (offsets / WIDTH) ** 2)  # of the weights
        terms = np.vander(offsets, 3, increasing=True)
        found[index] = np.linalg.lstsq(terms * roots[:, None], levels * roots, rcond=None)[0][0]
    return found


def learned(outcomes: Sequence[dict[str, float] | None]) -> list[bool]:
    """Return of each task with a known baseline whether a setting has left it, on average over its seeds."""
    ends = [end for end in outcomes if end is not None]
    found = []
    for name, baseline in BASELINES.items():
        gains = [skill(end[name], end[baseline]) for end in ends if name in end and baseline in end]
        known = [gain for gain in gains if gain is not None]
        if known:
            found.append(bool(np.mean(known) > LEARNED))
    return found
