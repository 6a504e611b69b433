"""Distractors: whose they are, where they lie, what they cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from locexp.bbox.clutter import Clutter, distractors
from locexp.bbox.digits import Digits, cut_out
from locexp.bbox.draws import example_key

COUNT = 40


@pytest.fixture
def squares() -> Digits:
    """Digits that can be told apart: squares of 12 pixels, number i of grey i + 1."""
    images = np.zeros((COUNT, 28, 28), np.uint8)
    images[:, 5:17, 9:21] = np.arange(1, COUNT + 1)[:, None, None]
    return cut_out(images, "train", least=8)


def layers(digits: Digits, indices: np.ndarray, count: int, size: int = 8) -> np.ndarray:
    """Distractors alone, for examples that are more than the digits."""
    key = example_key(0, "train", np.arange(len(indices)), 0)
    return distractors(key, digits, indices, (60, 50), count, size)


def test_each_is_a_whole_patch_of_any_other_digit(squares: Digits) -> None:
    indices = np.arange(4000) % COUNT
    made = layers(squares, indices, count=1)
    assert (np.count_nonzero(made, axis=(1, 2)) == 64).all()  # nothing beyond the canvas, and all of it ink
    greys = made.max(axis=(1, 2)).astype(int) - 1
    assert (greys != indices).all()
    # Every other digit is as likely as the next.
    offsets = np.bincount((greys - indices) % COUNT, minlength=COUNT)[1:]
    expected = len(indices) / (COUNT - 1)
    assert ((offsets - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-6, COUNT - 2)
    rows, columns = (made.any(axis=axis).argmax(axis=1) for axis in (2, 1))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (0, 42, 0, 52)


def test_never_from_another_split() -> None:
    """Training digits are of one grey and test digits of another: no scene shows both."""
    train, test = (np.zeros((COUNT, 28, 28), np.uint8) for _ in range(2))
    train[:, 4:24, 4:24], test[:, 4:24, 4:24] = 100, 200
    for images, split, grey in ((train, "train", 100), (test, "test", 200)):
        for epoch in (0, 1):
            made = Clutter(canvas=(64, 64)).compose(images, split=split, scene_seed=0, epoch=epoch).images
            inner = made[made > 0]
            assert inner.max() == grey
            assert (inner == grey).mean() > 0.8  # the rest is the soft edge of the digit


def test_the_brighter_shows_where_they_overlap(squares: Digits) -> None:
    indices = np.zeros(300, np.int64)
    many = layers(squares, indices, count=30)
    key = example_key(0, "train", np.arange(300), 0)
    # The same patches one by one, as Python would paste them.
    from locexp.bbox.draws import DISTRACTORS, draws

    words = draws(key, DISTRACTORS, 150).reshape(300, 30, 5).astype(object)
    for example in range(0, 300, 50):
        canvas = np.zeros((50, 60), int)
        for other, _, _, x, y in words[example]:
            grey = (1 + (other * (COUNT - 1) >> 32)) % COUNT + 1
            left, top = x * 53 >> 32, y * 43 >> 32
            canvas[top : top + 8, left : left + 8] = np.maximum(canvas[top : top + 8, left : left + 8], grey)
        np.testing.assert_array_equal(many[example], canvas)


def test_covered_is_the_share_of_the_ink_under_patches(strokes: np.ndarray) -> None:
    made = Clutter(distractors=12, threshold=20)
    scenes = made.compose(strokes, split="train", scene_seed=0)
    bare = Clutter(distractors=0, threshold=20).compose(strokes, split="train", scene_seed=0)
    np.testing.assert_array_equal(scenes.boxes, bare.boxes)  # the box is the digit's alone
    assert (scenes.images >= bare.images).all()
    key = example_key(0, "train", np.arange(len(strokes)), 0)
    patches = distractors(key, made.prepare(strokes, "train"), np.arange(len(strokes)), (60, 60), 12, 8)
    assert scenes.covered is not None
    for image, patch, covered in zip(bare.images, patches, scenes.covered, strict=True):
        ink = [(x, y) for y in range(60) for x in range(60) if image[y, x] > 20]
        under = sum(patch[y, x] > 0 for x, y in ink)
        assert covered == pytest.approx(under / max(len(ink), 1), abs=1e-6)
    assert 0 < (scenes.covered > 0).mean() < 1
