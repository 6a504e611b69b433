"""Photos with a text file each, as YOLO has them: labels, class names, parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from locexp.data.photos.listing import Problem
from locexp.data.photos.yolo import read
from locexp.errors import UserError
from tests.data.layouts import write

YAML = b"train: images/train\nval: images/val\ntest: # optional\nnc: 3\nnames: ['cat', no, 7]\n"
LABEL = b"1 0.5 0.25 0.5 0.25\n"
BOX = (0.25, 0.125, 0.75, 0.375)


def parts(folder: Path) -> dict[str, str | None]:
    return {image.path.relative_to(folder.resolve()).as_posix(): image.part for image in read(folder).images}


def test_labels(tmp_path: Path) -> None:
    files = {f"{name}.jpg": b"" for name in ("box", "empty", "outline", "turned", "sure", "two", "blank")}
    files |= {
        "box.txt": LABEL,
        "empty.txt": b"",
        "blank.txt": b"\n \n",
        "outline.txt": b"0 0.1 0.2 0.5 0.1 0.3 0.6\n",
        "turned.txt": b"0 .1 .2 .5 .1 .6 .5 .2 .6",
        "sure.txt": b"2 0.5 0.25 0.5 0.25 0.97\n",
        "two.txt": LABEL + b"\n0.0\t.5 .5 1 1\n",
        "data.yaml": YAML,
    }
    listing = read(write(tmp_path / "pets", files))
    objects = {one.path.stem: [(mark.label, mark.box) for mark in one.objects] for one in listing.images}
    assert objects == {
        "box": [("no", BOX)],
        "empty": [],
        "blank": [],
        "outline": [("cat", (0.1, 0.1, 0.5, 0.6))],
        "turned": [("cat", (0.1, 0.1, 0.6, 0.6))],
        "sure": [("7", BOX)],
        "two": [("no", BOX), ("cat", (0, 0, 1, 1))],
    }
    assert all(mark.is_relative and not mark.is_crowd for one in listing.images for mark in one.objects)
    assert listing.class_names == ("cat", "no", "7")
    assert listing.problems == ()
    notes = " ".join(listing.notes)
    for said in (
        "2 files with outlines, read as their boxes: outline.txt, turned.txt",
        "1 file with a sixth number, such as a confidence, behind the box, not used: sure.txt",
        "class names are those of data.yaml",
    ):
        assert said in notes


LAYOUTS = {
    "Roboflow": ("{}/images/a.jpg", "{}/labels/a.txt"),
    "Ultralytics": ("images/{}/a.jpg", "labels/{}/a.txt"),
    "beside": ("{}/a.jpg", "{}/a.txt"),
    "deep": ("pets/images/{}/x/a.jpg", "pets/labels/{}/x/a.txt"),
    "names": ("images/{0}/{0}.jpg", "labels/{0}.txt"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_folders_are_parts(tmp_path: Path, layout: str) -> None:
    files: dict[str, bytes] = {}
    for place in LAYOUTS[layout]:
        files |= {place.format(part): LABEL if place.endswith("txt") else b"" for part in ("train", "val", "test")}
    listing = read(write(tmp_path / "pets", files))
    assert sorted(str(one.part) for one in listing.images) == ["test", "train", "validation"]
    assert [one.objects[0].label for one in listing.images] == ["1"] * 3
    assert listing.problems == ()


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("train: one/images\nval: two\n", ""),
        ("train: images/../one/images\nval: [two/images, ]\n", ""),
        ("path: .\ntrain: ./one/images\nval: two/images\n", ""),
        ("path: ../datasets/pets\ntrain: one/images\nval: two/images\n", "2 paths of data.yaml that lead elsewhere"),
        ("train: ../one/images\nval: ../two/images\n", "2 paths of data.yaml that lead elsewhere"),
        (
            "train: /content/pets/one/images\nval: C:\\\\pets\\\\two\\\\images\n",
            "2 paths of data.yaml that lead elsewhere",
        ),
        ("train: one.txt\nval: two/list.txt\n", ""),
        ("path: /nowhere\ntrain: one.txt\nval: lists/two/list.txt\n", "2 paths of data.yaml that lead elsewhere"),
    ],
)
def test_parts_of_the_yaml_file(tmp_path: Path, yaml: str, said: str) -> None:
    files = {f"{part}/{place}": b"" for part in ("one", "two") for place in ("images/a.jpg", "images/b.png")}
    files |= {f"{part}/labels/{name}.txt": LABEL for part in ("one", "two") for name in "ab"}
    files |= {"one.txt": b"./one/images/a.jpg\none/images/b.png\n", "data.yaml": f"{yaml}names: {{1: dog}}".encode()}
    files |= {"two/list.txt": b"/home/me/pets/two/images/a.jpg\nimages/b.png\n"}
    folder = write(tmp_path / "pets", files)
    found = parts(folder)
    assert found == {
        f"{part}/images/{name}": {"one": "train", "two": "validation"}[part]
        for part, name in (("one", "a.jpg"), ("one", "b.png"), ("two", "a.jpg"), ("two", "b.png"))
    }
    listing = read(folder / "data.yaml")
    assert listing.problems == ()
    notes = " ".join(listing.notes)
    assert said in notes
    assert ("elsewhere" in notes) is bool(said)


def test_paths_that_lead_nowhere_and_parts_that_are_one(tmp_path: Path) -> None:
    files = {f"{part}/a.{ending}": LABEL for part in ("train", "valid") for ending in ("jpg", "txt")}
    nowhere = b"train: /data/x/imgs\nval: ../y/imgs\ntest: z\nnames: [a, b]"
    folder = write(tmp_path / "nowhere", {**files, "data.yaml": nowhere})
    assert parts(folder) == {"train/a.jpg": "train", "valid/a.jpg": "validation"}
    assert "3 paths of data.yaml without an image here, so folders say the part: /data/x/imgs" in " ".join(
        read(folder).notes
    )
    same = {"images/a.jpg": b"", "labels/a.txt": LABEL, "data.yaml": b"train: images\nval: images\nnames: [a, b]"}
    folder = write(tmp_path / "same", same)
    assert parts(folder) == {"images/a.jpg": "train"}
    assert "1 image of two parts in data.yaml, used in the first: images/a.jpg" in " ".join(read(folder).notes)


def test_darknet_has_lists_and_a_file_of_names(tmp_path: Path) -> None:
    files = {f"obj_train_data/{name}.{ending}": LABEL for name in "ab" for ending in ("jpg", "txt")}
    files |= {"obj.names": b"cat\ndog\n", "train.txt": b"data/obj_train_data/a.jpg\n", "obj.data": b"classes = 2"}
    folder = write(tmp_path / "pets", {**files, "valid.txt": b"data/obj_train_data/b.jpg\ndata/c.jpg\n"})
    assert parts(folder) == {"obj_train_data/a.jpg": "train", "obj_train_data/b.jpg": "validation"}
    listing = read(folder)
    assert listing.class_names == ("cat", "dog")
    assert [one.objects[0].label for one in listing.images] == ["dog", "dog"]
    assert listing.problems == (Problem("valid.txt", "line 2: there is no image data/c.jpg", "left out"),)


def test_class_names(tmp_path: Path) -> None:
    files = {"a.jpg": b"", "a.txt": b"10 .5 .5 .1 .1", "b.jpg": b"", "b.txt": b"9 .5 .5 .1 .1"}
    listing = read(write(tmp_path / "none", files))
    assert listing.class_names == ("9", "10")
    assert "nothing names the classes" in " ".join(listing.notes)
    listing = read(write(tmp_path / "some", {**files, "pets.yml": b"names:\n  10: on\n  9: yes\n"}))
    assert [one.objects[0].label for one in listing.images] == ["on", "yes"]
    assert listing.class_names == ("yes", "on")
    names = "\n".join(f"c{number}" for number in range(11)).encode()
    assert read(write(tmp_path / "text", {**files, "classes.txt": names})).images[0].objects[0].label == "c10"
    files |= {"data.yaml": b"names: [a]\n" + b"nc: 1", "b.txt": b"0 .5 .5 .1 .1", "other/x.yaml": b"names: [b]"}
    listing = read(write(tmp_path / "few", files))
    assert listing.problems == (Problem("a.txt", "line 1: class 10 is none of the 1 that data.yaml names", "left out"),)
    assert "1 file beside data.yaml, not used: other/x.yaml" in " ".join(listing.notes)


def test_keypoints_are_not_taken_for_an_outline(tmp_path: Path) -> None:
    pose = b"0 0.5 0.25 0.5 0.25 0.9 0.9 0.1 0.1"
    files = {"a.jpg": b"", "a.txt": pose, "data.yaml": b"kpt_shape: [2, 2]\nnames: [cat]"}
    listing = read(write(tmp_path / "pets", files))
    assert listing.images[0].objects[0].box == BOX
    assert "1 file with keypoints behind the box" in " ".join(listing.notes)


SPOILT = {
    "words": (b"cat .5 .5 .1 .1", "line 1 is 'cat .5 .5 .1 .1'; expected numbers"),
    "commas": (b"1,.5,.5,.1,.1", "line 1 is '1,.5,.5,.1,.1'; expected numbers"),
    "pixels": (LABEL + b"1 212 100 50 40", "line 2: 212 is no share of the image; expected numbers from 0 to 1"),
    "few": (b"1 .5 .5 .1", "line 1 has 4 numbers; expected class, centre x, centre y, width, height"),
    "odd": (b"1 .5 .5 .1 .1 .2 .2 .3", "line 1 has 8 numbers"),
    "class": (b"1.5 .5 .5 .1 .1", "line 1: class 1.5; expected a whole number from 0"),
    "negative": (b"-1 .5 .5 .1 .1", "line 1: class -1"),
    "nan": (b"nan .5 .5 .1 .1", "line 1: class nan"),
    "huge": (b"1e999 .5 .5 .1 .1", "line 1: class inf"),
    "binary": (bytes(range(256)), "expected numbers"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_label_is_left_out(tmp_path: Path, name: str) -> None:
    content, message = SPOILT[name]
    files = {"images/a.jpg": b"", "labels/a.txt": content, "images/b.jpg": b"", "labels/b.txt": LABEL}
    listing = read(write(tmp_path / "pets", files))
    assert [one.path.name for one in listing.images] == ["b.jpg"]
    (problem,) = listing.problems
    assert (problem.file, problem.action) == ("labels/a.txt", "left out")
    assert message in problem.problem
    with pytest.raises(UserError, match=r"no image of 1 in it has an annotation that can be used; the first: labels/a"):
        read(write(tmp_path / "one", {"images/a.jpg": b"", "labels/a.txt": content}))


YAMLS = {
    "cut": (b"names: [a, b", r"is not YAML \(.*line 2\)|is not YAML \(.*line 1\)"),
    "count": (b"nc: 3\nnames: [a, b]", "nc is 3, but names has 2 entries"),
    "text": (b"train: x\nnames: 5", "names is '5'; expected a list of names"),
    "nested": (b"names: [[a, b], c]", r"names\[0\] is a list; expected a name for each number"),
    "keys": (b"names: {a: b}", r"names\[a\] is a str"),
    "empty": (b"names: ['', b]", r"names\[0\] is a str"),
    "deep": (b"names: " + b"[" * 20_000, "is nested too deeply"),
    "tags": (b"names: !!python/object/apply:os.system ['true']", "^$"),
    "control": (b"names: [a\x00]", "is not YAML"),
    "bomb": (
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(9))
        + b"names: *j",
        r"names\[0\] is a list",
    ),
}


@pytest.mark.parametrize("name", YAMLS)
def test_a_spoilt_yaml_file(tmp_path: Path, name: str) -> None:
    content, message = YAMLS[name]
    folder = write(tmp_path / "pets", {"a.jpg": b"", "a.txt": b"0 .5 .5 .1 .1", "data.yaml": content})
    if name == "tags":  # they mean nothing here
        assert read(folder).class_names == ("true",)
        return
    with pytest.raises(UserError, match=message) as caught:
        read(folder)
    assert "pets/data.yaml: " in str(caught.value)
    (folder / "more.yaml").write_bytes(b"names: [a, b]")
    listing = read(folder)
    assert listing.class_names == ("a", "b")
    assert [one.file for one in listing.problems] == ["data.yaml"]


def test_a_yaml_file_of_something_else_is_said(tmp_path: Path) -> None:
    folder = write(tmp_path / "pets", {"a.jpg": b"", "a.txt": LABEL, "hooks.yaml": b"repos: []"})
    assert "pets: 1 file of YAML without names, train or val, not used: hooks.yaml." in read(folder).notes
    with pytest.raises(UserError, match=r"pets/hooks.yaml: has no names, train or val; expected some of these"):
        read(folder / "hooks.yaml")


def test_the_labels_of_one_image_are_no_data_set(tmp_path: Path) -> None:
    folder = write(tmp_path / "pets", {"a.jpg": b"", "a.txt": LABEL, "classes.txt": b"cat\ndog\n"})
    assert len(read(folder / "classes.txt").images) == 1
    with pytest.raises(UserError, match=r"pets/a.txt: holds the objects of one image; expected the folder"):
        read(folder / "a.txt")


def test_labels_without_an_image_and_the_other_way_round(tmp_path: Path) -> None:
    files = {"a.jpg": b"", "a.txt": LABEL, "b.jpg": b"", "c.txt": LABEL, "README.txt": b"Pets\n", "d/e.jpg": b""}
    listing = read(write(tmp_path / "pets", files))
    assert [one.path.name for one in listing.images] == ["a.jpg"]
    assert listing.problems == (
        Problem("c.txt", "there is no image called so", "left out"),
        Problem("b.jpg", "has no annotation", "not used"),
    )


def test_an_origin_means_nothing_here(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="data.origin=1: boxes of YOLO are shares"):
        read(tmp_path, 1)
