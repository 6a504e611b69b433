"""Reading CSV files with one image per row, as Kaggle has them: label,pixel0,pixel1, and so on."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from locexp.data.files import BROKEN, check_is_file, check_size, named, opened, reading
from locexp.data.roles import role_of
from locexp.errors import UserError, first_line

LONGEST_LINE = 2**22
BLOCK = 2**20
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

    Compressed or not, whatever its name ends in.

    Raises:
        UserError: corrupt, too large, or columns whose meaning is not certain.
    """
    check_is_file(path, key)
    where, notes = f"{key}={path}", []
    with reading(path, key):
        line = _first_line(path)
        if b"," not in line:
            raise UserError(f"{where}: is not a CSV file with commas.")
        check_size(path, key, 2 * _size(path, key))  # a digit and a comma become four bytes
        with opened(path) as file:
            if sum(1 for _ in itertools.islice(filter(bytes.strip, file), 2)) < 2:
                raise UserError(f"{where}: has no row with an image below its first line.")
        columns = [cell.strip().strip("\"'") for cell in line.decode("utf-8-sig").split(",")]
        is_named = not all(map(_is_number, columns))
        header = is_named or columns == [str(column) for column in range(len(columns))]
        if is_named:
            label, pixels, unread = _columns(columns, where)
            if unread:
                notes.append(f"{path.name}: not used: {named(unread)}.")
        else:
            label, pixels = 0, list(range(1, len(columns)))
            notes.append(f"{path.name}: its columns have no names, so the first is read as the label.")
        chosen = pixels if label is None else [label, *pixels]
        with opened(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig") as text:
            try:
                table = np.loadtxt(
                    text, np.float32, None, ",", skiprows=int(header), usecols=chosen, ndmin=2, quotechar='"'
                )
            except ValueError as error:
                raise UserError(
                    f"{where}: {first_line(error)}; expected a number in every column of every row, labels included."
                ) from None
    if label is None:
        return Table(table, None, tuple(notes))
    if not is_named:
        _check_first_is_label(table, where)
    return Table(table[:, 1:], table[:, 0], tuple(notes))


def is_csv(path: Path) -> bool:
    """Whether a file is called so, or begins with a line of text that has commas in it, compressed or not."""
    if path.name.lower().endswith(".csv"):
        return True
    with contextlib.suppress(*BROKEN):
        return path.is_file() and b"," in (line := _first_line(path)) and line.decode("utf-8-sig").isprintable()
    return False


def _first_line(path: Path) -> bytes:
    """Return the first line of a text without its end; nothing where it is too long for one."""
    with opened(path) as file:
        line = file.readline(LONGEST_LINE)
    return b"" if len(line) == LONGEST_LINE else line.rstrip()


def _size(path: Path, key: str) -> int:
    """Return the bytes of a file, unpacked; raises :class:`UserError` as soon as they are too many."""
    with opened(path) as file:
        if isinstance(file, io.BufferedReader):
            return path.stat().st_size
        size = 0
        while block := file.read(BLOCK):
            size += len(block)
            check_size(path, key, 2 * size)
    return size


def _check_first_is_label(table: np.ndarray, where: str) -> None:
    """Raise :class:`UserError` if the last column of a table looks more like a label than the first."""
    first, last = _evenness(table[:, 0]), _evenness(table[:, -1])
    is_constant = bool((table[:, 0] == table[0, 0]).all())
    if is_constant or last > first:
        reason = "is the same in every row" if is_constant else "looks less like a label than the last"
        raise UserError(
            f"{where}: its columns have no names, and the first {reason}; expected the label first, or a first line "
            "that says which it is: pixel0,pixel1, ... label."
        )


def _evenness(column: np.ndarray) -> float:
    """Return the share of values that are not the commonest; 0 where they are not whole numbers without gaps.

    Classes are numbered without gaps and about as frequent as each other; most images are black in a corner.
    """
    values, counts = np.unique(column, return_counts=True)
    is_numbered = values[0] % 1 == 0 and (np.diff(values) == 1).all()
    return float(1 - counts.max() / len(column)) if is_numbered else 0.0


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
