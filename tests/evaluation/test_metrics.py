"""Metrics, baselines and tables against definitions written out one example at a time."""

from __future__ import annotations

import dataclasses
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locexp.bbox.geometry import ink_boxes, normalise
from locexp.evaluation import metrics
from tests.bbox.test_geometry import iou_by_hand
from tests.evaluation.cases import CANVAS, random_predictions, rows_of


def by_hand(predictions: metrics.Predictions) -> dict[str, float]:
    """Every metric in plain Python floats."""
    sums: dict[str, float] = {}

    def add(name: str, value: float) -> None:
        sums[name] = sums.get(name, 0.0) + value / len(predictions.labels)

    for i, label in enumerate(predictions.labels):
        box = [float(value) for value in predictions.boxes[i]]
        truth = [float(value) for value in predictions.truth[i]]
        scores = list(predictions.probabilities[i])
        right = scores.index(max(scores)) == label
        iou = iou_by_hand(tuple(box), tuple(truth))
        add("accuracy", right)
        add("mean_iou", iou)
        for threshold in (50, 75):
            add(f"loc_acc_{threshold}", right and iou >= threshold / 100)
            add(f"gt_known_loc_{threshold}", iou >= threshold / 100)
        add("box_acc_v2", ((iou >= 0.3) + (iou >= 0.5) + (iou >= 0.7)) / 3)
        dx = ((box[0] + box[2]) - (truth[0] + truth[2])) / 2 * CANVAS[0]
        dy = ((box[1] + box[3]) - (truth[1] + truth[3])) / 2 * CANVAS[1]
        add("center_error_px", math.hypot(dx, dy))
        add("width_error_px", abs((box[2] - box[0]) - (truth[2] - truth[0])) * CANVAS[0])
        add("height_error_px", abs((box[3] - box[1]) - (truth[3] - truth[1])) * CANVAS[1])
        add("inverted_fraction", box[0] > box[2] or box[1] > box[3])
        add("classification_loss", predictions.classification_loss[i])
        add("bbox_loss", predictions.bbox_loss[i])
        for name, holds in (
            ("both_right", right and iou >= 0.5),
            ("class_only", right and iou < 0.5),
            ("box_only", not right and iou >= 0.5),
            ("neither", not right and iou < 0.5),
        ):
            add(name, holds)
    return sums


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_every_metric_equals_its_definition(seed: int) -> None:
    predictions = random_predictions(seed)
    computed = metrics.summarise(predictions) | metrics.four_way(predictions)
    expected = by_hand(predictions)
    assert set(computed) == set(expected)
    for name, value in expected.items():
        assert computed[name] == pytest.approx(value, abs=1e-9), name


def test_metrics_do_not_depend_on_the_order_of_examples() -> None:
    predictions = random_predictions(3)
    order = np.random.default_rng(1).permutation(len(predictions.labels))
    names = ("probabilities", "boxes", "labels", "truth", "classification_loss", "bbox_loss")
    shuffled = metrics.Predictions(**{name: getattr(predictions, name)[order] for name in names}, canvas=CANVAS)
    expected = metrics.summarise(predictions)
    for name, value in metrics.summarise(shuffled).items():
        assert value == pytest.approx(expected[name], abs=1e-12)


def test_baseline_of_mnist_digits_is_the_published_one(digits: tuple[np.ndarray, np.ndarray]) -> None:
    """Constant mean box .72; a perfect centre with a constant size .82 (the best one, 16x20, on the MNIST test set)."""
    truth = normalise(ink_boxes(digits[0]), 28, 28)
    baselines = metrics.baselines(truth[:4000], truth[4000:])
    assert baselines["mean_iou"] == pytest.approx(0.72, abs=0.015)
    assert baselines["centered_mean_iou"] == pytest.approx(0.82, abs=0.025)


def test_baseline_and_skill_of_constant_targets() -> None:
    boxes = np.tile(np.array([6, 6, 22, 22], np.float32) / 28, (50, 1))
    baseline = metrics.baselines(boxes, boxes)["mean_iou"]
    assert baseline == pytest.approx(1, abs=1e-6)
    assert metrics.skill(0.99, baseline) is None
    assert metrics.skill(0.86, 0.72) == pytest.approx(0.5)
    assert metrics.skill(0.72, 0.72) == 0


def test_confusion_and_per_class_tables() -> None:
    predictions = random_predictions(7)
    matrix = metrics.confusion_matrix(predictions)
    for true in range(4):
        for said in range(4):
            count = sum((predictions.labels == true) & (predictions.classes == said))
            assert matrix[true, said] == count
    rows = rows_of(metrics.per_class(predictions))
    total = metrics.summarise(predictions)
    for name in ("accuracy", "mean_iou", "loc_acc_50", "center_error_px"):
        assert sum(row["count"] * row[name] for row in rows) / 60 == pytest.approx(total[name])
    assert [row["class"] for row in rows] == [0, 1, 2, 3]
    ious = [iou for iou, label in zip(predictions.iou.tolist(), predictions.labels, strict=True) if label == 2]
    assert rows[2]["iou_standard_error"] == pytest.approx(statistics.stdev(ious) / math.sqrt(len(ious)))
    (single,) = rows_of(metrics.per_class(random_predictions(7, count=1)))
    assert math.isnan(single["iou_standard_error"])


def test_macro_accuracy_is_the_mean_over_classes_that_occur() -> None:
    """As scikit-learn's balanced_accuracy_score has it: the diagonal of the confusion over its rows."""
    predictions = random_predictions(5, count=60, classes=9)
    rare = np.where(predictions.labels < 4, predictions.labels, 7)  # of 9 classes five occur
    predictions = dataclasses.replace(predictions, labels=rare)
    confusion = np.zeros((9, 9))
    np.add.at(confusion, (rare, predictions.probabilities.argmax(axis=1)), 1)
    with np.errstate(invalid="ignore"):
        recalls = np.diag(confusion) / confusion.sum(axis=1)
    assert np.isnan(recalls).sum() == 4
    assert metrics.macro_accuracy(predictions) == pytest.approx(np.nanmean(recalls))
    assert metrics.macro_accuracy(predictions) != pytest.approx(predictions.correct.mean(), abs=1e-3)


@pytest.mark.parametrize(
    ("counts", "unequal"), [((10, 10), False), ((15, 10), False), ((16, 10), True), ((9, 0, 9), False), ((5,), False)]
)
def test_classes_are_unequal_from_half_as_many_again(counts: tuple[int, ...], unequal: bool) -> None:
    assert metrics.are_unequal(np.repeat(np.arange(len(counts)), counts)) is unequal
