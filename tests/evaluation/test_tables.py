"""Tables of predictions at the edges: one image, one box, many classes, no probabilities."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from locexp.evaluation.tables import tables, write_tables
from locexp.evaluation.terms import UserTerms
from tests.evaluation.cases import CASES, numbered, random_predictions

SUMMARIES = {"per_class", "four_way", "iou_by_size", "iou_by_position", "reliability"}


@pytest.mark.parametrize("name", CASES)
def test_rows_have_equal_keys_and_no_nan(name: str, tmp_path: Path) -> None:
    predictions = CASES[name]()
    write_tables(tmp_path / "tables", predictions, numbered(predictions.probabilities.shape[1]))
    for summary in SUMMARIES:
        with (tmp_path / "tables" / f"{summary}.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        assert rows
        assert {len(row) for row in rows} == {len(header)}
        assert not any(cell in ("nan", "inf", "None") for row in rows for cell in row)


def test_confidences_that_are_no_probabilities_have_no_reliability() -> None:
    base = random_predictions(0, count=50)
    assert set(tables(replace(base, probabilities=base.probabilities * 9), numbered(4))) == SUMMARIES - {"reliability"}


def test_files_hold_the_tables_each_prediction_and_the_confusion(tmp_path: Path) -> None:
    predictions = random_predictions(0, count=50)
    write_tables(tmp_path / "tables", predictions, numbered(4))
    names = {path.name for path in (tmp_path / "tables").iterdir()}
    assert names == {f"{name}.csv" for name in SUMMARIES | {"predictions", "confusion_matrix"}}
    with (tmp_path / "tables" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == list(range(50))
    assert [int(row["label"]) for row in rows] == predictions.labels.tolist()
    assert [int(row["predicted"]) for row in rows] == predictions.probabilities.argmax(axis=1).tolist()
    assert [float(row["iou"]) for row in rows] == pytest.approx(predictions.iou, rel=1e-5)
    for place, (side, extent) in enumerate(zip(("x1", "y1", "x2", "y2"), predictions.canvas * 2, strict=True)):
        assert [float(row[f"true_{side}"]) for row in rows] == pytest.approx(predictions.truth[:, place] * extent, 1e-5)
    with (tmp_path / "tables" / "confusion_matrix.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    assert header[1:] == [line[0] for line in lines] == list("0123")
    confusion = np.array([line[1:] for line in lines], int)
    assert confusion.sum() == 50
    assert confusion[1, 2] == sum((row["label"], row["predicted"]) == ("1", "2") for row in rows)


def test_strange_names_come_back_whole(tmp_path: Path) -> None:
    """The csv module reads what people may call classes and files; bytes that are no text are written as such."""
    names = ("x" * 200, 'red, "bright"', "<script>", "猫\nnext line", "true")
    predictions = random_predictions(0, count=50, classes=5)
    files = np.array([f"train, {number}/\udcff.jpg" for number in range(50)])
    write_tables(tmp_path / "tables", predictions, UserTerms(names, files))

    def rows(name: str) -> list[list[str]]:
        with (tmp_path / "tables" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file))

    header, *examples = rows("predictions")
    assert [row[header.index("label")] for row in examples] == [names[label] for label in predictions.labels]
    assert [row[header.index("predicted")] for row in examples] == [names[label] for label in predictions.classes]
    assert examples[7][header.index("file")] == "train, 7/\\udcff.jpg"
    header, *lines = rows("confusion_matrix")
    assert header[1:] == [line[0] for line in lines] == list(names)
    assert [row[0] for row in rows("per_class")[1:]] == list(names)
