"""``data=table``: photos annotated in a table, CSV, TSV or with semicolons: a row for each object."""

from __future__ import annotations

import csv
import io
import math
import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

from locexp.bounds import checked
from locexp.data.arrays import RawData
from locexp.data.files import named
from locexp.data.photos.columns import CENTRED, CORNERS, KEYS, SIZED, Columns, columns_of, delimiter_of, number
from locexp.data.photos.folder import Folder, Match, Unmatched, walked
from locexp.data.photos.gathering import Gathering, Spoilt
from locexp.data.photos.keys import PhotoKeys
from locexp.data.photos.listing import Listing, MarkedObject
from locexp.data.photos.part_names import part_of_name
from locexp.data.photos.pipeline import photos
from locexp.data.photos.recognised import nothing_found, other_format, recognised
from locexp.errors import UserError, first_line, listed, nearest

Names = Mapping[str, str | None]
LARGEST = 2**28
"""Bytes of one table."""
LEAST_PIXELS = 2
"""If no edge of any box is as far as this, and they are no whole numbers, boxes are shares of the image."""
MOST_LETTERS = 40
"""Of a column's name in a message."""


def _columns_are_known(columns: Names) -> None:
    for key, name in columns.items():
        if key not in KEYS:
            allowed = f"allowed: {listed(KEYS)}.{nearest(str(key), KEYS)}"
            raise UserError(f"data.columns.{key}={name}: unknown key; {allowed}")
        if not (name is None or isinstance(name, str)):
            raise UserError(f"data.columns.{key}={name}: expected the name of a column, or null.")


@checked("data", _columns_are_known)
def load(columns: Names, **keys: Unpack[PhotoKeys]) -> RawData:
    """Read photos that are annotated in tables; see :func:`read` and :class:`PhotoKeys`.

    Raises:
        UserError: there are none, or they cannot be used.
    """
    return photos(read(Path(keys["path"]), keys["origin"], columns), keys)


@dataclass(frozen=True)
class _Row:
    """A row that names an image; its box is ``None`` where the cells are empty."""

    match: Match
    where: str
    label: str
    box: tuple[float, ...] | None
    part: str | None
    group: str | None
    size: tuple[int, int] | None


def read(folder: Path, origin: str | int = "auto", columns: Names | None = None) -> Listing:
    """List the images of a folder with tables of boxes, or of one of these.

    A table that is called train, val or test, or lies in such a folder, is a part. Without a column for the label, it
    is the name of the image's folder.

    Args:
        folder: of the data, or a table in it.
        origin: 1 for boxes from 1 with inclusive edges; ``auto`` and 0 for edges as they are written.
        columns: names of columns, by ``file``, ``label``, ``x1``, ``y1``, ``x2``, ``y2``, ``width``, ``height`` (of the
            box), ``x_center``, ``y_center``, ``part`` and ``group``; ``None`` for a guess.

    Raises:
        UserError: there is no such folder, no table with boxes, a column is not there, or nothing can be used.
    """
    walk = walked(folder)
    gathering = Gathering(walk, "table")
    files = _tables(walk)
    found: dict[str, list[_Row]] = {}
    understood: list[Columns] = []
    unknown: list[UserError] = []
    headers: dict[str, list[str]] = {}
    for file in files:
        lines = _lines(gathering, file, is_only=len(files) == 1)
        try:
            table = columns_of(lines[0][1], columns or {}, lines[1][1] if lines[1:] else ()) if lines else None
        except UserError as error:  # a column that another table may have
            unknown.append(UserError(f"{error} The table is {walk.root / file}."))
            continue
        if table is None:
            headers[file] = lines[0][1] if lines else []
            gathering.note("without columns for a file and a box, not used", file, "table")
            continue
        if table.names and not lines[1:]:
            gathering.refuse(
                file, "has no rows below its header; expected one for each object", is_only=len(files) == 1
            )
            continue
        gathering.note(table.summary, file, "table")
        understood.append(table)
        found[file] = _rows(gathering, file, lines[1:] if table.names else lines, _with_parts(table, lines))
    if not understood and unknown:
        raise unknown[0]
    if not understood and not gathering.problems:
        raise _not_understood(walk, headers)
    if not all("label" in table.places for table in understood):
        found = _labelled(gathering, found, understood)
    convert = _conversion(gathering, [row for rows in found.values() for row in rows], understood, origin)
    for rows in found.values():
        by_image: dict[str, list[_Row]] = {}
        for row in rows:
            by_image.setdefault(row.match.path, []).append(row)
        for same in by_image.values():
            objects = [MarkedObject(row.label, *convert(row.box)) for row in same if row.box is not None]
            first = same[0]
            gathering.add(first.match, objects, where=first.where, part=first.part, size=first.size, group=first.group)
    return gathering.listing()


