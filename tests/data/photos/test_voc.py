"""Photos with an XML file each: which image it means, what its boxes are, which part it is of."""

from __future__ import annotations

from pathlib import Path

import pytest

from locexp.data.photos.listing import Listing, Problem
from locexp.data.photos.voc import read
from locexp.errors import UserError
from tests.data.layouts import write

Box = tuple[str, float, float, float, float]


def xml(*objects: Box, filename: str = "", database: str = "Unknown", size: tuple[int, int] = (100, 80)) -> bytes:
    marked = "".join(
        f"<object><name>{name}</name><part><name>head</name><bndbox><xmin>0</xmin></bndbox></part>"
        f"<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for name, x1, y1, x2, y2 in objects
    )
    return (
        f"<annotation><filename>{filename}</filename><source><database>{database}</database></source>"
        f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>{marked}</annotation>"
    ).encode()


CAT = ("cat", 10, 20, 30.5, 40)


def found(listing: Listing, folder: Path) -> dict[str, list[Box]]:
    return {
        image.path.relative_to(folder).as_posix(): [(one.label, *one.box) for one in image.objects]
        for image in listing.images
    }


def test_files_beside_the_images(tmp_path: Path) -> None:
    files = {"a.jpg": b"", "a.xml": xml(CAT), "b.PNG": b"", "b.xml": xml(CAT, ("dog", 0, 0, 5, 5)), "c.bmp": b""}
    folder = write(tmp_path / "pets", {**files, "c.xml": xml(), ".hidden.xml": b"<"})
    listing = read(folder)
    assert listing.name == "pets"
    assert found(listing, folder) == {"a.jpg": [CAT], "b.PNG": [CAT, ("dog", 0, 0, 5, 5)], "c.bmp": []}
    assert {image.part for image in listing.images} == {None}
    assert listing.images[0].size == (100, 80)
    assert listing.images[0].where == "a.xml"
    assert listing.class_names == ()
    assert listing.problems == ()
    assert listing.notes == ("pets: the boxes of 3 annotations are read as edges from 0, as written.",)


@pytest.mark.parametrize(
    ("origin", "database", "box"),
    [
        ("auto", "The VOC2007 Database", (9, 19, 30.5, 40)),
        ("auto", "Unknown", (10, 20, 30.5, 40)),
        (0, "The VOC2012 Database", (10, 20, 30.5, 40)),
        (1, "Unknown", (9, 19, 30.5, 40)),
    ],
)
def test_boxes_count_from_1_where_the_database_is_voc(
    tmp_path: Path, origin: str | int, database: str, box: tuple[float, ...]
) -> None:
    folder = write(tmp_path / "pets", {"a.jpg": b"", "a.xml": xml(CAT, database=database)})
    listing = read(folder, origin)
    assert listing.images[0].objects[0].box == box
    assert ("from 1" in listing.notes[0]) is (box[0] == 9)


def test_the_layout_of_pascal_voc(tmp_path: Path) -> None:
    """Lists say the part, and images that are in none of them are not of the set."""
    names = ("2007_1", "2007_2", "2007_3", "2007_4", "2007_5")
    files = {f"VOC2007/JPEGImages/{name}.jpg": b"" for name in names}
    files |= {f"VOC2007/Annotations/{name}.xml": xml(CAT) for name in names}
    files |= {"VOC2007/SegmentationClass/2007_1.png": b"", "VOC2007/ImageSets/Main/cat_train.txt": b"2007_4 1\n"}
    lists = {"train": b"2007_1  1\n2007_5 -1\n", "val": b"2007_2\n\n", "trainval": b"2007_1\n2007_2\n"}
    lists["test"] = b"2007_3\n2007_5\n2007_9\n"
    files |= {f"VOC2007/ImageSets/Main/{name}.txt": lines for name, lines in lists.items()}
    listing = read(write(tmp_path / "VOCdevkit", files))
    parts = {image.path.name: image.part for image in listing.images}
    assert parts == {"2007_1.jpg": "train", "2007_2.jpg": "validation", "2007_3.jpg": "test", "2007_5.jpg": "test"}
    assert listing.problems == ()
    notes = " ".join(listing.notes)
    for said in (
        "1 annotation in no list of ImageSets, not used: VOC2007/Annotations/2007_4.xml.",
        "1 annotation in two lists, held out as one says: VOC2007/Annotations/2007_5.xml.",
        "1 name of a list without an annotation, not used: VOC2007/ImageSets/Main/test.txt, line 3.",
    ):
        assert said in notes


