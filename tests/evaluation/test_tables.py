"""Tables of predictions at the edges: one image, one box, many classes, no probabilities."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from locexp.evaluation.tables import tables, write_tables
from tests.evaluation.cases import CASES, random_predictions

SUMMARIES = {"per_class", "four_way", "iou_by_size", "iou_by_position", "reliability"}


@pytest.mark.parametrize("name", CASES)
def test_rows_have_equal_keys_and_no_nan(name: str, tmp_path: Path) -> None:
    write_tables(tmp_path / "tables", CASES[name]())
    for summary in SUMMARIES:
        with (tmp_path / "tables" / f"{summary}.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        assert rows
        assert {len(row) for row in rows} == {len(header)}
        assert not any(cell in ("nan", "inf", "None") for row in rows for cell in row)


def test_confidences_that_are_no_probabilities_have_no_reliability() -> None:
    base = random_predictions(0, count=50)
    assert set(tables(replace(base, probabilities=base.probabilities * 9))) == SUMMARIES - {"reliability"}


def test_files_hold_the_tables_each_prediction_and_the_confusion(tmp_path: Path) -> None:
    predictions = random_predictions(0, count=50)
    write_tables(tmp_path / "tables", predictions)
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
    confusion = np.loadtxt(tmp_path / "tables" / "confusion_matrix.csv", delimiter=",")
    assert confusion.sum() == 50
    assert confusion[1, 2] == sum((row["label"], row["predicted"]) == ("1", "2") for row in rows)
