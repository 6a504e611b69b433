"""Label noise: how far boxes move, and what that caps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from locexp.bbox.geometry import to_pixels
from locexp.bbox.jitter import Jitter
from locexp.bbox.tight import Tight
from locexp.evaluation.scenes import ceiling


def squares(count: int, low: int = 4, high: int = 24) -> np.ndarray:
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, low:high, low:high] = 200
    return images


def test_each_side_moves_uniformly_and_alone() -> None:
    scenes = Jitter(2).compose(squares(5000), split="train", scene_seed=0)
    clean = Tight().compose(squares(5000), split="train", scene_seed=0).boxes
    assert scenes.clean_boxes is not None
    np.testing.assert_array_equal(scenes.clean_boxes, clean)
    moved = to_pixels(scenes.boxes.astype(np.float64) - clean, 28, 28)
    for side in range(4):
        assert kstest((moved[:, side] + 2) / 4, "uniform").pvalue > 1e-3
    correlation = np.corrcoef(moved.T) - np.eye(4)
    assert np.abs(correlation).max() < 5 / np.sqrt(5000)


def test_the_ceiling_of_moves_on_large_boxes() -> None:
    """On boxes of 20 pixels with sides moved by up to 2, simulated in floats apart from the strategy."""
    scenes = Jitter(2).compose(squares(20_000), split="test", scene_seed=0)
    random = np.random.default_rng(0).uniform(-2, 2, (200_000, 4)) + np.array([4, 4, 24, 24])
    inner = np.minimum(random[:, 2:], 24) - np.maximum(random[:, :2], 4)
    overlap = inner.prod(axis=1)
    expected = overlap / ((random[:, 2:] - random[:, :2]).prod(axis=1) + 400 - overlap)
    found = ceiling(scenes)
    assert found["ceiling_mean_iou"] == pytest.approx(expected.mean(), abs=2e-3)
    assert found["ceiling_loc_acc_75"] == pytest.approx((expected >= 0.75).mean(), abs=0.01)
    assert found["ceiling_loc_acc_50"] == 1
    assert ceiling(Tight().compose(squares(3), split="test", scene_seed=0)) == {}


def test_boxes_stay_on_the_canvas_and_open() -> None:
    images = np.concatenate([squares(500, 0, 28), squares(500, 10, 11), squares(500, 25, 28)])
    images = np.concatenate([images, squares(2000)])
    boxes = to_pixels(Jitter(6).compose(images, split="train", scene_seed=0).boxes, 28, 28)
    assert (boxes.min(), boxes.max()) == (0, pytest.approx(28, abs=1e-5))
    sides = boxes[:, 2:] - boxes[:, :2]
    assert sides.min() >= 1 - 1e-4
    np.testing.assert_allclose(boxes[500:1000], np.tile([10, 10, 11, 11], (500, 1)), atol=1e-5)  # cannot move


def test_no_pixels_are_tight_boxes(strokes: np.ndarray) -> None:
    none, tight = (made.compose(strokes, split="train", scene_seed=0) for made in (Jitter(0), Tight()))
    np.testing.assert_array_equal(none.boxes, tight.boxes)
    np.testing.assert_array_equal(none.images, tight.images)
