"""Fronts, hypervolume and attainment against brute force and against moocore."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locexp.evaluation import fronts

# Few distinct values, so that ties and copies are common.
grids = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12).map(
    lambda rows: np.array(rows, float) / 6
)


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a >= b).all() and (a > b).any())


def area_by_cells(points: np.ndarray, reference: tuple[float, float]) -> float:
    """Sum the cells of the grid of all coordinates that some point covers."""
    xs = np.unique([reference[0], *points[:, 0]])
    ys = np.unique([reference[1], *points[:, 1]])
    total = 0.0
    for (x0, x1), (y0, y1) in itertools.product(itertools.pairwise(xs), itertools.pairwise(ys)):
        covered = ((points[:, 0] >= x1) & (points[:, 1] >= y1)).any()
        if covered and x0 >= reference[0] and y0 >= reference[1]:
            total += (x1 - x0) * (y1 - y0)
    return total


@given(grids)
def test_non_dominated_is_its_definition(points: np.ndarray) -> None:
    expected = [not any(dominates(other, point) for other in points) for point in points]
    assert fronts.non_dominated(points).tolist() == expected


@given(grids, st.sampled_from([(0.0, 0.0), (0.3, 0.1), (-1.0, 0.5), (1.0, 1.0)]))
def test_hypervolume_is_the_area(points: np.ndarray, reference: tuple[float, float]) -> None:
    assert fronts.hypervolume(points, reference) == pytest.approx(area_by_cells(points, reference), abs=1e-12)


@given(grids, st.randoms(use_true_random=False))
def test_order_and_dominated_points_change_nothing(points: np.ndarray, random: object) -> None:
    shuffled = np.array(random.sample(points.tolist(), len(points)))  # type: ignore[attr-defined]
    more = np.concatenate([shuffled, shuffled[:1] - 0.1])
    assert fronts.hypervolume(more, (-1, -1)) == pytest.approx(fronts.hypervolume(points, (-1, -1)))
    assert fronts.front(more).tolist() == fronts.front(points).tolist()


@given(st.lists(grids, min_size=1, max_size=5), st.sampled_from([0.2, 0.25, 0.5, 0.6, 0.75, 1.0]))
def test_attainment_is_its_definition(sets: list[np.ndarray], share: float) -> None:
    corners = fronts.attainment(sets, share)
    for x, y in itertools.product(np.arange(-1, 8) / 6, repeat=2):
        reached = sum(bool(((found[:, 0] >= x) & (found[:, 1] >= y)).any()) for found in sets)
        attained = bool(((corners[:, 0] >= x) & (corners[:, 1] >= y)).any())
        assert attained == (reached >= share * len(sets) - 1e-9), (x, y)


@pytest.mark.oracle
@settings(deadline=None, max_examples=50)
@given(st.lists(grids, min_size=2, max_size=4))
def test_moocore_agrees(sets: list[np.ndarray]) -> None:
    moocore = pytest.importorskip("moocore")
    for points in sets:
        theirs = moocore.is_nondominated(points, maximise=True, keep_weakly=True)
        assert fronts.non_dominated(points).tolist() == theirs.tolist()
        assert fronts.hypervolume(points, (-0.5, -0.5)) == pytest.approx(
            moocore.hypervolume(points, ref=[-0.5, -0.5], maximise=True)
        )
    labels = np.concatenate([np.full(len(points), number) for number, points in enumerate(sets)])
    for number in range(1, len(sets) + 1):
        surface = moocore.eaf(-np.concatenate(sets), sets=labels, percentiles=[100 * number / len(sets)])
        expected = np.unique(-surface[:, :2], axis=0)
        assert np.allclose(fronts.attainment(sets, number / len(sets)), expected)


def test_the_knee_is_the_corner() -> None:
    points = np.array([[0.0, 1.0], [0.8, 0.9], [1.0, 0.0], [0.5, 0.5]])
    assert fronts.knee(points) == 1
    assert fronts.knee(np.array([[0.0, 1.0], [0.4, 0.4], [1.0, 0.0]])) is None  # on the near side of the chord
    assert fronts.knee(points[[0, 2]]) is None


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        fronts.hypervolume(np.array([[0.0, np.nan]]), (0, 0))
    with pytest.raises(ValueError, match="share"):
        fronts.attainment([np.zeros((1, 2))], 0)
