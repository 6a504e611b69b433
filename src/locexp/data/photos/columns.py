"""Which columns of a table hold the file, the box and the label: by the names that people give them."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from locexp.data.photos.folder import is_image
from locexp.errors import UserError, listed, nearest

DELIMITERS = (";", "\t", ",", "|")
GUESSES: dict[str, tuple[str, ...]] = {
    "file": (
        *("filename", "file", "filepath", "imagepath", "imagefilename", "imagefile", "imagename", "imgpath", "imgname"),
        *("path", "image", "img", "imageid", "imgid", "frame", "fname", "id"),
    ),
    "x1": ("xmin", "x0", "x1", "left", "xleft", "xtl", "minx", "startx", "topleftx", "upperleftcornerx", "x"),
    "y1": ("ymin", "y0", "y1", "top", "ytop", "ytl", "miny", "starty", "toplefty", "upperleftcornery", "y"),
    "x2": ("xmax", "x2", "x1", "right", "xright", "xbr", "maxx", "endx", "bottomrightx", "lowerrightcornerx"),
    "y2": ("ymax", "y2", "y1", "bottom", "ybottom", "ybr", "maxy", "endy", "bottomrighty", "lowerrightcornery"),
    "x_center": ("xcenter", "xcentre", "centerx", "centrex", "xc", "cx"),
    "y_center": ("ycenter", "ycentre", "centery", "centrey", "yc", "cy"),
    "width": ("w", "width"),
    "height": ("h", "height"),
    "label": (
        *("labelname", "classname", "categoryname", "label", "class", "category", "annotationtag", "species", "object"),
        *("target", "classid", "labelid", "categoryid", "name"),
    ),
    "part": ("split", "part", "set", "subset", "partition", "datasplit", "usage"),
    "group": ("group", "groupid", "track", "trackid", "sequence", "sequenceid", "video", "videoid", "scene", "sceneid"),
}
"""By the key, the names of columns in small letters without anything between words; the first that is there counts."""
IMAGE_SIZES = {"image_width": ("imagewidth", "imgwidth", "imagew", "imgw", "width", "w")}
IMAGE_SIZES |= {"image_height": ("imageheight", "imgheight", "imageh", "imgh", "height", "h")}
KEYS = tuple(GUESSES)
CORNERS = ("x1", "y1", "x2", "y2")
SIZED = ("x1", "y1", "width", "height")
CENTRED = ("x_center", "y_center", "width", "height")
FORMS = (CORNERS, SIZED, CENTRED)
RETINANET = ("file", *CORNERS, "label")
"""The columns of a table whose first line is a row, as keras-retinanet and GTSDB have them."""
_BOX = re.compile(r"(?:roi|bbox|bndbox|boundingbox|box|bb|rect)(?=.)")


@dataclass(frozen=True)
class Columns:
    """Where a table holds what.

    Attributes:
        places: positions of columns from 0, by key: those of :data:`KEYS` that are there, ``image_width`` and
            ``image_height``.
        form: the four keys of the box: :data:`CORNERS`, :data:`SIZED` or :data:`CENTRED`.
        names: of the columns, by key; empty where the table has no header.
    """

    places: Mapping[str, int]
    form: tuple[str, str, str, str]
    names: Mapping[str, str]

    @property
    def summary(self) -> str:
        """Which column is read as what, for a message."""
        if not self.names:
            return f"without a header, whose columns are read as {listed(RETINANET)}"
        shown = {key: name for key, name in self.names.items() if not key.startswith("image_")}
        return f"whose columns are read as {listed(f'{key}: {name}' for key, name in shown.items())}"


def columns_of(header: Sequence[str], given: Mapping[str, str | None], row: Sequence[str] = ()) -> Columns | None:
    """Return where a table holds what, by its header or, without one, its first row; ``None`` for another table.

    Args:
        header: the cells of the first line.
        given: names of columns by :data:`KEYS`, which count before guesses.
        row: the cells of the second line: of several columns that may hold the file, one in which an image is named.

    Raises:
        UserError: a name that was given is none of this table's columns.
    """
    header = [cell.strip() for cell in header]
    wanted = {key: name for key, name in given.items() if name is not None}
    if not wanted and _is_row(header):
        return Columns({key: place for place, key in enumerate(RETINANET)}, CORNERS, {})
    places: dict[str, int] = {}
    for key, name in wanted.items():
        places[key] = _position(header, key, name)
    names_image = [place < len(row) and is_image(row[place].strip()) for place in range(len(header))]
    _guess([cell if names_image[place] else "" for place, cell in enumerate(header)], "file", GUESSES["file"], places)
    for key in KEYS:
        _guess(header, key, GUESSES[key], places)
    form = next((form for form in FORMS if set(form) <= set(places)), None)
    if form is None or "file" not in places:
        return None
    for key in set(CORNERS + SIZED + CENTRED) - set(form):
        places.pop(key, None)  # width and height are the image's where the corners are there
    for key, names in IMAGE_SIZES.items():
        _guess(header, key, names, places)
    order = ("file", *form, "label", "part", "group", *IMAGE_SIZES)
    places = {key: places[key] for key in order if key in places}
    return Columns(places, form, {key: header[place] for key, place in places.items()})


def delimiter_of(line: str) -> str:
    """Return what is between the cells of a line: what occurs most often."""
    return max(DELIMITERS, key=lambda one: (line.count(one), -DELIMITERS.index(one)))


def table_like(text: str) -> bool:
    """Whether a text begins as a table of boxes does."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    try:
        header = next(csv.reader([line], delimiter=delimiter_of(line)), [])
        return columns_of(header, {}) is not None
    except csv.Error:
        return False


def number(cell: str) -> float:
    """Return a cell as a number, with a decimal point or comma; raises ``ValueError``."""
    return float(cell.replace(",", "."))


def _is_row(cells: Sequence[str]) -> bool:
    """Whether cells are a file, a box or nothing, and a label."""
    if len(cells) != len(RETINANET) or not is_image(cells[0]):
        return False
    try:
        return not any(cells[1:]) or all(math.isfinite(number(cell)) for cell in cells[1:5])
    except ValueError:
        return False


def _position(header: Sequence[str], key: str, name: str) -> int:
    for same in (name.__eq__, lambda cell: _squeezed(cell) == _squeezed(name)):
        for place, cell in enumerate(header):
            if same(cell):
                return place
    raise UserError(
        f"data.columns.{key}={name}: there is no such column; there are {listed(header)}.{nearest(name, header)}"
    )


def _guess(header: Sequence[str], key: str, names: Sequence[str], places: dict[str, int]) -> None:
    """Put the place of the first name that is there into ``places``, where the key has none."""
    if key in places:
        return
    free = {place: _squeezed(cell) for place, cell in enumerate(header) if place not in places.values()}
    of_box = {place: _BOX.sub("", cell, count=1) for place, cell in free.items() if _BOX.match(cell)}
    tables = (of_box, free) if key in ("width", "height") else (free, of_box) if key[0] in "xy" else (free,)
    for table in tables:
        for name in names:
            for place, cell in table.items():
                if cell == name:
                    places[key] = place
                    return


def _squeezed(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())