@pytest.mark.parametrize("layout", ["{}/{}", "{}/images/{}", "images/{}/{}"])
def test_folders_are_parts(tmp_path: Path, layout: str) -> None:
    files: dict[str, bytes] = {}
    for part in ("Train", "valid", "test"):
        files[layout.format(part, "a.jpg")] = b""  # of one name in each part
        files[layout.replace("images", "annotations").format(part, "a.xml")] = xml((part, 1, 2, 3, 4))
    listing = read(write(tmp_path / "pets", files))
    assert [(image.part, image.objects[0].label) for image in listing.images] == [
        ({"Train": "train", "valid": "validation"}.get(part, part), part) for part in sorted(("Train", "valid", "test"))
    ]


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (("airport", "train_station", "test_tube"), [None, None, None]),  # classes
        (("Final_Training", "Final_Test", "train_station"), ["test", "train", None]),
        (("images-train2017", "images-val2017"), ["train", "validation"]),
        (("set/train_station/train", "set/train_station/val", "set/airport/train"), ["train", "train", "validation"]),
        (("a/train_pets", "b/test_pets"), [None, None]),  # nothing beside them says that these are parts
    ],
)
def test_a_folder_of_several_words_is_a_part_beside_its_like(
    folders: tuple[str, ...], expected: list[str | None], tmp_path: Path
) -> None:
    files = {
        f"{folder}/{index}.{end}": (xml(CAT) if end == "xml" else b"")
        for end in ("jpg", "xml")
        for index, folder in enumerate(folders)
    }
    listing = read(write(tmp_path / "train_pets", files))
    assert [image.part for image in sorted(listing.images, key=lambda image: image.path)] == expected


def test_an_image_is_the_one_called_as_its_annotation_before_the_one_named_in_it(tmp_path: Path) -> None:
    files = {
        "a.jpg": b"",
        "a.xml": xml(CAT, filename="b.jpg"),  # as where both were renamed together
        "b.jpg": b"",
        "b.xml": xml(("dog", 1, 2, 3, 4), filename="b.jpg"),
        "c-photo.jpg": b"",
        "c.xml": xml(("cow", 1, 2, 3, 4), filename=r"C:\photos\c-photo.jpg"),
        "d.jpg": b"",
        "d.png": b"",
        "d.xml": xml(("hen", 1, 2, 3, 4), filename="d.png"),
    }
    folder = write(tmp_path / "pets", files)
    listing = read(folder)
    labels = {name: objects[0][0] for name, objects in found(listing, folder).items()}
    assert labels == {"a.jpg": "cat", "b.jpg": "dog", "c-photo.jpg": "cow", "d.png": "hen"}
    assert "1 file with another filename inside than that of the image called like them" in " ".join(listing.notes)
    assert "1 image in other folders than the annotations say, found by name: c-photo.jpg" in " ".join(listing.notes)
    assert listing.problems == (Problem("d.jpg", "has no annotation", "not used"),)


