"""Predictions as a table, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import PurePath

import pytest

from locexp.prediction.output import COLUMNS, Writer
from locexp.prediction.predictions import Prediction
from locexp.prediction.sources import Source

BYTES = os.fsdecode(b"\xff.jpg")
NAMES = ["a b/c,d.jpg", 'quo"te.png', "zwei\nZeilen.png", "漢字.png", BYTES]
CLASSES = ["cat", "Hündin, klein"]


def predictions() -> list[Prediction]:
    sources = [*(Source(name, PurePath("x")) for name in NAMES), Source("x.npy", PurePath("x"), 3)]
    box = (-0.0001, 1 / 3, 100.5, 2e3)
    return [
        Prediction(source, CLASSES[index % 2], 0.5 + index / 100, box, (640, 480), index == 1)
        for index, source in enumerate(sources)
    ]


def written(kind: str, rows: list[Prediction]) -> str:
    text = io.StringIO()
    writer = Writer(kind, text.write, [row.source for row in rows], CLASSES)
    writer.begin()
    for row in rows:
        writer.row(row)
    writer.end()
    return text.getvalue()


def test_json() -> None:
    text = written("json", predictions())
    assert text.isascii()
    found = json.loads(text)
    assert [one["file"] for one in found] == [*NAMES, "x.npy"]
    assert all(tuple(one) == COLUMNS for one in found)
    assert found[1] == {
        "file": 'quo"te.png', "index": None, "class": "Hündin, klein", "probability": 0.51,
        "x1": 0.0, "y1": 0.333, "x2": 100.5, "y2": 2000.0, "width": 640, "height": 480, "inverted": True,
    }  # fmt: skip
    assert found[-1]["index"] == 3
    assert "-0.0" not in text


def test_csv() -> None:
    text = written("csv", predictions())
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert tuple(header) == COLUMNS
    assert [row[0] for row in rows] == [*NAMES[:-1], "\\xff.jpg", "x.npy"]
    assert rows[1][1:] == ["", "Hündin, klein", "0.51", "0.0", "0.333", "100.5", "2000.0", "640", "480", "true"]
    assert (rows[-1][1], rows[0][-1]) == ("3", "false")
    assert "\r" not in text


def test_table() -> None:
    header, *rows = written("table", predictions()).splitlines()
    assert header.split() == ["file", "class", "probability", "x1", "y1", "x2", "y2", "image"]
    assert [row.split("  ")[0] for row in rows[:3]] == ["a b/c,d.jpg", 'quo"te.png', "zwei\\nZeilen.png cat"]
    assert rows[-1].startswith("x.npy[3]")
    assert rows[1].endswith("0.5100    -0.0     0.3   100.5  2000.0   640x480 inverted")
    assert len({row.index("640x480") for row in rows if "漢" not in row}) == 1


@pytest.mark.parametrize(("kind", "empty"), [("json", "[]\n"), ("csv", ",".join(COLUMNS) + "\n")])
def test_no_prediction(kind: str, empty: str) -> None:
    assert written(kind, []) == empty
