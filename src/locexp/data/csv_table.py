"""Reading CSV files with one image per row, as Kaggle has them: label,pixel0,pixel1, and so on."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from locexp.data.files import check_is_file, check_size, named, reading
from locexp.data.roles import role_of
from locexp.errors import UserError

LONGEST_LINE = 2**22
PIXEL = re.compile(r"(?:pixels?|px|p|x)?[\W_]*(\d+)(?:[x_](\d+))?")
"""pixel0, px_0, 0, and 1x1 with row and column."""


@dataclass(frozen=True)
class Table:
    """Images (float32 (n, pixels)) and labels (float32 (n,)), which are ``None`` where the file has none."""

    images: np.ndarray
    labels: np.ndarray | None
    notes: tuple[str, ...]


def read_csv(path: Path, key: str = "data.path") -> Table:
    """Read a CSV file whose header names a label and pixels in order, or one without header with the label first.

    Raises:
        UserError: corrupt, too large, or columns whose meaning is not certain.
    """
    check_is_file(path, key)
    where, notes = f"{key}={path}", []
    with reading(path, key):
        with path.open("rb") as file:
            line = file.readline(LONGEST_LINE)
        if b"," not in line or len(line) == LONGEST_LINE:
            raise UserError(f"{where}: is not a CSV file with commas; unpack it if it is compressed.")
        check_size(path, key, 2 * path.stat().st_size)  # a digit and a comma become four bytes
        with path.open("rb") as file:
            if sum(1 for _ in itertools.islice(filter(bytes.strip, file), 2)) < 2:
                raise UserError(f"{where}: has no row with an image below its first line.")
        columns = [cell.strip().strip("\"'") for cell in line.decode("utf-8-sig").split(",")]
        header = not all(map(_is_number, columns)) or columns == [str(column) for column in range(len(columns))]
        if header and not all(map(_is_number, columns)):
            label, pixels, unread = _columns(columns, where)
            if unread:
                notes.append(f"{path.name}: not used: {named(unread)}.")
        else:
            label, pixels = 0, list(range(1, len(columns)))
            notes.append(f"{path.name}: its columns have no names, so the first is read as the label.")
        chosen = pixels if label is None else [label, *pixels]
        with path.open(encoding="utf-8-sig") as file:
            table = np.loadtxt(
                file, np.float32, None, ",", skiprows=int(header), usecols=chosen, ndmin=2, quotechar='"'
            )
    if label is None:
        return Table(table, None, tuple(notes))
    return Table(table[:, 1:], table[:, 0], tuple(notes))


def _columns(names: list[str], where: str) -> tuple[int | None, list[int], list[str]]:
    """Return the positions of the label and of the pixels, and the names of columns that are neither."""
    numbers = {column: match.groups() for column, name in enumerate(names) if (match := PIXEL.fullmatch(name.lower()))}
    roles = {column: role_of(name) for column, name in enumerate(names) if column not in numbers}
    labels = [column for column, role in roles.items() if role and role.kind == "labels" and not role.others]
    order = [tuple(int(number or 0) for number in pair) for pair in numbers.values()]
    if len(labels) > 1 or not order or order != sorted(set(order)):
        raise UserError(
            f"{where}: has the columns {named(names)}; expected one label and pixels in order: label,pixel0,pixel1 ..."
        )
    unread = [names[column] for column in roles if column not in labels]
    return (labels[0] if labels else None), list(numbers), unread


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
