"""Annotated photos of which one file is spoilt, in each format, and what reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from locexp.data.photos import coco, table, voc, yolo
from tests.fuzz.mutations import spoilt, spoilt_json, spoilt_text

READERS = {"voc": voc.read, "coco": coco.read, "yolo": yolo.read, "table": table.read}
XML = (
    "<annotation>\n<filename>a.jpg</filename>\n<source><database>VOC</database></source>\n"
    "<size><width>9</width><height>8</height></size>\n<object>\n<name>cat</name>\n<bndbox>\n<xmin>1</xmin>\n"
    "<ymin>2</ymin>\n<xmax>3</xmax>\n<ymax>4</ymax>\n</bndbox>\n</object>\n</annotation>"
)
COCO: Any = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 8}, {"id": 2, "file_name": "train/b.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 0},
        {"id": 2, "image_id": 2, "category_id": 2, "bbox": [1, 2, 3.5, 4], "iscrowd": 1},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
}
LABEL = "0 .5 .5 .25 .25\n1 .1 .2 .5 .1 .3 .6\n"
NAMES = "path: .\ntrain: train\nval:\n  - images/val\ntest: list.txt\nnc: 2\nnames:\n  0: cat\n  1: dog\n"
TABLES = [
    "Filename;Width;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId;split\na.jpg;9;1;2;3;4;0;train\nb.jpg;9;1,5;2;3;4;1;val",
    "a.jpg,1,2,3,4,cat\ntrain/b.jpg,,,,,\n",
    '"image","x","y","w","h","label","group"\n"a.jpg",.1,.2,.3,.4,"cat","1"\n',
]
TOKENS = (
    *("", " ", "nan", "-1", "1e999", "inf", "9" * 400, "a.jpg", "../a.jpg", "/etc/passwd", "C:\\a.jpg", "\0", "\ud800"),
    *("train", "test", "'", '"', ";", ",", "\t", "{", "[[", ": ", "- ", "&a [*a]", "<![CDATA[", "&lt;", "&b;", "]]>"),
    *('<!DOCTYPE a [<!ENTITY b "x">]>', "<object>", "</object>", '<?xml version="1.0" encoding="utf-7"?>', "Gänse"),
)
BESIDE = {
    "voc": {"a.xml": XML, "b.xml": XML.replace("a.jpg", "b.jpg"), "ImageSets/Main/val.txt": "b\n"},
    "yolo": {"a.txt": LABEL, "train/b.txt": LABEL, "data.yaml": NAMES, "list.txt": "a.jpg\n"},
}
"""The other files of a folder, but for its images."""
Spoilt = tuple[str, str, bytes]
"""The word for a format, a file of a folder in it, and what that holds."""


def spoilt_photos() -> st.SearchStrategy[Spoilt]:
    """Return one file of a folder, in each of the formats."""

    def texts(word: str, name: str, whole: list[str]) -> st.SearchStrategy[Spoilt]:
        changed = spoilt_text(whole, TOKENS).map(lambda text: text.encode("utf-8", "surrogatepass"))
        contents = st.one_of(changed, spoilt(st.sampled_from([text.encode() for text in whole])))
        return contents.map(lambda content: (word, name, content))

    json_file = st.one_of(spoilt_json(COCO), spoilt(st.just(json.dumps(COCO).encode())))
    return st.one_of(
        texts("voc", "a.xml", [XML]),
        texts("voc", "ImageSets/Main/train.txt", ["a\nb 1\n"]),
        json_file.map(lambda content: ("coco", "labels.json", content)),
        texts("yolo", "a.txt", [LABEL]),
        texts("yolo", "data.yaml", [NAMES]),
        texts("yolo", "list.txt", ["a.jpg\n./train/b.jpg\n"]),
        texts("table", "gt.csv", TABLES),
    )


def read_photos(content: Spoilt, folder: Path) -> object:
    """Read a folder of which one file is spoilt; raises :class:`UserError` where it cannot be read."""
    word, name, data = content
    whole = BESIDE.get(word, {})
    files = {**{name: text.encode() for name, text in whole.items()}, "a.jpg": b"", "train/b.jpg": b"", name: data}
    for path, held in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(held)
    listing = READERS[word](folder)
    for image in listing.images:
        assert image.path.is_relative_to(folder.resolve()), image.path
    for text in (*listing.notes, *(one.problem for one in listing.problems)):
        assert "\n" not in text, text
    assert listing.images
    return listing
