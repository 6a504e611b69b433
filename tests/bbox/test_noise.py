"""Noise: its size, its share, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, norm

from locexp.bbox.draws import example_key
from locexp.bbox.noise import add_noise, gaussian_table
from locexp.bbox.tight import Tight

KEY = example_key(0, "train", np.arange(200), 0)


def test_gaussian_noise_is_normal() -> None:
    grey = np.full((200, 27, 29), 128, np.uint8)
    noise = add_noise(KEY, grey, "gaussian", 0.1).astype(int) - 128
    edges = np.arange(-70, 71, 10) + 0.5
    counts = np.histogram(noise, [-np.inf, *edges, np.inf])[0]
    expected = np.diff(norm.cdf([-np.inf, *edges / 25.5, np.inf])) * noise.size
    assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-6, len(counts) - 1)
    # Neighbours share a word of 32 bits: they must not know of each other.
    pairs = np.corrcoef(noise.reshape(200, -1)[:, :-1].ravel(), noise.reshape(200, -1)[:, 1:].ravel())[0, 1]
    assert abs(pairs) < 5 / np.sqrt(noise.size)


def test_the_table_is_symmetric_and_scales() -> None:
    table = gaussian_table(0.2)
    np.testing.assert_array_equal(table, -table[::-1])
    assert np.diff(table).min() >= 0
    assert table.std() == pytest.approx(51, rel=1e-3)


def test_salt_is_white_on_its_share_of_pixels() -> None:
    images = np.full((200, 28, 28), 7, np.uint8)
    salted = add_noise(KEY, images, "salt", 0.05)
    assert set(np.unique(salted)) == {7, 255}
    share = (salted == 255).mean()
    assert abs(share - 0.05) < 5 * np.sqrt(0.05 * 0.95 / salted.size)
    assert (add_noise(KEY, images, "salt", 1.0) == 255).all()


def test_boxes_do_not_see_noise_and_none_changes_nothing(strokes: np.ndarray) -> None:
    plain, noisy = (Tight(noise=kind).compose(strokes, split="train", scene_seed=0) for kind in (None, "salt"))
    np.testing.assert_array_equal(plain.boxes, noisy.boxes)
    assert (noisy.images != plain.images).any()
    still = Tight(noise="gaussian", noise_level=0).compose(strokes, split="train", scene_seed=0)
    np.testing.assert_array_equal(still.images, strokes)
