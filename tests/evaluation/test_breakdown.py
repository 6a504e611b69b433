"""IoU by group and the worst cases against plain loops."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from locexp.bbox.geometry import to_pixels
from locexp.evaluation import breakdown
from locexp.evaluation.breakdown import Groups
from locexp.evaluation.metrics import Predictions
from tests.bbox.test_geometry import iou_by_hand
from tests.evaluation.cases import CANVAS, random_predictions, rows_of

COUNT = 600


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    return random_predictions(2, count=COUNT)


def ious(predictions: Predictions) -> list[float]:
    return [
        iou_by_hand(tuple(map(float, box)), tuple(map(float, truth)))
        for box, truth in zip(predictions.boxes, predictions.truth, strict=True)
    ]


def check(groups: Groups, place: int, members: list[float]) -> None:
    assert groups.count[place] == len(members)
    if members:
        assert groups.mean[place] == pytest.approx(statistics.fmean(members))
        assert groups.quantiles[place] == pytest.approx(np.percentile(members, (5, 95)))
    else:
        assert np.isnan(groups.mean[place])
    if len(members) > 1:
        expected = statistics.stdev(members) / len(members) ** 0.5
        assert groups.standard_error[place] == pytest.approx(expected)
    else:
        assert np.isnan(groups.standard_error[place])


def test_by_class(predictions: Predictions) -> None:
    groups = breakdown.by_class(replace(predictions, labels=np.where(predictions.labels == 1, 0, predictions.labels)))
    labels = [0 if label == 1 else label for label in predictions.labels]
    for label in range(4):
        check(groups, label, [iou for iou, own in zip(ious(predictions), labels, strict=True) if own == label])
    assert groups.count[1] == 0


def test_by_size_are_quantile_groups_of_the_side_in_pixels(predictions: Predictions) -> None:
    groups = breakdown.by_size(predictions)
    assert len(groups.count) == breakdown.SIZE_GROUPS
    assert np.ptp(groups.count) <= 2
    sides = []
    for x1, y1, x2, y2 in predictions.truth.astype(float).tolist():
        sides.append(((x2 - x1) * CANVAS[0] * (y2 - y1) * CANVAS[1]) ** 0.5)
    for place, (low, high) in enumerate(zip(groups.low[:, 0], groups.high[:, 0], strict=True)):
        last = place == len(groups.count) - 1
        inside = [low - 5e-5 <= side < high - 5e-5 or (last and side >= low) for side in sides]
        check(groups, place, [iou for iou, own in zip(ious(predictions), inside, strict=True) if own])
    assert groups.low[0, 0] == pytest.approx(min(sides), abs=1e-4)
    assert groups.high[-1, 0] == pytest.approx(max(sides), abs=1e-4)


def test_equal_sizes_stay_together_and_no_group_is_empty() -> None:
    rng = np.random.default_rng(0)
    base = random_predictions(0, count=400)
    sides = rng.choice([4, 5, 5, 5, 5, 9], 400)[:, None] / np.array(CANVAS)
    groups = breakdown.by_size(
        replace(base, truth=np.concatenate([np.zeros((400, 2)), sides], axis=1).astype(np.float32))
    )
    assert groups.count.min() > 0
    assert groups.count.sum() == 400
    assert set(groups.low[:, 0]) <= {4, 5, 9}


def test_by_position_is_a_grid_over_the_centres(predictions: Predictions) -> None:
    groups = breakdown.by_position(predictions)
    assert len(groups.count) == 25
    centers = [
        ((x1 + x2) / 2 * CANVAS[0], (y1 + y2) / 2 * CANVAS[1]) for x1, y1, x2, y2 in predictions.truth.astype(float)
    ]
    left, top = min(x for x, _ in centers), min(y for _, y in centers)
    width, height = max(x for x, _ in centers) - left, max(y for _, y in centers) - top
    cells: dict[tuple[int, int], list[float]] = {}
    for (x, y), iou in zip(centers, ious(predictions), strict=True):
        column, row = min(4, int((x - left) / width * 5)), min(4, int((y - top) / height * 5))
        cells.setdefault((row, column), []).append(iou)
    for place in range(25):
        row, column = divmod(place, 5)
        check(groups, place, cells.get((row, column), []))
        assert groups.low[place] == pytest.approx([left + column * width / 5, top + row * height / 5])
        assert groups.high[place] == pytest.approx([left + (column + 1) * width / 5, top + (row + 1) * height / 5])


def test_an_axis_without_extent_has_one_cell(predictions: Predictions) -> None:
    truth = predictions.truth.copy()
    truth[:, (1, 3)] = (0.25, 0.75)
    groups = breakdown.by_position(replace(predictions, truth=truth))
    assert len(groups.count) == 5
    assert groups.count.sum() == COUNT


def test_boxes_that_are_all_the_same() -> None:
    base = random_predictions(0, count=50)
    same = replace(base, truth=np.tile(np.array([6, 6, 22, 22], np.float32) / 28, (50, 1)), canvas=(28, 28))
    assert breakdown.all_the_same(same)
    assert not breakdown.all_the_same(base)
    for groups in (breakdown.by_size(same), breakdown.by_position(same)):
        assert groups.count.tolist() == [50]
        check(groups, 0, ious(same))
    (row,) = rows_of(breakdown.columns(breakdown.by_size(same), ("side_px",)))
    assert row["side_px_from"] == row["side_px_to"] == pytest.approx(16, abs=1e-4)


def test_one_example_has_no_standard_error_and_else_numbers() -> None:
    one = random_predictions(0, count=1)
    tables = [
        rows_of(breakdown.columns(breakdown.by_size(one), ("side_px",))),
        rows_of(breakdown.columns(breakdown.by_position(one), ("x_px", "y_px"))),
    ]
    for (row,) in tables:
        assert row["mean_iou"] == pytest.approx(ious(one)[0])
        assert [name for name, value in row.items() if value != value] == ["standard_error"]
    x1, y1, x2, y2 = to_pixels(one.truth, *CANVAS)[0]
    assert tables[1][0]["x_px_from"] == pytest.approx((x1 + x2) / 2)
    assert tables[1][0]["y_px_from"] == pytest.approx((y1 + y2) / 2)


def test_worst_cases_are_the_worst_of_their_quadrant(predictions: Predictions) -> None:
    chosen = breakdown.worst_cases(predictions, 5)
    iou = ious(predictions)
    right = [row.argmax() == label for row, label in zip(predictions.probabilities, predictions.labels, strict=True)]
    doubt = [-max(row) for row in predictions.probabilities]
    far = predictions.center_error_px
    expected: dict[str, list[tuple[Any, ...]]] = {
        "both_right": sorted((iou[i], -far[i], i) for i in range(COUNT) if right[i] and iou[i] >= 0.5),
        "class_only": sorted((iou[i], -far[i], i) for i in range(COUNT) if right[i] and iou[i] < 0.5),
        "box_only": sorted((doubt[i], i) for i in range(COUNT) if not right[i] and iou[i] >= 0.5),
        "neither": sorted((doubt[i], i) for i in range(COUNT) if not right[i] and iou[i] < 0.5),
    }
    assert list(chosen) == ["both_right", "class_only", "box_only", "neither"]
    for name, ordered in expected.items():
        assert chosen[name].tolist() == [key[-1] for key in ordered[:5]], name
