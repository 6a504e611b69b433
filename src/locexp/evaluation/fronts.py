"""Fronts of two objectives, both to be maximised, such as accuracy and mean IoU; points are float (n, 2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def non_dominated(points: np.ndarray) -> np.ndarray:
    """Return which points no other one dominates (is at least as good in both and better in one): bool (n,).

    Raises:
        ValueError: a coordinate is not a number.
    """
    return np.asarray((_checked(points)[:, None] == front(points)).all(axis=2).any(axis=1))


def front(points: np.ndarray) -> np.ndarray:
    """Return the distinct non-dominated points, ascending in the first objective: float (k, 2)."""
    points = np.unique(_checked(points), axis=0)[::-1]  # by first objective, then second, descending
    highest_before = np.maximum.accumulate(np.append(-math.inf, points[:, 1]))[:-1]
    return points[points[:, 1] > highest_before][::-1]


def hypervolume(points: np.ndarray, reference: Sequence[float]) -> float:
    """Return the area that points dominate beyond a reference point; a point not better than it in both adds nothing.

    Zitzler & Thiele 1998.
    """
    points = _checked(points)
    corner = np.asarray(reference, float)
    edge = front(points[(points > corner).all(axis=1)])[::-1]
    lower = np.append(edge[1:, 0], corner[0])
    return float(((edge[:, 0] - lower) * (edge[:, 1] - corner[1])).sum())


def attainment(sets: Sequence[np.ndarray], share: float) -> np.ndarray:
    """Return the front of what at least a share of the point sets attains: its corners, float (k, 2).

    The empirical attainment function of Grunert da Fonseca, Fonseca & Hall 2001; one set per seed.

    Args:
        sets: of points (n_i, 2).
        share: in (0, 1]; ``share=.5`` gives the median attainment surface.

    Raises:
        ValueError: ``share`` is not in (0, 1], or there is no set.
    """
    if not 0 < share <= 1 or not sets:
        raise ValueError(f"share={share} of {len(sets)} sets: expected a share in (0, 1] of at least one set")
    needed = math.ceil(share * len(sets) - 1e-9)
    fronts = [front(points) for points in sets]
    corners = []
    for first in np.unique(np.concatenate([edge[:, 0] for edge in fronts])):
        # How far each set reaches in the second objective where the first is at least `first`.
        reach = sorted((edge[edge[:, 0] >= first, 1].max(initial=-math.inf) for edge in fronts), reverse=True)
        if reach[needed - 1] > -math.inf:
            corners.append((first, reach[needed - 1]))
    return front(np.array(corners, float).reshape(-1, 2))


def knee(points: np.ndarray) -> int | None:
    """Return the point of the front that lies farthest beyond the chord between the front's ends (Das 1999).

    Both objectives are scaled to [0, 1] over the front. ``None`` where no point lies beyond the chord.
    """
    points = _checked(points)
    edge = front(points)
    if len(edge) < 3:
        return None
    scaled = (edge - edge.min(axis=0)) / np.ptp(edge, axis=0)  # a front of two distinct points spans both objectives
    beyond = scaled.sum(axis=1) - 1  # the chord runs from (0, 1) to (1, 0)
    best = int(beyond.argmax())
    if beyond[best] <= 1e-12:
        return None
    return int(np.flatnonzero((points == edge[best]).all(axis=1))[0])


def _checked(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, float).reshape(-1, 2)
    if not np.isfinite(points).all():
        raise ValueError("points hold a value that is not a finite number")
    return points
