"""The files of a data set's folder, found in one walk, and which of its images an annotation means."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from locexp.data.files import named, reading
from locexp.data.photos.part_names import part_of_path, parts_of_folders
from locexp.errors import UserError, nearest

IMAGE_ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".gif"),
    *(".tif", ".tiff", ".webp", ".jp2", ".tga", ".avif", ".heic"),
)
ARRAYS = (".npz", ".npy")
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
NEUTRAL = (
    *("images", "image", "imgs", "img", "photos", "pictures", "jpegimages", "labels", "label"),
    *("annotations", "annotation", "anns", "ann", "xml", "xmls", "txt"),
)
"""Folders whose names say what their files are, not which: images/a.jpg goes with labels/a.txt."""
MOST_FILES = 2_000_000
_FOREIGN = re.compile(r"/|[A-Za-z]:/|\w+://")
"""How a path begins that is not relative to a folder of the data."""


class Unmatched(Exception):
    """Why an annotation's image is none of the folder's, as a clause: ``"there is no image a.jpg"``."""


@dataclass(frozen=True)
class Match:
    """An image that an annotation names.

    Attributes:
        path: relative to the data's folder.
        is_elsewhere: it lies in another folder than the annotation says.
    """

    path: str
    is_elsewhere: bool


@dataclass(frozen=True)
class Folder:
    """A data set's folder.

    Attributes:
        root: its path, absolute.
        files: all in it and below, hidden ones left out, relative and with ``/``, sorted.
        given: the one annotation file that the user gave, relative; ``None`` where they gave the folder.
        unnamable: files whose names are no text, spelled with escapes.
    """

    root: Path
    files: tuple[str, ...]
    given: str | None = None
    unnamable: tuple[str, ...] = ()

    @cached_property
    def images(self) -> frozenset[str]:
        """Those of the files whose names end as those of images do."""
        return frozenset(file for file in self.files if is_image(file))

    def ending(self, *endings: str) -> list[str]:
        """Return the file that the user gave; else those with one of some endings."""
        return [self.given] if self.given else [file for file in self.files if file.lower().endswith(endings)]

    def find(self, name: str, near: str = "", part: str | None = None) -> Match:
        """Return the image that an annotation names; one that lies outside of the folder is never opened.

        Args:
            name: a path, relative to the annotation or to the data's folder, or absolute on any machine; or a name
                alone, with its ending or without.
            near: the folder of the annotation.
            part: of the annotation, which tells images of one name apart.

        Raises:
            Unmatched: there is none, or several.
        """
        given = name.strip().replace("\\", "/").removeprefix(f"{self.root.as_posix()}/")
        is_foreign, leaves = bool(_FOREIGN.match(given)), False
        for start in () if is_foreign else dict.fromkeys((near, "")):
            place = posixpath.normpath(posixpath.join(start, given))
            leaves = leaves or place.startswith("..")
            if place in self.images:
                return Match(place, False)
        base = posixpath.basename(given)
        table = self._by_name if is_image(base) else self._by_stem
        found = self._best(table.get(_folded(base), ()), given, near, part)
        if len(found) == 1:
            return Match(found[0], _differs(found[0], given))
        if found:
            raise Unmatched(f"several images are called {base}: {named(found)}")
        if leaves:
            raise Unmatched(f"the path {name} leaves the data's folder, and no image is called so in it")
        raise Unmatched(f"there is no image {name}" if base else "no image is named")

    def partners(self, file: str) -> list[str]:
        """Return the images that are called as an annotation file is: in its own folder, else in that beside it.

        ``train/labels/a.txt`` goes with ``train/images/a.jpg``, ``labels/train/a.txt`` with ``images/train/a.jpg``. An
        image elsewhere counts only where no other is called so.
        """
        found = self._by_stem.get(_folded(stem_of(file)), [])
        place = posixpath.dirname(file)
        for close in (
            [image for image in found if posixpath.dirname(image) == place],
            [image for image in found if _place(image) == _place(file)],
        ):
            if close:
                return close
        return list(found) if len(found) == 1 else []

    def part_of(self, path: str) -> str | None:
        """Return ``train``, ``validation`` or ``test`` where the folders of a file say it."""
        return part_of_path(path, self._parts)

    @cached_property
    def _parts(self) -> dict[str, str]:
        return parts_of_folders({posixpath.dirname(file) for file in self.files})

    def _best(self, found: Sequence[str], given: str, near: str, part: str | None) -> Sequence[str]:
        """Return which of some images of one name agree most with the path that was given; several where they tie."""
        if len(found) < 2:
            return found
        wanted = _folded(given).split("/")[-2::-1]

        def agreement(image: str) -> tuple[int, bool, int]:
            folders = _folded(image).split("/")[-2::-1]
            same = next(
                (n for n, pair in enumerate(zip(folders, wanted, strict=False)) if pair[0] != pair[1]),
                min(len(folders), len(wanted)),
            )
            shared = posixpath.commonprefix([image.split("/"), near.split("/")])
            return same, part is not None and self.part_of(image) == part, len(shared)

        ranks = {image: agreement(image) for image in found}
        best = max(ranks.values())
        return [image for image, rank in ranks.items() if rank == best]

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        return _grouped((posixpath.basename(image), image) for image in sorted(self.images))

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        return _grouped((stem_of(image), image) for image in sorted(self.images))


def is_image(name: str) -> bool:
    """Whether a name ends as those of images do."""
    return posixpath.splitext(name)[1].lower() in IMAGE_ENDINGS


def root_of(path: str | Path) -> Path:
    """Return the folder that a user gave, or that of the annotation file that they gave."""
    given = Path(path).expanduser().resolve()
    return given.parent if given.is_file() else given


def walked(path: str | Path) -> Folder:
    """Walk a data set's folder, or that of an annotation file, once.

    Raises:
        UserError: there is no such folder, it cannot be read, or it holds too many files for one data set.
    """
    given = Path(path).expanduser()
    with reading(given, "data.path"):
        given = given.resolve()
        if not given.exists():
            siblings = [one.name for one in given.parent.iterdir()] if given.parent.is_dir() else []
            raise UserError(f"data.path={path}: there is no such folder.{nearest(given.name, siblings)}")
        if not (given.is_dir() or given.is_file()):
            raise UserError(f"data.path={path}: is a device, a pipe or a socket; expected a folder.")
        if given.is_file() and (reason := _no_annotations(given.name)):
            raise UserError(f"data.path={path}: {reason}.")
        root = root_of(given)
        files, unnamable = _files(root)
    return Folder(root, tuple(sorted(files)), None if given == root else given.name, tuple(unnamable))


def _no_annotations(name: str) -> str:
    """Return what a file is, and what to give in its place, where its name says that it holds no annotations."""
    if is_image(name):
        return "is an image; expected the folder of the data, or a file of annotations"
    if name.lower().endswith(ARRAYS):
        return "holds arrays, which are read by data=file; expected the folder of the data, or a file of annotations"
    return "is an archive; expected the folder that it unpacks to" if name.lower().endswith(ARCHIVES) else ""


def _files(root: Path) -> tuple[list[str], list[str]]:
    """Return the regular files below a folder, and those whose names are no text; links are followed, each once."""
    files: list[str] = []
    unnamable: list[str] = []
    waiting, seen = [""], set()
    while waiting:
        below = waiting.pop()
        status = os.stat(root / below)
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(root / below) as entries:
            for entry in entries:
                place = f"{below}{entry.name}"
                if entry.name.startswith(".") or entry.name == "__MACOSX":
                    continue
                if not place.isascii() and place != (shown := _shown(place)):
                    unnamable.append(shown)
                elif entry.is_dir():
                    waiting.append(f"{place}/")
                elif entry.is_file():
                    files.append(place)
        if len(files) > MOST_FILES:
            raise UserError(f"data.path={root}: holds more than {MOST_FILES} files; expected the folder of a data set.")
    return files, unnamable


def _shown(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def stem_of(path: str) -> str:
    """Return the name of a file without folders and without its ending."""
    return posixpath.splitext(posixpath.basename(path))[0]


def _folded(name: str) -> str:
    """Return a name as it is compared: file systems differ in the case of letters and in how they compose accents."""
    return unicodedata.normalize("NFC", name).lower()


def _place(path: str) -> list[str]:
    """Return the folders of a file but for those that only say what is in them."""
    return [folder for folder in path.lower().split("/")[:-1] if folder not in NEUTRAL]


def _differs(image: str, given: str) -> bool:
    """Return whether an image lies in another folder than the path that was given says, if it says any."""
    folders, wanted = (_folded(posixpath.dirname(path.removeprefix("./"))) for path in (image, given))
    return bool(wanted) and not f"/{folders}".endswith(f"/{wanted}")


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, path in pairs:
        groups.setdefault(_folded(name), []).append(path)
    return groups