BOMB = b"""<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><annotation>&c;</annotation>"""
EXTERNAL = b"""<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotation>&b;</annotation>"""
SPOILT = {
    "cut": (xml(CAT)[:-20], "is not XML"),
    "bomb": (BOMB, "declares entities, which are not read"),
    "external": (EXTERNAL, "declares entities"),
    "words": (xml(CAT).replace(b"30.5", b"wide"), "object cat: bndbox/xmax is 'wide'; expected a number"),
    "edge": (xml(CAT).replace(b"<ymin>20</ymin>", b""), "object cat: bndbox/ymin is missing"),
    "nameless": (xml(("", 1, 2, 3, 4)), "an object has no name"),
    "empty": (b"", "is not XML"),
    "encoding": (b'<?xml version="1.0" encoding="klingon"?><annotation/>', "is not XML"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_file_of_many_is_left_out_and_the_only_one_is_refused(tmp_path: Path, name: str) -> None:
    content, message = SPOILT[name]
    files = {"a.jpg": b"", "a.xml": content, "b.jpg": b"", "b.xml": xml(CAT)}
    listing = read(write(tmp_path / "pets", files))
    assert [image.path.name for image in listing.images] == ["b.jpg"]
    (problem,) = listing.problems  # of the annotation, and not of its image once more
    assert (problem.file, problem.action) == ("a.xml", "left out")
    assert message in problem.problem
    with pytest.raises(UserError, match=message.replace("(", r"\(")) as caught:
        read(write(tmp_path / "one", {"a.jpg": b"", "a.xml": content}))
    assert "a.xml" in str(caught.value)


def test_annotations_without_an_image_and_the_other_way_round(tmp_path: Path) -> None:
    files = {"a.jpg": b"", "a.xml": xml(CAT), "b.jpg": b"", "c.xml": xml(CAT, filename="c.jpg"), "plan/d.jpg": b""}
    listing = read(write(tmp_path / "pets", files))
    assert [image.path.name for image in listing.images] == ["a.jpg"]
    assert listing.problems == (
        Problem("c.xml", "there is no image c.jpg", "left out"),
        Problem("b.jpg", "has no annotation", "not used"),  # but not what is in other folders
    )


def test_two_annotations_of_one_image(tmp_path: Path) -> None:
    same = {"images/a.jpg": b"", "xml/a.xml": xml(CAT), "annotations/a.xml": xml(CAT)}
    listing = read(write(tmp_path / "same", same))
    assert [len(image.objects) for image in listing.images] == [1]
    different = {**same, "annotations/a.xml": xml(("dog", 1, 2, 3, 4)), "images/b.jpg": b"", "xml/b.xml": xml(CAT, CAT)}
    listing = read(write(tmp_path / "different", different))
    assert [image.path.name for image in listing.images] == ["b.jpg"]
    assert listing.problems == (
        Problem("images/b.jpg", "xml/b.xml: an object is marked twice", "marked once"),
        Problem("images/a.jpg", "is annotated differently in annotations/a.xml, xml/a.xml", "left out"),
    )
    both = {"a.jpg": b"", "a.xml": xml(CAT, ("dog", *CAT[1:])), "b.jpg": b"", "b.xml": xml(CAT)}
    (problem,) = read(write(tmp_path / "both", both)).problems
    assert problem == Problem("a.jpg", "a.xml: one box is both cat and dog", "left out")


@pytest.mark.parametrize("filename", ["../secret.jpg", "/etc/secret.jpg", "x/../../secret.jpg", r"..\secret.jpg"])
def test_a_path_that_leaves_the_folder_is_not_followed(tmp_path: Path, filename: str) -> None:
    (tmp_path / "secret.jpg").touch()
    files = {"a.xml": xml(CAT, filename=filename), "b.jpg": b"", "b.xml": xml(CAT)}
    listing = read(write(tmp_path / "pets", files))
    assert [image.path.name for image in listing.images] == ["b.jpg"]
    (problem,) = listing.problems
    assert problem.file == "a.xml"
    assert "secret.jpg" in problem.problem


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    umlaut = ("Gänse", 1, 2, 3, 4)
    text = xml(umlaut).decode()
    contents = {
        "latin": text.encode("latin-1"),
        "declared": ('<?xml version="1.0" encoding="ISO-8859-1"?>' + text).encode("latin-1"),
        "wrong": ('<?xml version="1.0" encoding="UTF-8"?>' + text).encode("latin-1"),
        "bom": text.encode("utf-8-sig"),
        "wide": text.encode("utf-16"),
    }
    files = {f"{name}.xml": content for name, content in contents.items()}
    listing = read(write(tmp_path / "pets", {**files, **{f"{name}.jpg": b"" for name in contents}}))
    assert [image.objects[0].label for image in listing.images] == ["Gänse"] * 5
    assert "pets: 2 files not in UTF-8, read as Latin-1: latin.xml, wrong.xml." in listing.notes


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no Pascal VOC files .*nothing says where in them the objects are"):
        read(write(tmp_path / "photos", {"cats/a.jpg": b"", "dogs/b.jpg": b""}))
    with pytest.raises(UserError, match=r"and no images; it holds notes.txt, plans/"):
        read(write(tmp_path / "empty", {"notes.txt": b"", "plans/a.md": b""}))
    with pytest.raises(UserError, match=r"there is no such folder\. Did you mean 'photos'\?"):
        read(tmp_path / "phoots")
    with pytest.raises(UserError, match="is a device, a pipe or a socket"):
        read(Path("/dev/zero"))
    with pytest.raises(
        UserError, match=r"no image of 0 in it has an annotation .*; the first: a.xml: there is no image"
    ):
        read(write(tmp_path / "alone", {"a.xml": xml(CAT)}))


def test_a_link_to_its_own_folder_is_followed_once(tmp_path: Path) -> None:
    folder = write(tmp_path / "pets", {"a.jpg": b"", "a.xml": xml(CAT)})
    (folder / "again").symlink_to(folder)
    (folder / "gone.jpg").symlink_to(folder / "nothing.jpg")
    listing = read(folder)
    assert [image.path for image in listing.images] == [folder / "a.jpg"]
    assert listing.problems == ()


def test_names_that_are_no_text_are_problems(tmp_path: Path) -> None:
    folder = write(tmp_path / "pets", {"a.jpg": b"", "a.xml": xml(CAT)})
    (Path(str(folder)) / "b\udcff.jpg").touch()
    (problem,) = read(folder).problems
    assert problem.file == r"b\xff.jpg"
