"""Which format a folder of annotated images is in, for those who named another."""

from __future__ import annotations

import contextlib
import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from locexp.data.files import BROKEN, named
from locexp.data.photos.columns import table_like
from locexp.data.photos.folder import Folder, walked
from locexp.errors import UserError, counted

HEAD = 2**20
"""Bytes of a file that are looked at: COCO files begin with as many images as they have."""
MOST_LOOKS = 50
"""Files of one ending that are opened."""
WHAT = {
    "coco": "COCO files (*.json with images, annotations and categories)",
    "voc": "Pascal VOC files (*.xml with <annotation>)",
    "yolo": "YOLO files (a *.txt for each image: class, centre and size from 0 to 1)",
    "table": "table (*.csv or *.tsv with columns for the file, the box and the label)",
}
"""By the word for it, what a format's annotations are."""
TITLES = {"coco": "COCO", "voc": "Pascal VOC", "yolo": "YOLO", "table": "a table of boxes"}
_YOLO = re.compile(r"\s*\d+(\.0*)?([ \t]+-?([01]?\.\d*|[01]|\d\.?\d*[eE]-\d+)){4,}\s*$")


def recognised(folder: str | Path | Folder) -> str | None:
    """Return the format of a folder's annotations, or of one file: ``coco``, ``voc``, ``yolo``, ``table`` or ``None``.

    Some files are looked at, none is read whole.
    """
    try:
        walk = folder if isinstance(folder, Folder) else _alone(Path(folder))
    except UserError:
        return None
    return next((word for word, (endings, is_one) in LOOKS.items() if _any(walk, endings, is_one)), None)


def is_yolo(path: Path) -> bool:
    """Whether a file begins as the labels of an image do."""
    return _is_label(_head(path))


def other_format(folder: str | Path | Folder, asked: str) -> str:
    """Return a sentence that names the word for a folder's format, where it is another than what was asked for."""
    found = recognised(folder)
    return "" if found in (None, asked) else f" It looks like {TITLES[found or asked]}: use data={found}."


def nothing_found(folder: Folder, asked: str) -> UserError:
    """Return the error for a folder without annotations of the format that was asked for."""
    where = f"data.path={folder.root / folder.given if folder.given else folder.root}"
    expected = f"has no {WHAT[asked]}"
    if other := other_format(folder, asked):
        return UserError(f"{where}: {expected}.{other}")
    if folder.images:
        folders = {posixpath.dirname(image) for image in folder.images}
        held = counted(len(folder.images), "image") + (f" in {len(folders)} folders" if len(folders) > 1 else "")
        beside = sorted(set(folder.files) - folder.images)
        others = f": {named(beside)} beside them is in no form that is read" if beside else ""
        return UserError(
            f"{where}: {expected}. It holds {held}, and nothing says where in them the objects are{others}. Images "
            "without boxes are read from arrays, by data=file."
        )
    below = sorted({f"{file.split('/')[0]}/" if "/" in file else file for file in folder.files})
    arrays = " Arrays are read by data=file." if any(file.endswith((".npz", ".npy")) for file in folder.files) else ""
    return UserError(f"{where}: {expected} and no images; it holds {named(below)}.{arrays}")


def _alone(path: Path) -> Folder:
    """Return a folder; of a file no others, since it says what it is."""
    return Folder(path.parent, (path.name,), path.name) if path.is_file() else walked(path)


def _any(folder: Folder, endings: tuple[str, ...], is_one: Callable[[Folder, str, str], bool]) -> bool:
    files = [file for file in folder.ending(*endings) if file.lower().endswith(endings)]
    return any(is_one(folder, file, _head(folder.root / file)) for file in files[:MOST_LOOKS])


def _head(path: Path) -> str:
    with contextlib.suppress(*BROKEN):
        if path.is_file():
            with path.open("rb") as file:
                return file.read(HEAD).decode("utf-8-sig", "replace")
    return ""


def _is_coco(folder: Folder, file: str, head: str) -> bool:
    return sum(f'"{key}"' in head for key in ("images", "annotations", "categories", "file_name", "bbox")) >= 2


def _is_voc(folder: Folder, file: str, head: str) -> bool:
    return "<annotation" in head


def _is_yolo(folder: Folder, file: str, head: str) -> bool:
    return _is_label(head) and bool(folder.partners(file))


def _is_label(head: str) -> bool:
    lines = [line for line in head.splitlines() if line.strip()]
    return bool(lines and _YOLO.match(lines[0]))


def _is_table(folder: Folder, file: str, head: str) -> bool:
    return table_like(head)


LOOKS: dict[str, tuple[tuple[str, ...], Callable[[Folder, str, str], bool]]] = {
    "coco": ((".json",), _is_coco),
    "voc": ((".xml",), _is_voc),
    "yolo": ((".txt",), _is_yolo),
    "table": ((".csv", ".tsv", ".txt"), _is_table),
}
"""By the word for a format, in which files it is looked for, and how."""
