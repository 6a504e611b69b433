"""Photos annotated in JSON files as COCO has them: which images they mean, and what is wrong with some entries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from locexp.data.photos.coco import read
from locexp.data.photos.listing import MarkedObject, Problem
from locexp.errors import UserError
from tests.data.layouts import write

CATEGORIES = [{"id": 0, "name": "pets"}, {"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]


def image(key: int | str, name: str, **more: Any) -> dict[str, Any]:
    return {"id": key, "file_name": name, "width": 100, "height": 80, **more}


def mark(key: int | str, category: int = 3, bbox: Any = (10, 20, 30.5, 40), **more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": key, "category_id": category, "bbox": bbox, "iscrowd": 0, **more}


def coco(images: list[Any], annotations: list[Any], categories: Any = CATEGORIES) -> bytes:
    return json.dumps({"images": images, "annotations": annotations, "categories": categories}).encode()


def test_a_file_beside_the_images(tmp_path: Path) -> None:
    content = coco(
        [image(1, "a.jpg"), image(2, "sub/b.jpg", width="wide"), image(3, "c.jpg")],
        [mark(1), mark(2, 7), mark(2, bbox=[0, 0, "5", 5], iscrowd=1)],
    )
    folder = write(tmp_path / "pets", {"a.jpg": b"", "sub/b.jpg": b"", "c.jpg": b"", "labels.json": content})
    for path in (folder, folder / "labels.json"):
        listing = read(path)
        assert [one.path.name for one in listing.images] == ["a.jpg", "c.jpg", "b.jpg"]
        first, second, third = listing.images
        assert first.objects == (MarkedObject("cat", (10, 20, 40.5, 60)),)
        assert second.objects == ()
        assert third.objects == (
            MarkedObject("dog", (10, 20, 40.5, 60)),
            MarkedObject("cat", (0, 0, 5, 5), False, True),
        )
        assert (first.size, third.size) == ((100, 80), None)
        assert (first.where, first.part) == ("labels.json, images[0]", None)
        assert listing.class_names == ("pets", "dog", "cat")
        assert listing.problems == ()
        assert listing.notes == ("pets: boxes are read as x, y, width, height from 0, as written.",)
    assert read(folder, 1).images[0].objects[0].box == (9, 19, 39.5, 59)


LAYOUTS = {
    "Roboflow": ("{0}/_annotations.coco.json", "{0}/a{1}.jpg"),
    "official": ("annotations/instances_{0}2017.json", "{0}2017/a{1}.jpg"),
    "one name": ("annotations/instances_{0}2017.json", "images/{0}2017/a.jpg"),
    "files": ("{0}.json", "images/a{1}.jpg"),
    "CVAT": ("annotations/instances_{0}.json", "images/{0}/a{1}.jpg"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_for_each_part(tmp_path: Path, layout: str) -> None:
    files: dict[str, bytes] = {}
    for number, part in enumerate(("train", "val", "test")):
        file, photo = (name.format(part, number) for name in LAYOUTS[layout])
        files |= {file: coco([image(1, Path(photo).name)], [mark(1, bbox=[0, 0, number + 1, 5])]), photo: b""}
    listing = read(write(tmp_path / "pets", files))
    assert {one.objects[0].box[2]: one.part for one in listing.images} == {1: "train", 2: "validation", 3: "test"}
    assert listing.problems == ()


def test_parts_are_those_of_the_images_folders_where_the_file_says_none(tmp_path: Path) -> None:
    content = coco([image(1, "train/a.jpg"), image(2, "val/a.jpg")], [mark(1), mark(2)])
    listing = read(write(tmp_path / "pets", {"all.json": content, "train/a.jpg": b"", "val/a.jpg": b""}))
    assert [one.part for one in listing.images] == ["train", "validation"]


def test_only_instances_are_read_where_there_are_captions_and_keypoints(tmp_path: Path) -> None:
    content = coco([image(1, "a.jpg")], [mark(1)])
    captions = json.dumps(
        {"images": [image(1, "a.jpg")], "annotations": [{"image_id": 1, "caption": "A cat."}]}
    ).encode()
    files = {"instances_train2017.json": content, "captions_train2017.json": captions}
    files |= {"person_keypoints_train2017.json": coco([image(1, "a.jpg")], [mark(1, bbox=[1, 1, 1, 1])])}
    files |= {"image_info_test2017.json": json.dumps({"images": [], "categories": []}).encode()}
    listing = read(
        write(tmp_path / "pets", {f"annotations/{name}": one for name, one in files.items()} | {"a.jpg": b""})
    )
    assert listing.images[0].objects == (MarkedObject("cat", (10, 20, 40.5, 60)),)
    assert "person_keypoints_train2017.json" in " ".join(listing.notes)


def test_absolute_paths_of_another_machine(tmp_path: Path) -> None:
    names = ["/home/me/pets/cats/a.jpg", r"D:\pets\dogs\a.jpg", "https://example.com/x/b.jpg", "/mnt/none.jpg"]
    content = coco([image(key, name) for key, name in enumerate(names)], [mark(key) for key in range(4)])
    files = {"cats/a.jpg": b"", "dogs/a.jpg": b"", "b.jpg": b"", "all.json": content}
    listing = read(write(tmp_path / "pets", files))
    assert [one.where.split(", ")[1] for one in listing.images] == ["images[2]", "images[0]", "images[1]"]
    assert "3 images in other folders than the annotations say, found by name" in " ".join(listing.notes)
    assert listing.problems == (
        Problem("/mnt/none.jpg", "all.json, images[3]: there is no image /mnt/none.jpg", "left out"),
    )


def test_a_name_that_two_images_have_is_no_answer(tmp_path: Path) -> None:
    content = coco([image(1, "a.jpg"), image(2, "b.jpg")], [mark(1), mark(2)])
    listing = read(write(tmp_path / "pets", {"x/a.jpg": b"", "y/a.jpg": b"", "y/b.jpg": b"", "ann/all.json": content}))
    assert listing.problems[0].problem == "ann/all.json, images[0]: several images are called a.jpg: x/a.jpg, y/a.jpg"


GOOD = image(9, "good.jpg")
ENTRIES: dict[str, tuple[list[Any], list[Any], str, str]] = {
    "no box": ([image(1, "a.jpg")], [mark(1, bbox=None)], "a.jpg", "bbox is None; expected [x, y, width, height]"),
    "words": ([image(1, "a.jpg")], [mark(1, bbox="1234")], "a.jpg", "bbox is '1234'"),
    "three": ([image(1, "a.jpg")], [mark(1, bbox=[1, 2, 3])], "a.jpg", "bbox is [1, 2, 3]"),
    "huge": ([image(1, "a.jpg")], [mark(1, bbox=[1, 2, 3, 10**400])], "a.jpg", "bbox is [1, 2, 3, 1000"),
    "category": ([image(1, "a.jpg")], [mark(1, 99)], "a.jpg", "category_id 99 is not in categories"),
    "list": ([image(1, "a.jpg")], [mark(1, [3])], "a.jpg", "has [3] as category_id"),  # type: ignore[arg-type]
    "orphan": ([], [mark(5)], "all.json", "annotations of image_id 5, which is not in images"),
    "no image": ([], [{"bbox": [1, 2, 3, 4]}], "all.json", "annotations[0]: has no image_id"),
    "no entry": ([], [7], "all.json", "annotations[0]: is 7; expected an object with image_id"),
    "no name": ([{"id": 1}], [], "all.json", "images[0]: has no file_name"),
    "no id": ([{"file_name": "a.jpg"}], [], "all.json", "images[0]: has no id"),
    "empty name": ([image(1, "")], [], "all.json", "images[0]: no image is named"),
    "outside": ([image(1, "../b.jpg")], [], "../b.jpg", "the path ../b.jpg leaves the data's folder"),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_a_spoilt_entry_is_left_out(tmp_path: Path, name: str) -> None:
    images, annotations, file, message = ENTRIES[name]
    (tmp_path / "b.jpg").touch()
    content = coco([*images, GOOD], [*annotations, mark(9)])
    listing = read(write(tmp_path / "pets", {"all.json": content, "good.jpg": b"", "sub/a.jpg": b""}))
    assert [one.path.name for one in listing.images] == ["good.jpg"]
    (problem,) = listing.problems
    assert (problem.file, problem.action) == ("sub/a.jpg" if file == "a.jpg" else file, "left out")
    assert message in problem.problem


def test_classes_of_several_ids(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}, {"id": 2, "name": "dog"}, {"id": 3}]
    content = coco([image(1, "a.jpg"), image(2, "b.jpg")], [mark(1, 1), mark(2, 2)], categories)
    listing = read(write(tmp_path / "pets", {"all.json": content, "a.jpg": b"", "b.jpg": b""}))
    assert [one.objects[0].label for one in listing.images] == ["cat", "cat"]
    assert "1 category of several ids, read as one class: cat" in " ".join(listing.notes)
    assert [one.problem for one in listing.problems] == [
        "categories[2]: id 2 is both cat and dog",
        "categories[3]: has no name",
    ]


FILES = {
    "cut": (coco([GOOD], [])[:-30], r"is not JSON \(.*line 1 column"),
    "deep": (b'{"images": ' + b"[" * 200_000, "is not JSON"),
    "mapping": (
        json.dumps({"images": {}, "annotations": [], "categories": []}).encode(),
        "images is a dict; expected a",
    ),
    "no categories": (json.dumps({"images": [], "annotations": []}).encode(), "has no categories; expected a list"),
    "no marks": (json.dumps({"images": [], "categories": []}).encode(), "has no annotations; expected a list"),
    "binary": (bytes(range(256)), "is not JSON"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_spoilt_file_of_two_is_left_out_and_the_only_one_is_refused(tmp_path: Path, name: str) -> None:
    content, message = FILES[name]
    with pytest.raises(UserError, match=message) as caught:
        read(write(tmp_path / "one", {"all.json": content, "good.jpg": b""}))
    assert "one/all.json: " in str(caught.value)
    files = {"all.json": content, "good.jpg": b"", "more.json": coco([GOOD], [mark(9)]), "package.json": b'{"name": 1}'}
    listing = read(write(tmp_path / "pets", files))
    assert len(listing.images) == 1
    if name == "no marks":
        assert "2 files of JSON without images and annotations, not used: all.json, package.json" in listing.notes[0]
    else:
        assert [(one.file, one.action) for one in listing.problems] == [("all.json", "left out")]


def test_annotations_in_latin_1(tmp_path: Path) -> None:
    text = json.dumps(
        {"images": [image(1, "a.jpg")], "annotations": [mark(1)], "categories": [{"id": 3, "name": "Gänse"}]},
        ensure_ascii=False,
    )
    listing = read(write(tmp_path / "pets", {"all.json": text.encode("latin-1"), "a.jpg": b""}))
    assert listing.class_names == ("Gänse",)
    assert "pets: 1 file not in UTF-8, read as Latin-1: all.json." in listing.notes


def test_the_same_image_twice(tmp_path: Path) -> None:
    content = coco([image(1, "a.jpg"), image(2, "a.jpg"), GOOD], [mark(1), mark(2, 7), mark(9)])
    listing = read(write(tmp_path / "pets", {"all.json": content, "a.jpg": b"", "good.jpg": b""}))
    assert listing.problems == (
        Problem("a.jpg", "is annotated differently in all.json, images[0], all.json, images[1]", "left out"),
    )
    other = coco([GOOD, image(1, "a.jpg")], [mark(9), mark(1)])
    parts = {"train.json": other, "test.json": coco([GOOD], [mark(9)]), "good.jpg": b"", "a.jpg": b""}
    listing = read(write(tmp_path / "parts", parts))
    assert [one.part for one in listing.images] == ["train", "test"]
    assert listing.problems == (Problem("good.jpg", "is in the parts train, test", "used in test alone"),)


def test_a_part_alone_is_split_anew(tmp_path: Path) -> None:
    files = {"annotations/instances_val2017.json": coco([GOOD], [mark(9)]), "val2017/good.jpg": b""}
    listing = read(write(tmp_path / "pets", files))
    assert listing.images[0].part is None
    assert "pets: all images are in the part validation, so they are split anew." in listing.notes
