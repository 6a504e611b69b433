"""Which part of a data set a folder or a file is of, by its name."""

from __future__ import annotations

import re

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


def part_of_path(path: str) -> str | None:
    """Return the part of a file by its folders: of one that is called so before one that has the word in its name."""
    folders = path.split("/")[:-1]
    for part_of in (part_of_word, part_of_name):
        for folder in folders:
            if part := part_of(folder):
                return part
    return None