def _not_understood(folder: Folder, headers: Mapping[str, Sequence[str]]) -> UserError:
    """Return the error for a folder without a table of boxes: the columns of its first table, where it has one."""
    if not headers or other_format(folder, "table"):
        return nothing_found(folder, "table")
    file, header = next(iter(headers.items()))
    where = f"data.path={folder.root / file}"
    if not header:
        return UserError(f"{where}: is empty; expected a table with columns for the file, the box and the label.")
    cells = named([cell.strip()[:MOST_LETTERS] for cell in header])
    return UserError(
        f"{where}: its columns are {cells!r}; expected some for the file and for the box (x1, y1, x2 and y2, or width "
        'and height for the last two). Say which they are: "data.columns={file:NAME,x1:NAME,y1:NAME,x2:NAME,y2:NAME,'
        'label:NAME}".'
    )


def _tables(folder: Folder) -> list[str]:
    """Return the tables of a folder; text files only where there are no others."""
    if files := folder.ending(".csv", ".tsv"):
        return files
    return [file for file in folder.ending(".txt") if recognised(replace(folder, given=file)) == "table"]


def _lines(gathering: Gathering, file: str, *, is_only: bool) -> list[tuple[int, list[str]]]:
    """Return the rows of a table that are not empty, with the numbers of their lines; none where it is spoilt."""
    try:
        text = gathering.text(file, LARGEST)
        first = next((line for line in text.splitlines() if line.strip()), "")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(first))
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (UserError, csv.Error) as error:
        reason = str(error) if isinstance(error, UserError) else f"is not a table ({first_line(error)})"
        gathering.refuse(file, reason, is_only=is_only)
        return []


def _with_parts(table: Columns, lines: Sequence[tuple[int, list[str]]]) -> Columns:
    """Return columns without that of the part, where it was a guess and no cell of it names one."""
    place = table.places.get("part")
    if place is None or any(part_of_name(row[place]) for _, row in lines[1:] if place < len(row)):
        return table
    return replace(table, places={key: one for key, one in table.places.items() if key != "part"})


def _rows(gathering: Gathering, file: str, lines: Sequence[tuple[int, list[str]]], table: Columns) -> list[_Row]:
    folder, part = posixpath.dirname(file), gathering.folder.part_of(file) or part_of_name(posixpath.splitext(file)[0])
    rows: list[_Row] = []
    missing: set[str] = set()
    for line, cells in lines:
        values = {key: cells[place].strip() if place < len(cells) else "" for key, place in table.places.items()}
        match = None
        try:
            match = gathering.folder.find(values["file"], folder, part)
            own_part = part or gathering.folder.part_of(match.path)
            rows.append(_row(match, f"{file}, line {line}", values, table, own_part))
        except Unmatched as reason:
            if values["file"] not in missing:  # once for all its objects
                gathering.leave_out(values["file"] or file, f"{file}, line {line}: {reason}", image=None)
            missing.add(values["file"])
        except Spoilt as reason:
            assert match is not None
            gathering.leave_out(match.path, f"{file}, line {line}: {reason}", match.path)
    return rows


