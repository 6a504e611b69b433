"""Which part of a data set a folder or a file is of, by its name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping

from locexp.data.roles import PARTS

WORDS = {word: part for part, words in PARTS.items() for word in words} | {"trainval": "train"}
_YEAR = re.compile(r"(?<=[a-z])(19|20)\d\d$")


def part_of_word(word: str) -> str | None:
    """Return ``train``, ``validation`` or ``test`` where a word says nothing else: ``Training``, ``val2017``."""
    return WORDS.get(_YEAR.sub("", word.strip().lower()))


def part_of_name(name: str) -> str | None:
    """Return the one part that the words of a name say, such as ``instances_val2017``; ``None`` for none or two."""
    found = {part for word in re.split(r"[\W_]+", name) if (part := part_of_word(word))}
    return found.pop() if len(found) == 1 else None


def parts_of_folders(folders: Iterable[str]) -> dict[str, str]:
    """Return the part of each folder whose name says one.

    A name of several words says it only where a folder beside it has the same name but for another part
    (``Final_Training`` and ``Final_Test``): alone it may be a class, such as ``train_station``.

    Args:
        folders: paths with ``/``; those above them are folders, too.
    """
    every = {above for folder in folders for above in _with_those_above(folder)}
    compound = {folder: part for folder in every if (part := part_of_name(posixpath.basename(folder)))}
    twins: dict[tuple[str, str], set[str]] = {}
    for folder, part in compound.items():
        twins.setdefault(_without_part(folder), set()).add(part)
    words = {folder: part for folder in every if (part := part_of_word(posixpath.basename(folder)))}
    return {folder: part for folder, part in compound.items() if len(twins[_without_part(folder)]) > 1} | words


def part_of_path(path: str, folders: Mapping[str, str]) -> str | None:
    """Return the part of a file by its folders: of one that is called so before one that has the word in its name.

    Args:
        path: with ``/``.
        folders: those whose names say a part, see :func:`parts_of_folders`.
    """
    named = [(above, folders[above]) for above in _with_those_above(posixpath.dirname(path)) if above in folders]
    exact = [part for above, part in named if part_of_word(posixpath.basename(above))]
    return next(iter([*exact, *(part for _, part in named)]), None)


def _with_those_above(folder: str) -> list[str]:
    """Return a folder and all above it, the topmost first."""
    names = [name for name in folder.split("/") if name]
    return ["/".join(names[:count]) for count in range(1, len(names) + 1)]


def _without_part(folder: str) -> tuple[str, str]:
    """Return where a folder lies, and its name without the words that say a part."""
    words = re.split(r"[\W_]+", posixpath.basename(folder).lower())
    return posixpath.dirname(folder), " ".join(word for word in words if not part_of_word(word))
