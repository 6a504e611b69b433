"""Which images are meant: files, folders, patterns, and arrays of images."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np
from PIL import Image

from locexp.data.arrays import RawData
from locexp.data.conversion import converted
from locexp.data.files import check_is_file, check_size, member_sizes, named, read_npy, reading
from locexp.data.photos.decode import FORMATS
from locexp.data.roles import role_of
from locexp.errors import UserError, counted

ARRAYS = (".npy", ".npz")
PREFERRED = ("test", "validation", "train", None)
"""Of an archive with images of several parts, those of the first of these are meant."""


@dataclass(frozen=True)
class Source:
    """An image: a file, or one of the images in an array.

    Attributes:
        file: as the user named it, or the folder that it was found in.
        place: relative, without suffix: where its picture goes in a folder of pictures.
        index: in its array; ``None`` for a file.
        image: uint8 (height, width) or (height, width, 3) of an array; ``None`` for a file.
    """

    file: str
    place: PurePath
    index: int | None = None
    image: np.ndarray | None = None


@dataclass(frozen=True)
class Failure:
    """What cannot be used, and why."""

    file: str
    why: str


@dataclass
class Collected:
    """The images of a command in the order of its arguments, each once.

    Attributes:
        sources: what is to be predicted.
        failures: arguments that name no image.
        notes: what the user must know.
    """

    sources: list[Source] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def collect(arguments: Sequence[str], apart: Path | None = None) -> Collected:
    """Return the images that a user names.

    Args:
        arguments: files, arrays (``.npy``, ``.npz``), patterns such as ``photos/**/*.jpg``, and folders, of which all
            images are taken, those in the folders below too. What begins with a dot is left out of folders.
        apart: a folder that is left out: pictures go there.
    """
    collected, seen = Collected(), set[str]()
    for argument in arguments:
        paths = [argument] if os.path.lexists(argument) else sorted(glob.glob(argument, recursive=True))
        if not paths:
            what = "no file matches" if glob.has_magic(argument) else "there is no such file"
            collected.failures.append(Failure(argument, what))
        for path in paths:
            if os.path.isdir(path):
                if paths == [argument] or not glob.has_magic(argument):
                    _add_folder(collected, path, seen, apart)
            elif (absolute := os.path.abspath(path)) not in seen:
                seen.add(absolute)
                _add_file(collected, path)
    return collected


def _add_file(collected: Collected, path: str) -> None:
    name = PurePath(os.path.basename(path))
    if name.suffix.lower() not in ARRAYS:
        collected.sources.append(Source(path, name.with_suffix("") if name.stem else name))
        return
    try:
        images, notes = _read_array(Path(path))
    except UserError as error:
        why = str(error).removeprefix(f"array={path}: ").removeprefix(f"{path}, ").removeprefix(f"{path}: ")
        collected.failures.append(Failure(path, why))
        return
    collected.notes += notes
    stem = name.with_suffix("")
    collected.sources += [
        Source(path, stem.with_name(f"{stem.name}-{index}"), index, image) for index, image in enumerate(images)
    ]


def _add_folder(collected: Collected, folder: str, seen: set[str], apart: Path | None) -> None:
    """Add the images in a folder and below it."""
    suffixes = image_suffixes()
    found, others = 0, 0
    for path in _files(folder, apart):
        if os.path.splitext(path)[1].lower() not in suffixes:
            others += 1
            continue
        found += 1
        if (absolute := os.path.abspath(path)) not in seen:
            seen.add(absolute)
            collected.sources.append(Source(path, PurePath(os.path.relpath(path, folder)).with_suffix("")))
    if not found:
        collected.failures.append(Failure(folder, "this folder holds no image"))
    elif others:
        collected.notes.append(f"{folder}: {counted(others, 'file')} without the suffix of an image left out.")


def _files(folder: str, apart: Path | None) -> Iterator[str]:
    """Yield the files in a folder and below it, in the order of their names."""
    left_out = None if apart is None else os.path.realpath(apart)
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(os.path.join(parent, name)) != left_out
        )
        yield from (os.path.join(parent, name) for name in sorted(files) if not name.startswith("."))


def image_suffixes() -> frozenset[str]:
    """Return the suffixes of the images that are read, in lower case: ``.jpg`` and so on."""
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS)


def _read_array(path: Path) -> tuple[np.ndarray, list[str]]:
    """Return the images in a file as uint8 (n, height, width) or (n, height, width, 3), and how they were understood.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    check_is_file(path, "array")
    notes = []
    if path.suffix.lower() == ".npz":
        name = _name_in(path)
        with reading(path, "array"), np.load(path, allow_pickle=False) as archive:
            check_size(path, "array", member_sizes(path)[name])
            array = archive[name]
            if len(archive.files) > 1:
                notes.append(f"{path}: of {named(archive.files)}, the images are those of {name}.")
    else:
        array = read_npy(path, "array")
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3):
        array = array[np.newaxis]  # one image
    pair = (array, np.zeros(len(array), np.int64))
    raw = converted(RawData.of_parts(path.name, {"train": pair}, {"train": (str(path), str(path))}, ()))
    return raw.train_images, notes + list(raw.notes)


def _name_in(path: Path) -> str:
    """Return the name of the images in an archive; raises :class:`UserError` where it is not clear."""
    with reading(path, "array"), np.load(path, allow_pickle=False) as archive:
        names = list(archive.files)
    if len(names) == 1:
        return names[0]
    roles = {name: role for name in names if (role := role_of(name)) is not None and role.kind == "images"}
    for part in PREFERRED:
        of_part = sorted((role.rank, name) for name, role in roles.items() if role.part == part)
        if of_part:
            return of_part[0][1]
    raise UserError(f"array={path}: holds {named(names)}; expected one array, or one that is called images.")
