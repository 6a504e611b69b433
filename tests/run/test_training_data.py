"""What is said of data and boxes before a run trains: notes, and refusals in terms of the user's file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from locexp.configuration.compose import composing
from locexp.data.suspicions import darkness, ground
from locexp.errors import UserError
from locexp.run.training_data import TrainingData, load_training_data


@pytest.fixture
def some(digits: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """300 digits: uint8 (300, 28, 28) and int64 (300,)."""
    return digits[0][:300], digits[1][:300]


def made(folder: Path, images: np.ndarray, labels: np.ndarray, *words: str) -> TrainingData:
    np.savez(folder / "a.npz", x_train=images, y_train=labels)
    with composing() as composer:
        return load_training_data(composer.compose(["data=file", f"data.path={folder / 'a.npz'}", *words]).cfg)


def test_digits_have_nothing_to_say(tmp_path: Path, some: tuple[np.ndarray, np.ndarray]) -> None:
    assert made(tmp_path, *some).notes == ()


@pytest.mark.parametrize(
    ("bbox", "remedy"),
    [("tight", "save 255 - images"), ("jitter", "save 255 - images"), ("scatter", "save 255 - images"), ("fixed", "")],
)
def test_inverted_images(tmp_path: Path, some: tuple[np.ndarray, np.ndarray], bbox: str, remedy: str) -> None:
    notes = " ".join(made(tmp_path, 255 - some[0], some[1], f"bbox={bbox}").notes)
    assert ("grey level at the images' borders is 255 of 255, but all above 0 is ink" in notes) is bool(remedy)
    assert remedy in notes
    assert ("Use bbox=tight" in notes) is (bbox == "fixed")
    if remedy:  # which works
        assert made(tmp_path, some[0], some[1], f"bbox={bbox}", "data.split_seed=1").notes == ()


@pytest.mark.parametrize("level", [5, 20, 90])
def test_a_ground_that_is_not_black(tmp_path: Path, some: tuple[np.ndarray, np.ndarray], level: int) -> None:
    grey = np.maximum(some[0], level).astype(np.uint8)
    notes = made(tmp_path, grey, some[1]).notes
    assert f"100% of the boxes to train on are the whole image. Raise bbox.threshold to {level} or more." in notes[0]
    assert "Every image has the same box" in notes[1]
    assert made(tmp_path, grey, some[1], f"bbox.threshold={level}").notes == ()
    (note,) = made(tmp_path, grey, some[1], "bbox=scatter").notes
    assert f"Save np.where(images > {level}, images, 0)." in note


@pytest.mark.parametrize(("level", "side"), [(0, 0), (127, 127), (200, 200)])
def test_the_ground_of_images_in_colour(level: int, side: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 12, 16, 3), dtype=np.uint8)
    images[:, [0, -1]] = images[:, :, [0, -1]] = level
    assert ground(images) == ground(images[..., 0]) == side
    assert darkness(images) is None
    assert "brighter than 90 of 255" in str(darkness(np.minimum(images, 90)))


def test_boxes_that_are_all_the_same_on_a_black_ground(tmp_path: Path) -> None:
    images = np.zeros((60, 12, 12), np.uint8)
    images[:, 3:9, 2:10] = 255
    (note,) = made(tmp_path, images, np.arange(60) % 3).notes
    assert "Every image has the same box" in note
    assert "Use bbox=scatter" in note
    assert made(tmp_path, images, np.arange(60) % 3, "bbox=scatter").notes == ()


@pytest.mark.parametrize("bbox", ["tight", "scatter"])
def test_blank_images_are_named_by_their_place_in_the_file(
    tmp_path: Path, some: tuple[np.ndarray, np.ndarray], bbox: str
) -> None:
    images = some[0].copy()
    blank = [3, 17, 77, 150, 151, 299]
    images[blank] = 0
    with pytest.raises(UserError, match=r"counted from 0 in x_train: ") as caught:
        made(tmp_path, images, some[1], f"bbox={bbox}")
    told = str(caught.value)
    found = [int(number) for part in told.split("x_train: ")[1:] for number in part.split(")")[0].split(", ")]
    assert sorted(found) == blank  # of all parts at once
    kept = np.delete(np.arange(300), found)
    assert made(tmp_path, images[kept], some[1][kept], f"bbox={bbox}", "data.split_seed=2").notes == ()


def test_many_blank_images_are_not_all_listed(tmp_path: Path, some: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(UserError, match=r"x_train: \d+(, \d+){8} and \d+ more\)"):
        made(tmp_path, some[0] * 0, some[1])
