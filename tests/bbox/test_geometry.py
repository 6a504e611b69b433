"""Box geometry against scalar double-precision definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from locexp.bbox import geometry as boxes

coordinate = st.floats(-2, 3, allow_nan=False, width=32)
box = st.tuples(coordinate, coordinate, coordinate, coordinate)


def iou_by_hand(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union from interval overlaps, one pair at a time."""
    if a[2] <= a[0] or a[3] <= a[1] or b[2] <= b[0] or b[3] <= b[1]:
        return 0.0
    overlap_x = min(a[2], b[2]) - max(a[0], b[0])
    overlap_y = min(a[3], b[3]) - max(a[1], b[1])
    if overlap_x <= 0 or overlap_y <= 0:
        return 0.0
    shared = overlap_x * overlap_y
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / whole if whole > 0 else 0.0


@given(box, box)
def test_iou_equals_its_definition(first: tuple[float, ...], second: tuple[float, ...]) -> None:
    computed = boxes.iou(np.array([first]), np.array([second]))[0]
    assert computed == pytest.approx(iou_by_hand(first, second), abs=1e-12)
    assert 0 <= computed <= 1
    assert computed == boxes.iou(np.array([second]), np.array([first]))[0]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 0, 1, 1), (0, 0, 1, 1), 1.0),
        ((0, 0, 1, 1), (1, 0, 2, 1), 0.0),  # touching
        ((0, 0, 4, 4), (1, 1, 3, 3), 0.25),  # nested
        ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3),
        ((1, 1, 0, 0), (0, 0, 1, 1), 0.0),  # inverted
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),  # no area
        ((0, 0, 1e-3, 1e-3), (0, 0, 1e-3, 1e-3), 1.0),  # no epsilon enters
    ],
)
def test_iou_of_known_pairs(first: tuple[float, ...], second: tuple[float, ...], expected: float) -> None:
    assert boxes.iou(np.array(first), np.array(second)) == pytest.approx(expected, abs=1e-15)


@given(arrays(np.uint8, (3, 7, 5)), st.integers(0, 254))
def test_ink_boxes_equal_a_scan_of_every_pixel(images: np.ndarray, threshold: int) -> None:
    for image, computed in zip(images, boxes.ink_boxes(images, threshold), strict=True):
        inked = [(x, y) for y in range(7) for x in range(5) if image[y, x] > threshold]
        if not inked:
            assert computed.tolist() == [0, 0, 0, 0]
            continue
        xs, ys = [x for x, _ in inked], [y for _, y in inked]
        assert computed.tolist() == [min(xs), min(ys), max(xs) + 1, max(ys) + 1]


@given(box, st.integers(1, 200), st.integers(1, 200))
def test_pixels_and_back(given_box: tuple[float, ...], width: int, height: int) -> None:
    there = boxes.normalise(np.array([given_box]), width, height)
    assert there[0] == pytest.approx(
        [given_box[0] / width, given_box[1] / height, given_box[2] / width, given_box[3] / height], abs=1e-12
    )
    np.testing.assert_allclose(boxes.to_pixels(there, width, height)[0], given_box, atol=1e-9)


def test_known_effect_of_a_shift_on_every_side(digits: tuple[np.ndarray, np.ndarray]) -> None:
    """Boxes one pixel too large on every side lose about a fifth of the IoU (.797 on the MNIST test set)."""
    truth = boxes.ink_boxes(digits[0]).astype(float)
    grown = truth + np.array([-1, -1, 1, 1])
    assert boxes.iou(grown, truth).mean() == pytest.approx(0.797, abs=0.02)
