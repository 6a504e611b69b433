"""Drawing at any scale and place, against integrals in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from locexp.bbox.resampling import ONE, STEPS, axis_weights, draw, drawn_boxes, frames, paste

SCALES = (0.1, 0.25, 0.5, 0.73, 0.999, 1.0, 1.001, 1.3, 1.5, 2.0, 3.7, 10.0)


def exact_weights(scale: float, place: float, source: int, canvas: int) -> np.ndarray:
    """Shares of the interval that a canvas pixel averages, in double precision: (canvas, source)."""
    width = max(1.0, 1 / scale)
    middle = (np.arange(canvas)[:, None] + 0.5 - place) / scale
    low, high = middle - width / 2, middle + width / 2
    pixels = np.arange(source)
    return np.clip(np.minimum(high, pixels + 1) - np.maximum(low, pixels), 0, None) / width


def fixed(scale: float, x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array([round(scale * ONE)]), np.array([[round(x * STEPS), round(y * STEPS)]])


@pytest.mark.parametrize("scale", SCALES)
def test_close_to_exact_interpolation(scale: float, strokes: np.ndarray) -> None:
    canvas = (70, 64)
    errors = []
    for image, x, y in zip(strokes[:12], np.linspace(-9, 40, 12), np.linspace(30, -5, 12), strict=True):
        numbers, places = fixed(scale, x, y)
        drawn = draw(image[None], numbers, places, canvas)[0]
        scaled, (left, top) = numbers[0] / ONE, places[0] / STEPS
        down, across = exact_weights(scaled, top, 28, 64), exact_weights(scaled, left, 28, 70)
        errors.append(drawn - down @ image.astype(float) @ across.T)
    # Half a grey level is rounding; edges in steps of 1/1024 add to it on both axes, more over a far canvas.
    assert np.abs(errors).max() <= 2
    assert abs(np.mean(errors)) < 0.02
    assert np.sqrt(np.mean(np.square(errors))) < 0.3


def test_whole_pixels_at_scale_1_are_copied(strokes: np.ndarray) -> None:
    count = len(strokes)
    places = np.tile([[5 * STEPS, 3 * STEPS]], (count, 1))
    drawn = draw(strokes, np.full(count, ONE), places, (40, 36))
    np.testing.assert_array_equal(drawn[:, 3:31, 5:33], strokes)
    assert drawn.sum(dtype=np.int64) == strokes.sum(dtype=np.int64)


def test_half_the_size_is_the_mean_of_four(strokes: np.ndarray) -> None:
    count = len(strokes)
    drawn = draw(strokes, np.full(count, ONE // 2), np.zeros((count, 2), np.int64), (14, 14))
    means = strokes.reshape(count, 14, 2, 14, 2).mean(axis=(2, 4))
    assert np.abs(drawn - means).max() <= 0.5 + 1 / 16


def test_twice_the_size_is_bilinear() -> None:
    image = np.array([[[0, 0, 0], [0, 200, 100], [0, 0, 0]]], np.uint8)
    drawn = draw(image, *fixed(2, 0, 0), (6, 6))[0]
    row = np.array([0, 50, 150, 175, 125, 75])  # (3·a + b)/4 between neighbours, and 0 beyond
    np.testing.assert_allclose(drawn[2], row * 0.75, atol=0.6)
    np.testing.assert_allclose(drawn[1], row * 0.25, atol=0.6)


@pytest.mark.parametrize("scale", SCALES)
def test_weights_sum_to_one_wherever_the_interval_is_inside(scale: float) -> None:
    """Exactly, whatever the rounding of edges: a flat patch stays flat."""
    numbers, places = fixed(scale, 3.217, 0)
    sums = axis_weights(numbers, places[:, 0], 200, 60)[0].sum(axis=1)
    inside = exact_weights(scale, 3.217, 200, 60).sum(axis=1) > 1 - 1e-9
    inside[:-1] &= inside[1:]  # not where the border is within a step
    inside[1:] &= inside[:-1]
    assert inside.any()
    assert set(sums[inside]) == {STEPS}


def test_the_box_of_what_has_no_ink_above_the_threshold_is_that_of_its_brightest() -> None:
    images = np.zeros((3, 5, 6), np.uint8)
    images[:2, 1, 2] = 90
    images[:2, 3, 4] = 40
    corners = np.array([[0, 0], [10, 20], [10, 20]])
    assert drawn_boxes(images, corners, 0).tolist() == [[2, 1, 5, 4], [12, 21, 15, 24], [0, 0, 0, 0]]
    assert drawn_boxes(images, corners, 100).tolist() == [[2, 1, 3, 2], [12, 21, 13, 22], [0, 0, 0, 0]]


@pytest.mark.parametrize("scale", SCALES)
def test_no_ink_outside_of_frames(scale: float, strokes: np.ndarray) -> None:
    """Drawn on a part of the canvas and pasted, digits are as they are drawn on all of it."""
    canvas, random = (50, 44), np.random.default_rng(0)
    for _ in range(20):
        numbers = np.array([round(scale * ONE)] * len(strokes))
        places = random.integers(-20 * STEPS, 50 * STEPS, (len(strokes), 2))
        corners, part = frames(numbers, places, strokes.shape, numbers[0], canvas)
        drawn = draw(strokes, numbers, places - corners * STEPS, part)
        np.testing.assert_array_equal(paste(drawn, corners, canvas), draw(strokes, numbers, places, canvas))