def _row(match: Match, where: str, values: Mapping[str, str], table: Columns, part: str | None) -> _Row:
    """Return a row; raises :class:`Spoilt`."""
    cells = [values[key] for key in table.form]
    box = None
    if any(cells):
        for key, cell in zip(table.form, cells, strict=True):
            if not _is_number(cell):
                raise Spoilt(f"{table.names.get(key, key)} is {cell[:20]!r}; expected a number")
        box = tuple(map(number, cells))
        if "label" in values and not values["label"]:
            raise Spoilt(f"{table.names.get('label', 'label')} is empty")
    if values.get("part") and (part := part_of_name(values["part"])) is None:
        raise Spoilt(f"{table.names['part']} is {values['part'][:20]!r}; expected train, validation or test")
    sides = [values.get(key, "") for key in ("image_width", "image_height")]
    size = (int(sides[0]), int(sides[1])) if all(side.isdecimal() and int(side) for side in sides) else None
    group = values.get("group") or None
    return _Row(match, where, values.get("label", ""), box, part, group, size)


def _is_number(cell: str) -> bool:
    try:
        number(cell)
    except ValueError:
        return False
    return True


def _labelled(
    gathering: Gathering, found: Mapping[str, list[_Row]], understood: Sequence[Columns]
) -> dict[str, list[_Row]]:
    """Return rows with the names of their images' folders as labels, where they have none.

    Raises:
        UserError: they are all in one folder.
    """
    names = {_folder_name(row.match.path) for rows in found.values() for row in rows}
    if len(names) < 2:
        header = next(table for table in understood if "label" not in table.places).names.values()
        raise UserError(
            f"data.path={gathering.folder.root}: no column for the label was found beside {listed(header)}, and the "
            "images are in one folder; give it as data.columns.label=NAME."
        )
    gathering.note("without a column for the label, it is the name of the image's folder")
    return {
        file: [replace(row, label=row.label or _folder_name(row.match.path)) for row in rows]
        for file, rows in found.items()
    }


def _folder_name(path: str) -> str:
    return posixpath.basename(posixpath.dirname(path))


def _conversion(
    gathering: Gathering, rows: Sequence[_Row], understood: Sequence[Columns], origin: str | int
) -> Callable[[tuple[float, ...]], tuple[tuple[float, float, float, float], bool]]:
    """Return what turns a box as the tables have it into x1, y1, x2, y2 and whether these are shares of the image.

    Raises:
        UserError: tables that differ in what their boxes are, or an origin for boxes that have none.
    """
    forms = {table.form for table in understood}
    if len(forms) > 1:
        raise UserError(
            f"data.path={gathering.folder.root}: its tables have boxes of different kinds: "
            f"{' and '.join(listed(form) for form in sorted(forms))}; expected one: give one table as data.path."
        )
    form = forms.pop() if forms else CORNERS
    values = [value for row in rows if row.box is not None for value in row.box if math.isfinite(value)]
    is_relative = all(abs(value) < LEAST_PIXELS for value in values) and any(value % 1 for value in values)
    if origin == 1 and (is_relative or form == CENTRED):
        kind = "shares of the image, from 0 to 1" if is_relative else "given by their centres"
        raise UserError(f"data.origin=1: the boxes are {kind}, which have no first pixel; expected auto or 0.")
    shift = 1 if origin == 1 else 0
    if shift:
        inclusive = ", with inclusive edges" if form == CORNERS else ""
        gathering.note(f"boxes count from 1{inclusive} (data.origin=1)")
    elif is_relative:
        gathering.note(
            f"the numbers of the boxes are from {min(values):g} to {max(values):g}, so they are read as shares of the "
            "image"
        )
    else:
        gathering.note("boxes are read as edges from 0, as written")

    def convert(box: tuple[float, ...]) -> tuple[tuple[float, float, float, float], bool]:
        x, y, third, fourth = box
        if form == CENTRED:
            return (x - third / 2, y - fourth / 2, x + third / 2, y + fourth / 2), is_relative
        if form == SIZED:
            return (x - shift, y - shift, x - shift + third, y - shift + fourth), is_relative
        return (x - shift, y - shift, third, fourth), is_relative

    return convert
