"""Formats that are taken for each other: the right word is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from locexp.data import file
from locexp.data.photos import coco, table, voc, yolo
from locexp.data.photos.listing import Listing
from locexp.data.photos.recognised import recognised
from locexp.errors import UserError
from tests.data.layouts import npz, write

COCO = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
FORMATS: dict[str, dict[str, bytes]] = {
    "coco": {"train/_annotations.coco.json": json.dumps(COCO).encode(), "train/a.jpg": b"", "README.txt": b"Exported"},
    "voc": {"a.xml": b"<annotation></annotation>", "a.jpg": b"", "ImageSets/Main/train.txt": b"a\n"},
    "yolo": {"images/a.jpg": b"", "labels/a.txt": b"0 .5 .5 .1 .1", "data.yaml": b"names: [cat]"},
    "table": {"gt.csv": b"file,x1,y1,x2,y2,label\na.jpg,1,2,3,4,cat", "a.jpg": b""},
}
READERS: dict[str, Callable[[Path], object]] = {
    "coco": coco.read,
    "voc": voc.read,
    "yolo": yolo.read,
    "table": table.read,
    "file": lambda path: file.load(path=str(path)),
}


@pytest.mark.parametrize("given", FORMATS)
def test_a_format_is_recognised(tmp_path: Path, given: str) -> None:
    folder = write(tmp_path / "mine", FORMATS[given])
    assert recognised(folder) == given
    assert isinstance(READERS[given](folder), Listing)


@pytest.mark.parametrize("asked", READERS)
@pytest.mark.parametrize("given", FORMATS)
def test_one_that_is_taken_for_another_is_named(tmp_path: Path, given: str, asked: str) -> None:
    if given == asked:
        return
    folder = write(tmp_path / "mine", FORMATS[given])
    with pytest.raises(UserError, match=f"It looks like .*: use data={given}.$") as caught:
        READERS[asked](folder)
    assert str(caught.value).startswith(f"data.path={folder}: has no ")


@pytest.mark.parametrize("asked", READERS)
@pytest.mark.parametrize(
    ("given", "name"), [("coco", "train/_annotations.coco.json"), ("voc", "a.xml"), ("table", "gt.csv")]
)
def test_one_file_of_it_too(tmp_path: Path, given: str, name: str, asked: str) -> None:
    if given == asked:
        return
    folder = write(tmp_path / "mine", FORMATS[given])
    with pytest.raises(UserError, match=f"use data={given}.$"):
        READERS[asked](folder / name)


@pytest.mark.parametrize("asked", FORMATS)
def test_images_without_boxes_and_arrays(tmp_path: Path, asked: str) -> None:
    photos = write(tmp_path / "photos", {"cats/a.jpg": b"", "dogs/b.png": b"", "LICENSE.txt": b"1 2 3 4 5\n"})
    arrays = write(tmp_path / "arrays", {"digits.npz": npz(x_train=np.zeros((2, 4, 4)), y_train=np.zeros(2))})
    assert recognised(photos) is None
    assert recognised(arrays) is None
    assert recognised(tmp_path / "nothing") is None
    with pytest.raises(UserError, match=r"holds 2 images in 2 folders, and nothing says where .* by data=file\.$"):
        READERS[asked](photos)
    with pytest.raises(UserError, match=r"and no images; it holds digits.npz. Arrays are read by data=file\.$"):
        READERS[asked](arrays)


@pytest.mark.parametrize("asked", FORMATS)
@pytest.mark.parametrize(
    ("name", "message"), [("a.jpg", "is an image"), ("a.npz", "read by data=file"), ("a.zip", "is an archive")]
)
def test_a_file_that_holds_no_annotations(tmp_path: Path, asked: str, name: str, message: str) -> None:
    folder = write(tmp_path / "mine", {"a.jpg": b"", name: b""})
    with pytest.raises(UserError, match=f"mine/{name}: .*{message}.*; expected the folder"):
        READERS[asked](folder / name)
