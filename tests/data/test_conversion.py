"""Arrays as people save them: what they are read as, what is said of it, what is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from locexp.data.arrays import RawData
from locexp.data.conversion import converted
from locexp.errors import UserError
from tests.data.layouts import IMAGES, LABELS

FLAT = IMAGES.reshape(len(IMAGES), -1)
BINARY = np.where(IMAGES > 99, 255, 0)
COLOUR = np.stack([IMAGES, IMAGES, 255 - IMAGES], axis=-1)


def read(images: Any, labels: Any = LABELS) -> RawData:
    return converted(RawData("mine", "file", images, labels))


@pytest.mark.parametrize(
    ("images", "expected", "said"),
    [
        (IMAGES, IMAGES, ""),
        (IMAGES.astype(np.int64), IMAGES, ""),
        (IMAGES.astype(np.float64), IMAGES, ""),
        (np.asfortranarray(IMAGES), IMAGES, ""),
        (IMAGES[..., None], IMAGES, ""),
        (IMAGES[:, None], IMAGES, ""),
        (np.repeat(IMAGES[..., None], 3, axis=-1), IMAGES, "three channels are equal"),
        (np.repeat(IMAGES[:, None], 3, axis=1), IMAGES, "three channels are equal"),
        (FLAT, IMAGES, "rows of 36 values are read as images of 6x6"),
        (FLAT[:, None], IMAGES, "rows of 36 values"),
        (FLAT[..., None] / 255, IMAGES, "rows of 36 values"),
        (IMAGES / 255, IMAGES, r"floats from 0 \(black\) to 1 \(white\)"),
        ((IMAGES / 255).astype(np.float32), IMAGES, "floats from 0"),
        ((IMAGES / 255).astype(np.float16), IMAGES, "floats from 0"),
        (IMAGES / 127.5 - 1, IMAGES, "floats from -1"),
        (IMAGES / 255 - 0.5, IMAGES, r"floats from -0.5 \(black\) to 0.5"),
        (BINARY == 255, BINARY, "only 0 and 1, read as black and white"),
        ((BINARY == 255).astype(np.uint8), BINARY, "only 0 and 1"),
        ((BINARY == 255).astype(np.int64), BINARY, "only 0 and 1"),
        (BINARY / 255, BINARY, "floats from 0"),
        (COLOUR, COLOUR, ""),
        (COLOUR / 255, COLOUR, "floats from 0"),
        (COLOUR.transpose(0, 3, 1, 2), COLOUR, "colour is moved from the first axis"),
        (IMAGES + np.where(IMAGES < 255, 0.25, 0), IMAGES, "rounded to whole numbers"),
    ],
)
def test_images(images: np.ndarray, expected: np.ndarray, said: str) -> None:
    raw = read(images)
    assert raw.train_images.dtype == np.uint8
    np.testing.assert_array_equal(raw.train_images, expected)
    if said:
        assert raw.notes[0].startswith("train_images: ")
        assert re.search(said, " ".join(raw.notes))
    else:
        assert raw.notes == ()
    again = converted(raw)  # what was converted is not converted once more
    np.testing.assert_array_equal(again.train_images, raw.train_images)
    assert again.notes == raw.notes


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            (IMAGES / 255 - 0.1307) / 0.3081,
            r"float64 from -0.424\d* to 2.8\d*; expected uint8 .* 0 to 1, -1 to 1, -0.5",
        ),
        (IMAGES / 100, "from 0 to 2.55; expected"),
        (IMAGES / 255 / 255, "from 0 to 0.0039"),
        (np.where(IMAGES > 200, np.nan, IMAGES), "float64 with NaN among them; expected"),
        (np.where(IMAGES > 200, np.inf, IMAGES), "from 0 to inf"),
        (IMAGES.astype(np.uint16) * 257, "uint16 from 0 to 65535.*Divide by 257"),
        (IMAGES.astype(np.int16) - 128, "int16 from -128 to 127"),
        (IMAGES + 0j, "complex128; expected numbers"),
        (IMAGES.astype(str), "images are <U3; expected numbers"),
        (np.moveaxis(IMAGES, 0, -1), r"shape \(6, 6, 60\) for 60 labels, .* save np.moveaxis"),
        (FLAT.T, r"shape \(36, 60\) for 60 labels"),
        (FLAT[:, :35], r"shape \(60, 35\); expected"),
        (np.stack([IMAGES] * 4, axis=-1), r"Save images\[\.\.\., :3\], without"),
        (np.stack([IMAGES] * 4, axis=1), r"Save np.moveaxis\(images\[:, :3\], 1, -1\)"),
        (IMAGES[:0], r"shape \(0, 6, 6\)"),
        (IMAGES[0], "images have shape"),
        (np.uint8(3), r"shape \(\)"),
        ([[1, 2], [3, 4]], r"shape \(2, 2\)"),
    ],
)
def test_images_that_are_refused(images: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read(images)
    assert "train_images" in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (LABELS.astype(np.uint8), ""),
        (LABELS.astype(np.float32), ""),
        (LABELS[:, None], ""),
        (LABELS[None], ""),
        (LABELS.astype(np.uint64), ""),
        (LABELS.tolist(), ""),
        (np.eye(4)[LABELS], "train_labels: one-hot rows of 4"),
        (np.eye(4, dtype=bool)[LABELS], "one-hot rows of 4"),
        (np.eye(9, dtype=np.uint8)[LABELS], "one-hot rows of 9"),
    ],
)
def test_labels(labels: Any, said: str) -> None:
    raw = read(IMAGES, labels)
    assert raw.train_labels.dtype == np.int64
    np.testing.assert_array_equal(raw.train_labels, LABELS)
    assert said in " ".join(raw.notes)
    assert bool(raw.notes) is bool(said)


def test_labels_of_true_and_false() -> None:
    np.testing.assert_array_equal(read(IMAGES, LABELS > 1).train_labels, (LABELS > 1).astype(int))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS - 1, "run from -1 to 2; expected whole numbers from 0 to 999"),
        (LABELS + 999, "run from 999 to 1002"),
        (LABELS + 0.5, "float64, not all whole"),
        (np.where(LABELS == 3, np.nan, LABELS), "not all whole"),
        (LABELS.astype(str), r"labels are <U\d+; expected numbers. np.unique\(labels, return_inverse=True\)"),
        (
            np.random.default_rng(0).integers(0, 2, (60, 14)),
            r"shape \(60, 14\); expected \(60,\), one per image, or one-hot",
        ),
        (np.eye(4)[LABELS] * 0.9 + 0.025, "or one-hot rows"),
        (LABELS[:-1], r"shape \(59,\); expected \(60,\)"),
        (LABELS.astype(object), "labels are object; expected numbers"),
    ],
)
def test_labels_that_are_refused(labels: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(IMAGES, labels)


def test_each_part_is_understood_by_itself_and_what_holds_of_both_is_said_once() -> None:
    raw = converted(RawData("mine", "file", IMAGES, LABELS, IMAGES / 255, LABELS))
    np.testing.assert_array_equal(raw.test_images, IMAGES)
    assert raw.notes == ("test_images: floats from 0 (black) to 1 (white) are read as 0 to 255.",)
    raw = converted(RawData("mine", "file", IMAGES / 255, LABELS, IMAGES / 255, LABELS))
    assert raw.notes == ("train_images, test_images: floats from 0 (black) to 1 (white) are read as 0 to 255.",)


def test_a_loader_that_gives_something_else_is_named() -> None:
    with pytest.raises(UserError, match=r"data._target_: gives a tuple; expected locexp.data.arrays.RawData"):
        converted((IMAGES, LABELS))  # type: ignore[arg-type]
