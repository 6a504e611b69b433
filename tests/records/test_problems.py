"""The table of what was found in single files of the data."""

from __future__ import annotations

import csv
from pathlib import Path

from locexp.data.photos.listing import LEFT_OUT, Problem
from locexp.records.problems import note_on_problems, write_problems


def test_whatever_files_are_called(tmp_path: Path) -> None:
    names = ["a, b.png", '\u00e4 "x".png', "line\nbreak.png"]
    write_problems(tmp_path / "tables", [Problem(name, "is empty", LEFT_OUT) for name in [*names, "\udcff.png"]])
    with (tmp_path / "tables" / "problems.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["file", "problem", "action"]
    assert [row[0] for row in rows[1:]] == [*names, "\\udcff.png"]


def test_nothing_where_there_is_none(tmp_path: Path) -> None:
    write_problems(tmp_path / "tables", [])
    assert list(tmp_path.iterdir()) == []
    assert note_on_problems([]) == []


def test_the_note_counts_files_and_not_problems() -> None:
    found = [Problem("a", "x", "clipped"), Problem("a", "y", LEFT_OUT), Problem("b", "z", "clipped")]
    (note,) = note_on_problems(found)
    assert note == "tables/problems.csv lists what was found in 2 files of the data; 1 of them is left out."
