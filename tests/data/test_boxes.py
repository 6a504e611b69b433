"""Boxes in an archive of arrays: what they are called, in which unit they are, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locexp.bbox.annotations import Annotations
from locexp.data.arrays import RawData
from locexp.data.conversion import converted
from locexp.data.file import load
from locexp.errors import UserError
from tests.data.layouts import npz

COUNT, WIDTH, HEIGHT = 8, 10, 6
GREY: np.ndarray = np.random.default_rng(0).integers(0, 256, (COUNT, HEIGHT, WIDTH), dtype=np.uint8)
COLOUR = np.stack([GREY, GREY, 255 - GREY], axis=-1)
LABELS = np.arange(COUNT) % 2
BOXES = np.tile([1.0, 2.0, 7.5, 6.0], (COUNT, 1))
SHARES = BOXES / [WIDTH, HEIGHT, WIDTH, HEIGHT]
SHAPE = {"x_train": GREY, "y_train": LABELS}


def read(folder: Path, **arrays: Any) -> RawData:
    path = folder / "a.npz"
    path.write_bytes(npz(**arrays))
    return load(path=str(path))


@pytest.mark.parametrize("images", [GREY, COLOUR, COLOUR / 255, COLOUR.transpose(0, 3, 1, 2)])
@pytest.mark.parametrize("boxes", [BOXES, BOXES.astype(np.float16), SHARES, SHARES.astype(np.float32)])
def test_pixels_and_shares_of_grey_and_colour(tmp_path: Path, images: np.ndarray, boxes: np.ndarray) -> None:
    raw = read(tmp_path, x_train=images, y_train=LABELS, boxes_train=boxes)
    np.testing.assert_array_equal(raw.train_images, GREY if images is GREY else COLOUR)
    np.testing.assert_allclose(raw.annotations["train"].boxes, BOXES, atol=1e-5)
    assert raw.annotations["train"].boxes.dtype == np.float64
    unit = "pixels, from 0" if boxes.max() > 1 else "shares of the image's width and height"
    assert raw.notes[-1] == f"x_train: boxes are x1, y1, x2, y2 in {unit}."
    again = converted(raw)
    assert again.annotations["train"].boxes.tolist() == raw.annotations["train"].boxes.tolist()


NAMES = [
    ("x_train", "y_train", "boxes_train"),
    ("x_train", "y_train", "train_boxes"),
    ("X_train", "Y_train", "bbox_train"),
    ("train_images", "train_labels", "train_bboxes"),
    ("train_images", "train_labels", "train_box_targets"),
    ("x_train", "y_train", "y_train_bbox"),
    ("x_train", "y_train", "boxes"),
    ("images", "labels", "bboxes"),
    ("x", "y", "bbox"),
]


@pytest.mark.parametrize("names", NAMES)
def test_names(tmp_path: Path, names: tuple[str, str, str]) -> None:
    raw = read(tmp_path, **dict(zip(names, (GREY, LABELS, BOXES), strict=True)))
    np.testing.assert_array_equal(raw.annotations["train"].boxes, BOXES)
    np.testing.assert_array_equal(raw.train_labels, LABELS)


def test_all_parts_with_groups_and_class_names(tmp_path: Path) -> None:
    arrays: dict[str, np.ndarray] = {}
    for part, shift in (("train", 0), ("val", 0.5), ("test", 1)):
        arrays |= {f"x_{part}": COLOUR, f"y_{part}": LABELS, f"boxes_{part}": BOXES + shift * np.array([1, 1, 1, 0])}
        arrays[f"groups_{part}"] = np.array([f"{part}{number // 2}" for number in range(COUNT)])
    raw = read(tmp_path, **arrays, class_names=np.array(["cat", "dog"]))
    assert raw.class_names == ("cat", "dog")
    assert {part: given.boxes[0].tolist() for part, given in raw.annotations.items()} == {
        "train": [1, 2, 7.5, 6],
        "validation": [1.5, 2.5, 8, 6],
        "test": [2, 3, 8.5, 6],
    }
    groups = raw.annotations["validation"].groups
    assert groups is not None
    assert groups.tolist() == [f"val{number // 2}" for number in range(COUNT)]


def test_boxes_that_say_no_part_where_there_are_several_are_not_used(tmp_path: Path) -> None:
    raw = read(tmp_path, **SHAPE, x_test=GREY, y_test=LABELS, boxes=np.tile(BOXES, (2, 1)), groups=np.arange(COUNT))
    assert raw.annotations == {}
    assert raw.notes == (
        "a.npz: not used: boxes, groups. Boxes are read where they are called boxes_train, boxes_validation, "
        "boxes_test.",
    )


def test_boxes_beyond_the_image_are_clipped_and_counted(tmp_path: Path) -> None:
    boxes = BOXES.copy()
    boxes[3] = [-0.5, 2, 11, 6]
    raw = read(tmp_path, **SHAPE, boxes_train=boxes)
    assert raw.annotations["train"].boxes[3].tolist() == [0, 2, 10, 6]
    assert raw.notes[-1] == "x_train: 1 of 8 boxes reaches beyond the image and is clipped."


def changed(row: int, *values: float) -> np.ndarray:
    boxes = BOXES.copy()
    boxes[row] = values
    return boxes


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "shape": ({"boxes_train": BOXES[:5]}, r"its boxes are float64 \(5, 4\); expected numbers \(8, 4\): x1, y1, x2, y2"),
    "columns": ({"boxes_train": BOXES[:, :3]}, r"float64 \(8, 3\)"),
    "type": ({"boxes_train": BOXES.astype(str)}, r"its boxes are <U32 \(8, 4\)"),
    "objects": ({"boxes_train": BOXES.astype(object)}, "holds pickled objects"),
    "nan": ({"boxes_train": changed(5, 1, 2, np.nan, 4)}, "1 of 8 boxes is not finite, counted from 0: 5"),
    "inverted": (
        {"boxes_train": changed(2, 5, 2, 1, 4)},
        "1 of 8 boxes is empty or ends before .*: 2; expected x1, y1",
    ),
    "sized": ({"boxes_train": BOXES - [0, 0, 7, 5]}, "8 of 8 .* If they are x, y, width, height, save np.hstack"),
    "outside": (
        {"boxes_train": changed(7, 12, 2, 14, 5)},
        r"1 of 8 boxes is outside of the image \(10x6\), .*: 7; the",
    ),
    "neither": ({"boxes_train": SHARES * 1.3}, "its boxes run from 0.13 to 1.3; expected x1, y1, x2, y2"),
    "one part": ({"boxes_train": BOXES, "x_test": GREY, "y_test": LABELS}, "x_test: has no boxes, but x_train has"),
    "groups": ({"boxes_train": BOXES, "groups_train": LABELS[:3]}, r"its groups have shape \(3,\); expected \(8,\)"),
    "class names": ({"class_names": np.arange(2)}, r"class_names: is int64 \(2,\); expected a list of texts"),
    "names in bytes": (
        {"class_names": np.array([b"caf\xe9", b"tea"])},
        r"class_names: is \|S4 \(2,\); expected a list of",
    ),
    "pickled names": ({"class_names": np.array(["a", 1], object)}, "holds pickled objects"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(tmp_path: Path, name: str) -> None:
    arrays, message = REFUSED[name]
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, **SHAPE, **arrays)
    assert "a.npz" in str(caught.value)


def test_a_loader_of_ones_own_gives_boxes_that_fit() -> None:
    raw = RawData("mine", "file", GREY, LABELS, annotations={"train": Annotations(BOXES.astype(np.float32))})
    assert converted(raw).annotations["train"].boxes.dtype == np.float64
    with pytest.raises(UserError, match=r"train_images: its files have shape \(1,\)"):
        converted(RawData("m", "file", GREY, LABELS, annotations={"train": Annotations(BOXES, np.array(["a"]))}))
