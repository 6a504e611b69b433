"""Predictions as a table for people, and as CSV and JSON for programs."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.cells import cell_len

from locexp.prediction.predictions import Prediction
from locexp.prediction.sources import Source

COLUMNS = (*("file", "index", "class", "probability"), *("x1", "y1", "x2", "y2"), *("width", "height", "inverted"))
"""The names in CSV and JSON. ``index`` is of an image in an array, else null, or empty."""
FORMATS = ("table", "csv", "json")
LONGEST_NAME = 120
"""Longer names are written whole, but move their line's other columns."""
Write = Callable[[str], object]


def shown(text: str) -> str:
    """Return a name on one line; bytes that are not UTF-8, and what cannot be printed, as escapes."""
    text = os.fsencode(text).decode(errors="backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def source_name(source: Source) -> str:
    """Return what an image is called in text for people: ``digits.npy[3]``."""
    return shown(source.file) + ("" if source.index is None else f"[{source.index}]")


class Writer:
    """Writes predictions as they come; :meth:`begin`, then any number of :meth:`row`, then :meth:`end`.

    Args:
        kind: one of :data:`FORMATS`.
        write: takes text.
        sources: all that may come, whose names give a table its width.
        class_names: likewise.
    """

    def __init__(self, kind: str, write: Write, sources: Sequence[Source], class_names: Sequence[str]) -> None:
        self._kind, self._write, self._rows = kind, write, 0
        if kind == "table":
            names = max((cell_len(source_name(source)) for source in sources), default=0)
            self._widths = (
                min(max(names, len("file")), LONGEST_NAME),
                max(map(cell_len, ("class", *map(shown, class_names)))),
            )

    def begin(self) -> None:
        """Write what stands before the first row."""
        if self._kind == "table":
            self._write(self._line("file", "class", ("probability", *COLUMNS[4:8], "image"), ""))
        elif self._kind == "csv":
            self._write(_csv_line(COLUMNS))
        else:
            self._write("[")

    def row(self, prediction: Prediction) -> None:
        """Write one prediction."""
        self._rows += 1
        if self._kind == "table":
            width, height = prediction.size
            edges = (f"{edge:.1f}" for edge in prediction.box)
            numbers = (f"{prediction.probability:.4f}", *edges, f"{width}x{height}")
            mark = "inverted" if prediction.inverted else ""
            self._write(self._line(source_name(prediction.source), shown(prediction.name), numbers, mark))
            return
        values = _values(prediction)
        if self._kind == "json":
            # ASCII alone: it is the same in every locale, and keeps the bytes of a name that is not UTF-8.
            self._write(("" if self._rows == 1 else ",") + "\n " + json.dumps(dict(zip(COLUMNS, values, strict=True))))
        else:
            file, index, *others, inverted = values
            first = (shown(str(file)) if _has_bytes(str(file)) else file, "" if index is None else index)
            self._write(_csv_line((*first, *others, str(inverted).lower())))

    def end(self) -> None:
        """Write what stands after the last row."""
        if self._kind == "json":
            self._write("\n]\n" if self._rows else "]\n")

    def _line(self, file: str, name: str, numbers: Sequence[str], mark: str) -> str:
        first = [text + " " * (width - cell_len(text)) for text, width in zip((file, name), self._widths, strict=True)]
        widths = (11, 7, 7, 7, 7, 9)
        rest = [text.rjust(width) for text, width in zip(numbers, widths, strict=True)]
        return " ".join([*first, *rest, mark]).rstrip() + "\n"


def _values(prediction: Prediction) -> list[str | int | float | bool | None]:
    """Return the values of :data:`COLUMNS`; pixels to a thousandth."""
    edges = [round(edge, 3) + 0.0 for edge in prediction.box]  # without the sign of a zero
    source = prediction.source
    probability = round(prediction.probability, 6)
    return [source.file, source.index, prediction.name, probability, *edges, *prediction.size, prediction.inverted]


def _has_bytes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _csv_line(values: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def picture_paths(folder: Path, sources: Sequence[Source]) -> Iterator[Path]:
    """Yield where the picture of each image goes: a name of its own, on file systems that ignore case, too."""
    taken: set[str] = set()
    for source in sources:
        suffix = ".jpg" if os.path.splitext(source.file)[1].lower() in (".jpg", ".jpeg") else ".png"
        place, number = source.place, 1
        while (name := f"{place}{suffix}").casefold() in taken:
            number += 1
            place = source.place.with_name(f"{source.place.name}-{number}")
        taken.add(name.casefold())
        yield folder / name
