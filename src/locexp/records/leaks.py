"""Images that are in two parts of the data, as a table on the run."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from locexp.data.arrays import Leak
from locexp.system.files import write_whole

LEAKS = "leaks.csv"
COLUMNS = ("part", "index", "file", "other_part", "other_index", "other_file", "difference")


def write_leaks(directory: Path, leaks: Sequence[Leak]) -> None:
    """Write leaks.csv, a row per pair, to a folder, which is made; nothing where there are none."""
    if not leaks:
        return
    directory.mkdir(exist_ok=True)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for leak in leaks:
        writer.writerow([*(getattr(leak, name) for name in COLUMNS[:-1]), f"{leak.difference:.4f}"])
    write_whole(directory / LEAKS, text.getvalue().encode(errors="backslashreplace"))  # names may be no text
