"""Reading ``.npz`` archives: which of their arrays are images and labels, and of which part."""

from __future__ import annotations

import contextlib
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from locexp.bbox.annotations import Annotations
from locexp.data.arrays import RawData
from locexp.data.files import check_is_file, check_size, member_sizes, named, reading, remedy
from locexp.data.roles import BESIDE, by_role, role_of
from locexp.errors import UserError, listed, nearest

BOXES = ("boxes_train", "boxes_validation", "boxes_test")
CLASS_NAMES = re.compile(r"(class|label)_?names", re.IGNORECASE)
KEYS = ("x_train", "y_train", "x_test", "y_test")
PURPOSE = {"train": "train", "validation": "validate", "test": "test"}
Names = dict[str, dict[str, str]]
"""By part and kind, the name of an array."""


def read_npz(path: Path, key: str = "data.path") -> RawData:
    """Read an archive of images and labels: x_train, y_train, x_test, y_test, or as others name them.

    Beside these, ``boxes_train`` and ``boxes_test`` are annotations, as they are written, with ``groups_train`` and so
    on where they are there, and ``class_names`` the names of the labels from 0, or from 1.

    Raises:
        UserError: missing, truncated, corrupt or too large; it does not say what its arrays are; or those that it names
            are pickled objects (which are never unpickled).
    """
    check_is_file(path, key)
    with reading(path, key):
        if not zipfile.is_zipfile(path):
            raise UserError(f"{key}={path}: is not an .npz archive, or a truncated one. {remedy(path)}")
        sizes = member_sizes(path)
        with np.load(path, allow_pickle=False) as archive:
            if archive.files and not any(name.endswith(".npy") for name in archive.zip.namelist()):
                raise UserError(f"{key}={path}: holds {named(archive.files)}, which are not arrays; unpack it.")
            names = _named(archive.files)
            read = [name for pair in names.values() for name in pair.values()] or _numbered(archive.files)
            of_classes = [name for name in archive.files if CLASS_NAMES.fullmatch(name)][:1]
            read += of_classes
            check_size(path, key, sum(sizes[name] for name in read))
            arrays = {name: archive[name] for name in read}
            unread = [name for name in archive.files if name not in read]
    names = names or _by_shape(arrays)
    _check_pairs(names, f"{key}={path}", [*arrays, *unread])
    pairs = {part: (pair["images"], pair["labels"]) for part, pair in names.items()}
    notes = []
    if not {name for pair in pairs.values() for name in pair} <= set(KEYS):
        uses = listed(f"{listed(pair)} to {PURPOSE[part]} on" for part, pair in pairs.items())
        notes.append(f"{path.name}: its arrays are read as images and labels: {uses}.")
    if unread:
        are_boxes = any("box" in name.lower() for name in unread)
        called = f" Boxes are read where they are called {listed(BOXES)}." if are_boxes else ""
        notes.append(f"{path.name}: not used: {named(unread)}.{called}")
    parts = {part: (arrays[images], arrays[labels]) for part, (images, labels) in pairs.items()}
    annotations = {
        part: Annotations(arrays[name["boxes"]], groups=arrays[name["groups"]] if "groups" in name else None)
        for part, name in names.items()
        if "boxes" in name
    }
    class_names = tuple(_text(arrays[name], f"{key}={path}: {name}") for name in of_classes)
    return replace(
        RawData.of_parts(path.stem, parts, pairs, notes),
        annotations=annotations,
        class_names=class_names[0] if class_names else (),
    )


def _text(array: np.ndarray, where: str) -> tuple[str, ...]:
    with contextlib.suppress(UnicodeDecodeError):  # of bytes, which are ASCII
        if array.dtype.kind in "US" and array.ndim == 1:
            return tuple(str(name) for name in array.astype(str))
    raise UserError(f"{where}: is {array.dtype} {array.shape}; expected a list of texts, np.array(['cat', 'dog']).")


def _named(names: Sequence[str]) -> Names:
    """Return what the names say; a name counts only if it says nothing else."""
    roles = ((name, role_of(name)) for name in names)
    found = by_role((name, role) for name, role in roles if role is not None and role.kind and not role.others)
    return {
        part: {kind: name for kind, name in by_kind.items() if kind not in BESIDE or "boxes" in by_kind}
        for part, by_kind in found.items()
        if not set(by_kind) <= set(BESIDE)
    }


def _numbered(names: Sequence[str]) -> list[str]:
    """Return names as NumPy gives them to arrays without one, where they may be one or two pairs."""
    plain = len(names) in (2, 4) and all(re.fullmatch(r"arr_\d", name) for name in names)
    return sorted(names) if plain else []


def _by_shape(arrays: dict[str, np.ndarray]) -> Names:
    """Return the first images and labels to train on, the second to test on: labels have one value per image."""
    labels = [name for name, array in arrays.items() if array.ndim == 1 or array.shape[1:] == (1,)]
    images = [name for name in arrays if name not in labels]
    if len(images) != len(labels):
        return {}
    pairs = zip(("train", "test"), images, labels, strict=False)
    return {part: {"images": image, "labels": label} for part, image, label in pairs}


def _check_pairs(found: Names, where: str, names: Sequence[str]) -> None:
    for part, (images, labels) in {"train": KEYS[:2], "validation": ("x_val", "y_val"), "test": KEYS[2:]}.items():
        pair = found.get(part, {})
        expected = {"images": images, "labels": labels}
        missing = [name for kind, name in expected.items() if kind not in pair]
        if part != "train" and len(missing) == 1:
            held = [pair[kind] for kind in expected if kind in pair]
            raise UserError(
                f"{where}: has only one of {images} and {labels}, {listed(held)}; expected both or neither."
            )
        if part == "train" and missing:
            raise UserError(
                f"{where}: has no array {missing[0]}; it holds {named(names)}; expected {listed(KEYS)}, or names as "
                f"train_images, train_labels.{nearest(missing[0], set(names) - set(KEYS))}"
            )
