"""Names in pictures: what the font has letters for, as short as there is room for."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.ft2font import FT2Font
from PIL import ImageFont

from locexp.errors import abbreviated, listed
from locexp.evaluation.terms import printable

NARROWEST = 0.25
"""Width of the narrowest letter, in heights of letters."""
MOST_NOTED, LONGEST_NOTED = 9, 40
"""How many names a note gives, and how many letters of each."""


def drawable(class_names: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return names as pictures show them, and what to say where those are not the names.

    A name with a letter that the font lacks, which would be drawn as a box, is shown by its number.
    """
    known = FT2Font(_font_file()).get_charmap()
    shown, lacking = [], []
    for number, name in enumerate(map(printable, class_names)):
        if all(ord(letter) in known for letter in name):
            shown.append(name)
        else:
            shown.append(f"class {number}")
            lacking.append(f"class {number} is {abbreviated(name, LONGEST_NOTED)}")
    if not lacking:
        return tuple(shown), []
    more = f" and {len(lacking) - MOST_NOTED} more" if len(lacking) > MOST_NOTED else ""
    what = "class goes" if len(lacking) == 1 else "classes go"
    note = f"In pictures {len(lacking)} {what} by number, since the font lacks letters of the name: "
    return tuple(shown), [f"{note}{listed(lacking[:MOST_NOTED])}{more}."]


def fitted(text: str, width: float, size: int) -> str:
    """Return as much of a text, see :func:`abbreviated`, as is at most ``width`` wide in letters of a size."""
    letters = font(size)
    most = min(len(text), int(width / (NARROWEST * size)))
    while most > 2 and letters.getlength(abbreviated(text, most)) > width:
        most -= 1
    return abbreviated(text, max(2, most))


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font of Matplotlib in a size in pixels."""
    return ImageFont.truetype(_font_file(), size)


def _font_file() -> str:
    return str(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))
