"""Which photos and boxes are used, in which part and group; and what is said of the others."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from locexp.data.arrays import RawData
from locexp.data.conversion import converted
from locexp.data.photos.listing import Listing, Problem
from locexp.data.photos.pipeline import photos
from locexp.data.split import split
from locexp.errors import UserError
from tests.data.photos.folders import Box, Folder, drawn, keys, marked

WHOLE: dict[str, Any] = {"size": [64, 48], "resize": "stretch"}


def fill(folder: Folder, count: int = 6, start: int = 0) -> None:
    """Add photos that nothing is wrong with."""
    for index in range(start, start + count):
        folder.add(f"good{index}.png", marked())


def files(raw: RawData, part: str = "train") -> list[str]:
    found = raw.annotations[part].files
    assert found is not None
    return found.tolist()


def test_what_is_delivered(folder: Folder) -> None:
    folder.add("train/images/a.png", marked("cat"), part="train")
    folder.add("train/images/b.png", marked("dog", (0, 0, 64, 48)), part="train")
    folder.add("test/images/c.png", marked("dog"), image=drawn((128, 96)), part="test")
    raw = folder.read(leaks="refuse")
    assert (raw.name, raw.source, raw.resize, raw.leaks) == ("pets", "file", "letterbox", "refuse")
    assert raw.train_images.dtype == np.uint8
    assert raw.train_images.shape == (2, 32, 32, 3)
    assert raw.train_labels.tolist() == [0, 1]
    assert raw.class_names == ("cat", "dog")
    assert raw.names == {"train": ("train/images",) * 2, "test": ("test/images",) * 2}
    assert files(raw) == ["train/images/a.png", "train/images/b.png"]
    assert raw.annotations["train"].boxes.tolist() == [[4, 8, 20, 20], [0, 4, 32, 28]]
    placement = raw.annotations["test"].placement
    assert placement is not None
    assert placement.sizes.tolist() == [[128, 96]]
    assert placement.to_original(raw.annotations["test"].boxes).tolist() == [[8, 8, 40, 32]]
    assert raw.validation_images is None
    assert raw.notes == ("3 photos of 64x48 to 128x96 pixels, in colour, on a canvas of 32x32 by letterbox.",)


def test_photos_are_split_as_they_are(folder: Folder) -> None:
    """Colour that all photos lack is still colour where it was asked for, and white is not looked for."""
    for index in range(20):
        folder.add(f"{index}.png", marked(), image=drawn(colour=(1, 1, 1)))
    dataset = split(converted(folder.read(channels=3)), validation=0.2, split_seed=0)
    assert dataset.train.images.shape[1:] == (32, 32, 3)
    assert set(np.unique(dataset.train.images)) == {1, 114}


@pytest.mark.parametrize(
    ("given", "expected"),
    [((-0.6, 0, 64.9, 48), (0, 0, 64, 48)), ((-1, -1, 65, 49), (0, 0, 64, 48)), ((8, 8, 40, 32), (8, 8, 40, 32))],
)
def test_a_pixel_outside_is_rounding(folder: Folder, given: Box, expected: Box) -> None:
    folder.add("a.png", marked(box=given))
    raw = folder.read(**WHOLE)
    assert raw.annotations["train"].boxes[0].tolist() == list(expected)
    assert raw.problems == ()


def test_a_box_farther_outside_is_clipped_and_listed(folder: Folder) -> None:
    folder.add("a.png", marked(box=(-5, 8, 70, 32)))
    raw = folder.read(**WHOLE)
    assert raw.annotations["train"].boxes[0].tolist() == [0, 8, 64, 32]
    (problem,) = raw.problems
    assert problem == Problem(
        "a.png", "the box of 'cat' is x1=-5, y1=8, x2=70, y2=32 in a photo of 64x48 pixels", "clipped to the photo"
    )


NAN = math.nan
BAD = {
    "empty": ((8, 8, 8, 32), "the box of 'dog' is empty: x1=8, x2=8"),
    "inverted": ((8, 32, 40, 8), "the box of 'dog' is inverted: y1=32, y2=8"),
    "nan": ((8, NAN, 40, 32), "x1=8, y1=nan, x2=40, y2=32, which are not all numbers"),
    "infinite": ((8, 8, math.inf, 32), "which are not all numbers"),
    "outside": ((70, 8, 90, 32), "so it is outside"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_boxes_are_left_out(folder: Folder, kind: str) -> None:
    box, expected = BAD[kind]
    fill(folder, 2)
    folder.add("bad.png", marked("dog", box))
    raw = folder.read()
    assert files(raw) == ["good0.png", "good1.png"]
    assert raw.class_names == ("cat",)  # a class is one that is found
    (problem,) = raw.problems
    assert (problem.file, problem.action) == ("bad.png", "left out")
    assert expected in problem.problem
    with pytest.raises(UserError, match=r"data.on_bad=stop: .*pets: bad.png: the box of 'dog'"):
        folder.read(on_bad="stop")


def test_more_than_a_third_left_out_ends_the_command(folder: Folder) -> None:
    fill(folder, 8)
    for index in range(4):
        folder.add(f"bad{index}.png", marked(box=(40, 8, 8, 32)))
    assert len(folder.read().problems) == 4
    folder.add("bad4.png", marked(box=(40, 8, 8, 32)))
    with pytest.raises(UserError, match=r"5 of 13 files cannot be used; .* first: bad0.png: .*; bad1.png: .*; bad2"):
        folder.read()


def test_problems_of_the_reader_count(folder: Folder) -> None:
    fill(folder, 4)
    folder.add("bad.png", marked(box=(40, 8, 8, 32)))
    found = (Problem("spoilt.xml", "line 3: not well-formed", "left out"),)
    raw = photos(Listing("pets", tuple(folder.images), problems=found), keys(folder.path))
    assert [one.file for one in raw.problems] == ["bad.png", "spoilt.xml"]
    folder.add("bad2.png", marked(box=(40, 8, 8, 32)))
    with pytest.raises(UserError, match="3 of 7 files cannot be used"):
        photos(Listing("pets", tuple(folder.images), problems=found), keys(folder.path))
    with pytest.raises(UserError, match="data.on_bad=stop: .*: spoilt.xml: line 3"):
        photos(Listing("pets", tuple(folder.images), problems=found), keys(folder.path, on_bad="stop"))


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((128, 96), (16, 16, 80, 64), (8, 8, 40, 32)),
        ((32, 24), (4, 4, 20, 16), (8, 8, 40, 32)),
        ((65, 48), (8, 8, 40, 32), (8, 8, 40, 32)),  # rounded
        ((0, 0), (8, 8, 40, 32), (8, 8, 40, 32)),  # not known
    ],
)
def test_an_annotation_of_the_photo_in_another_size(
    folder: Folder, size: tuple[int, int], box: Box, expected: Box
) -> None:
    folder.add("a.png", marked(box=box), size=size)
    raw = folder.read(**WHOLE)
    assert raw.annotations["train"].boxes[0].tolist() == list(expected)
    assert [one.action for one in raw.problems] == (["the boxes are scaled"] if size in ((128, 96), (32, 24)) else [])


def test_an_annotation_of_another_photo_is_left_out(folder: Folder) -> None:
    fill(folder, 2)
    folder.add("a.png", marked(), size=(100, 100))
    (problem,) = folder.read().problems
    assert problem.problem == "the annotation is for a photo of 100x100 pixels, but this is one of 64x48"


def test_relative_boxes_are_shares_of_the_photo(folder: Folder) -> None:
    folder.add("a.png", marked(box=(0.125, 0.25, 0.5, 0.75), is_relative=True))
    assert folder.read(**WHOLE).annotations["train"].boxes[0].tolist() == [8, 12, 32, 36]


def test_only_images_with_one_object(folder: Folder) -> None:
    fill(folder, 2)
    folder.add("none.png")
    folder.add("two.png", marked("dog"), marked("cat", (0, 0, 9, 9)))
    folder.add("crowd.png", marked("cat"), marked("cat", (0, 0, 9, 9), is_crowd=True))
    raw = folder.read()
    assert files(raw) == ["good0.png", "good1.png", "crowd.png"]
    assert raw.problems == ()
    assert raw.notes[:3] == (
        "1 mark of crowds are no objects.",
        "1 image without an object: left out.",
        "1 image with several objects: left out (data.objects=only; largest uses the largest of each).",
    )


def test_the_largest_object_that_can_be_used(folder: Folder) -> None:
    folder.add("a.png", marked("cat", (0, 0, 9, 9)), marked("dog", (8, 8, 40, 32)), marked("cow", (60, 48, 0, 0)))
    folder.add("b.png", marked("cat"))
    raw = folder.read(objects="largest", **WHOLE)
    assert raw.class_names == ("cat", "dog")
    assert raw.train_labels.tolist() == [1, 0]
    assert raw.annotations["train"].boxes[0].tolist() == [8, 8, 40, 32]
    assert [one.action for one in raw.problems] == ["this box is left out"]


def test_classes_are_filtered_first(folder: Folder) -> None:
    folder.add("a.png", marked("cat"), marked("dog", (0, 0, 9, 9)))
    folder.add("b.png", marked("dog"))
    folder.add("c.png", marked("cow"))
    raw = folder.read(classes=["cow", "cat"])
    assert files(raw) == ["a.png", "c.png"]
    assert raw.class_names == ("cow", "cat")
    assert raw.train_labels.tolist() == [1, 0]
    assert raw.notes[0] == "1 image without an object of data.classes: left out."


def test_classes_are_those_found_in_the_order_of_the_data(folder: Folder) -> None:
    for name in ("cat", "dog", "ant"):
        folder.add(f"{name}.png", marked(name))
    assert folder.read().class_names == ("ant", "cat", "dog")
    folder.add("2.png", marked("2"))
    folder.add("10.png", marked("10"))
    assert folder.read().class_names == ("2", "10", "ant", "cat", "dog")
    folder.images = folder.images[:3]
    assert folder.read(names=("objects", "dog", "cat", "bird")).class_names == ("dog", "cat", "ant")


def test_classes_that_are_called_by_numbers(folder: Folder) -> None:
    folder.add("a.png", marked("7"))
    folder.add("b.png", marked("12"))
    assert folder.read(classes=[12, 7]).class_names == ("12", "7")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (
            ["cat", "dgo"],
            r"data.classes: 'dgo': there is no such class; expected some of cat, dog. Did you mean 'dog'?",
        ),
        (["bird"], "data.classes: 'bird': no object is of this class"),
        (["cat", "cat"], "names 'cat' twice"),
        ([], "at least one name"),
    ],
)
def test_classes_that_are_not_there(folder: Folder, classes: list[str], message: str) -> None:
    folder.add("a.png", marked("cat"))
    folder.add("b.png", marked("dog"))
    with pytest.raises(UserError, match=message):
        folder.read(names=("cat", "dog", "bird"), classes=classes)


def test_no_image_is_left(folder: Folder) -> None:
    folder.add("a.png")
    folder.add("b.png", marked(), marked("dog"))
    with pytest.raises(UserError, match="no image is left of 2: 1 has no object, and 1 has several"):
        folder.read()


@pytest.mark.parametrize(
    ("test_parts", "expected"),
    [
        (["test"], {"train": ["a", "d"], "validation": ["b"], "test": ["c"]}),
        (["validation", "test"], {"train": ["a", "d"], "test": ["b", "c"]}),
        (["validation"], {"train": ["a", "d"], "test": ["b"]}),
        ([], {"train": ["a", "d"], "validation": ["b"]}),
    ],
)
def test_parts(folder: Folder, test_parts: list[str], expected: dict[str, list[str]]) -> None:
    for name, part in (("a", "train"), ("b", "validation"), ("c", "test"), ("d", None)):
        folder.add(f"{name}.png", marked(), part=part)
    raw = folder.read(test_parts=test_parts)
    assert {part: [name[0] for name in files(raw, part)] for part in raw.annotations} == expected
    unused = "1 image of the data's test part: not used (data.test_parts)."
    assert (unused in raw.notes) == ("test" not in test_parts)


def test_parts_that_are_wrong(folder: Folder) -> None:
    folder.add("b.png", marked(), part="validation")
    folder.add("c.png", marked(), part="test")
    with pytest.raises(UserError, match="no image to use is in the part to train on; the parts are test, validation"):
        folder.read()
    with pytest.raises(UserError, match="data.test_parts=.train, test.: train cannot be"):
        folder.read(test_parts=["train", "test"])
    folder.add("a.png", marked(), part="train")
    folder.images = [image for image in folder.images if image.part != "test"]
    assert "data.test_parts: the data have no part test." in folder.read(test_parts=["validation", "test"]).notes


def groups(raw: RawData) -> list[str] | None:
    found = raw.annotations["train"].groups
    return None if found is None else found.tolist()


def test_groups(folder: Folder) -> None:
    for name in ("a_jpg.rf.11.png", "a_jpg.rf.22.png", "b_jpg.rf.33.png", "c.png"):
        folder.add(f"images/{name}", marked())
    raw = folder.read()
    assert groups(raw) == ["a_jpg", "a_jpg", "b_jpg", "images/c.png"]
    assert raw.notes[-1] == (
        "3 images are in 2 groups, each kept together in one part (copies of one photo by their names, before .rf.); "
        "1 image in none."
    )
    assert groups(folder.read(group=None)) is None
    assert groups(folder.read(group="images/.")) == ["images/a", "images/a", "images/b", "images/c"]
    assert groups(folder.read(group=r"(\w)_jpg\.")) == ["a", "a", "b", "images/c.png"]


def test_the_groups_of_the_data_are_taken_unless_others_are_asked_for(folder: Folder) -> None:
    folder.add("a.rf.1.png", marked(), group="7")
    folder.add("a.rf.2.png", marked(), group="8")
    folder.add("b.png", marked(), group="7")
    assert groups(folder.read()) == ["7", "8", "7"]
    assert groups(folder.read(group=r"^(\w)")) == ["a", "a", "b"]
    assert groups(folder.read(group=None)) is None


def test_groups_of_one_are_none(folder: Folder) -> None:
    fill(folder)
    assert groups(folder.read()) is None
    assert groups(folder.read(group="good.")) is None


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("(", r"data.group=\(: is not a regular expression"),
        ("frame", r"matches none of 2 file names; the first is 'good"),
        ("good", r"data.group=good: matches 'good' in all 2 file names, so all are one group; expected a pattern"),
        ("", r"matches '' in all 2 file names"),
    ],
)
def test_a_group_that_is_none(folder: Folder, group: str, message: str) -> None:
    fill(folder, 2)
    with pytest.raises(UserError, match=message):
        folder.read(group=group)


def test_the_sizes_that_are_said_are_those_of_photos(folder: Folder) -> None:
    for name, size in {"a": (90, 10), "b": (60, 80), "c": (20, 30)}.items():
        folder.add(f"{name}.png", marked(box=(1, 1, 9, 9)), image=drawn(size))
    assert "3 photos of 20x30 to 60x80 pixels" in " ".join(folder.read().notes)


def test_boxes_that_vanish_on_the_canvas_are_said(folder: Folder) -> None:
    folder.add("a.png", marked(box=(8, 8, 9, 30)))
    assert "1 photo: the box is less than a pixel wide or high on the canvas; see data.size." in folder.read().notes


def test_the_canvas_is_chosen(folder: Folder) -> None:
    for index in range(3):
        folder.add(f"{index}.png", marked(), image=drawn((640, 480)))
    raw = folder.read(size="auto")
    assert raw.train_images.shape == (3, 80, 112, 3)
    assert raw.notes[0] == "3 photos of 640x480 pixels, in colour, on a canvas of 112x80 (data.size=auto) by letterbox."


def test_more_photos_than_memory_holds(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder, 10)
    folder.add("bomb.png", marked(), image=b"not read yet")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=15 * 32 * 32 * 3))
    opened = Path.open

    def unread(path: Path, *arguments: Any, **named: Any) -> Any:
        assert path.suffix != ".png", "a photo was read before it was said"
        return opened(path, *arguments, **named)

    with monkeypatch.context() as closed:
        closed.setattr(Path, "open", unread)
        for size in ([32, 32], "auto"):
            with pytest.raises(
                UserError, match=r"data.path=.*pets: 11 photos of 32x32x3 take .*: 7 of them would fit. Give a"
            ):
                folder.read(size=size)
    assert folder.read(size=[24, 24]).train_images.shape == (10, 24, 24, 3)
