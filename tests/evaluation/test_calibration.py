"""Calibration errors against loops over bins, closed forms, cases made by hand, and numbers of the package netcal."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locexp.evaluation import calibration
from locexp.evaluation.calibration import (
    Cells,
    brier_score,
    calibration_error,
    calibration_errors,
    equal_mass,
    equal_width,
    mean_deviation,
    reliability,
    reliability_columns,
    wilson_interval,
)
from locexp.evaluation.metrics import Predictions
from tests.bbox.test_geometry import iou_by_hand
from tests.evaluation.cases import random_predictions, rows_of


def by_hand(
    confidence: np.ndarray, happened: np.ndarray, bins: int, features: np.ndarray | None = None, least: int = 1
) -> tuple[float, float] | None:
    """The calibration error and its coverage, in a loop over all cells and all examples."""
    rows = [[float(p)] for p in confidence]
    if features is not None:
        rows = [[*row, *(float(value) for value in extra)] for row, extra in zip(rows, features, strict=True)]

    def lies_in(value: float, place: int) -> bool:
        low, high = place / bins, (place + 1) / bins
        return (low <= value or place == 0) and (value < high or place == bins - 1)

    total, counted = 0.0, 0
    for cell in itertools.product(range(bins), repeat=len(rows[0])):
        inside = [i for i, row in enumerate(rows) if all(lies_in(value, k) for value, k in zip(row, cell, strict=True))]
        if len(inside) >= least:
            mean = sum(rows[i][0] for i in inside) / len(inside)
            share = sum(bool(happened[i]) for i in inside) / len(inside)
            total += len(inside) * abs(share - mean)
            counted += len(inside)
    return (total / counted, counted / len(rows)) if counted else None


def constant(confidence: float, right: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(count, confidence), np.arange(count) < right


def error_of(cells: Cells, least: int = 1) -> calibration.CalibrationError:
    found = calibration_error(cells, least)
    assert found is not None
    return found


@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(0, 2), st.sampled_from([1, 3, 8]))
@settings(max_examples=60, deadline=None)
def test_the_error_equals_its_definition(seed: int, bins: int, dimensions: int, least: int) -> None:
    rng = np.random.default_rng(seed)
    bins = bins if dimensions == 0 else min(bins, 5)
    confidence = rng.uniform(0, 1, 70) ** rng.choice([0.2, 1, 3])
    happened = rng.uniform(size=70) < confidence
    features = rng.uniform(-0.2, 1.2, (70, dimensions)) if dimensions else None
    expected = by_hand(confidence, happened, bins, features, least)
    found = calibration_error(equal_width(confidence, happened, bins, features), least)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found.value, found.coverage) == pytest.approx(expected, abs=1e-12)


def test_the_errors_of_a_network_equal_their_definitions() -> None:
    """From predictions to each error, with events and features written out one example at a time."""
    predictions = random_predictions(5, count=300, classes=3)
    confidence = np.array([max(map(float, row)) for row in predictions.probabilities])
    right, features = [], []
    for i in range(300):
        row, box = list(predictions.probabilities[i]), [float(value) for value in predictions.boxes[i]]
        iou = iou_by_hand(tuple(box), tuple(float(value) for value in predictions.truth[i]))
        right.append((row.index(max(row)) == predictions.labels[i], iou))
        features.append([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]])
    at = {t: np.array([named and iou >= t / 100 for named, iou in right]) for t in (0, 50, 75)}
    beside = np.array(features)
    expected = {
        "ece": by_hand(confidence, at[0], 15),
        "d_ece_50": by_hand(confidence, at[50], 20, least=8),
        "d_ece_75": by_hand(confidence, at[75], 20, least=8),
        "d_ece_50_position": by_hand(confidence, at[50], 8, beside[:, :2], 8),
        "d_ece_50_size": by_hand(confidence, at[50], 8, beside[:, 2:], 8),
        "d_ece_50_box": by_hand(confidence, at[50], 5, beside, 8),
    }
    found = calibration_errors(predictions)
    assert expected["d_ece_50"] is not None
    assert any(value is None or value[1] < 1 for value in expected.values())  # something is left out
    assert set(found) == {"adaptive_ece"} | {name for name, value in expected.items() if value is not None}
    for name, value in expected.items():
        if value is not None:
            assert (found[name].value, found[name].coverage) == pytest.approx(value, abs=1e-9), name


def test_a_calibrated_network_has_the_error_of_chance_and_it_vanishes() -> None:
    rng = np.random.default_rng(0)
    for count, most in ((500, 0.1), (50_000, 0.01)):
        found, expected = [], []
        for _ in range(40):
            confidence = rng.uniform(0, 1, count)
            error = error_of(equal_width(confidence, rng.uniform(size=count) < confidence, 15))
            found.append(error.value)
            expected.append(error.if_calibrated)
        assert np.mean(found) == pytest.approx(np.mean(expected), rel=0.1)
        assert max(found) < most


def test_perfectly_calibrated_by_construction_is_zero() -> None:
    """Ten examples at each of .1, .2 … .9, of which 1, 2 … 9 are right."""
    confidence = np.repeat(np.arange(1, 10) / 10, 10)
    happened = np.concatenate([np.arange(10) < right for right in range(1, 10)])
    for cells in (equal_width(confidence, happened, 20), equal_mass(confidence, happened, 9)):
        assert error_of(cells).value == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(("confidence", "right", "count"), [(0.9, 7, 10), (1.0, 3, 4), (0.0, 1, 5), (1.0, 1, 1)])
def test_constant_confidence_has_one_bin_and_its_gap(confidence: float, right: int, count: int) -> None:
    for cells in (
        equal_width(*constant(confidence, right, count), 15),
        equal_mass(*constant(confidence, right, count), 15),
    ):
        assert cells.count.tolist() == [count]
        error = error_of(cells)
        assert error.value == pytest.approx(abs(confidence - right / count))
        assert error.coverage == 1


def test_borders_belong_to_the_upper_bin_and_one_to_the_last() -> None:
    cells = equal_width(np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.0]), np.ones(6, bool), 4)
    assert cells.count.tolist() == [1, 1, 1, 3]
    assert cells.low[:, 0].tolist() == [0, 0.25, 0.5, 0.75]
    assert cells.high[:, 0].tolist() == [0.25, 0.5, 0.75, 1]


def test_empty_bins_are_left_out() -> None:
    cells = equal_width(np.array([0.05, 0.95]), np.array([False, True]), 10)
    assert cells.low[:, 0].tolist() == [0, 0.9]
    assert error_of(cells).value == pytest.approx(0.05)
    assert calibration_error(cells, 2) is None


def test_thin_cells_do_not_count_and_do_not_dilute() -> None:
    """Eight at .9, none right; seven at .1, all right: only the eight count, with all of their gap."""
    confidence = np.repeat([0.9, 0.1], [8, 7])
    error = error_of(equal_width(confidence, confidence < 0.5, 20), 8)
    assert error.value == pytest.approx(0.9)
    assert error.coverage == pytest.approx(8 / 15)


def test_detection_error_sees_what_the_confidence_alone_hides() -> None:
    """Left boxes are always right, right ones never, at a confidence of .5 throughout."""
    confidence, left = np.full(40, 0.5), np.arange(40) < 20
    features = np.where(left, 0.2, 0.8)[:, None]
    assert error_of(equal_width(confidence, left, 10)).value == 0
    assert error_of(equal_width(confidence, left, 10, features)).value == pytest.approx(0.5)


def test_equal_mass_holds_equal_counts_whatever_the_order() -> None:
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.2, 1, 150)
    happened = rng.uniform(size=150) < 0.5
    cells = equal_mass(confidence, happened, 15)
    assert cells.count.tolist() == [10] * 15
    ordered = np.argsort(confidence)
    gaps = [abs(confidence[part].mean() - happened[part].mean()) for part in np.split(ordered, 15)]
    assert error_of(cells).value == pytest.approx(np.mean(gaps))
    many_equal = np.where(confidence > 0.6, 1.0, confidence)  # a saturated softmax
    order = rng.permutation(150)
    first = error_of(equal_mass(many_equal, happened, 15))
    second = error_of(equal_mass(many_equal[order], happened[order], 15))
    assert first.value == pytest.approx(second.value, abs=1e-15)


@pytest.mark.parametrize("count", [1, 2, 7, 40])
@pytest.mark.parametrize("probability", [0.0, 1e-9, 0.1, 0.5, 0.75, 0.993, 1.0])
def test_deviation_by_chance_is_the_sum_over_the_binomial(count: int, probability: float) -> None:
    p = Fraction(probability)
    expected = sum(
        math.comb(count, k) * p**k * (1 - p) ** (count - k) * abs(Fraction(k, count) - p) for k in range(count + 1)
    )
    assert mean_deviation(count, probability) == pytest.approx(float(expected), rel=1e-9, abs=1e-15)


def test_deviation_by_chance_of_many_examples_is_the_normal_one() -> None:
    assert mean_deviation(1_000_000, 0.3) == pytest.approx(math.sqrt(2 / math.pi * 0.21 / 1e6), rel=1e-4)


def test_wilson_interval_is_where_the_score_test_gives_in() -> None:
    count, share = np.array([1, 10, 10, 400]), np.array([1.0, 0.0, 0.3, 0.99])
    for ends in wilson_interval(count, share):
        inner = (ends > 0) & (ends < 1)
        z = (share - ends)[inner] / np.sqrt((ends * (1 - ends) / count)[inner])
        np.testing.assert_allclose(np.abs(z), 1.959963984540054)
    low, high = wilson_interval(count, share)
    assert np.all((low >= 0) & (low <= share) & (share <= high) & (high <= 1))


def test_brier_score_by_hand() -> None:
    assert brier_score(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 0])) == 1  # the mean of 0 and 2
    predictions = random_predictions(4)
    expected = np.mean(
        [
            sum((float(p) - (k == label)) ** 2 for k, p in enumerate(row))
            for row, label in zip(predictions.probabilities, predictions.labels, strict=True)
        ]
    )
    assert brier_score(predictions.probabilities, predictions.labels) == pytest.approx(expected)


FOUND_BY_NETCAL = (
    (15, 0, 1, 0.08245847615103846),
    (20, 0, 8, 0.08516733038244602),
    (8, 2, 1, 0.21250068896348184),
    (3, 2, 8, 0.13495027659304804),
    (8, 2, 8, 0.0),
    (4, 4, 2, 0.18613448787147835),
)
"""What netcal 1.3.6, the package of Küppers et al., says of the numbers below, by bins, features and least count."""


@pytest.mark.parametrize(("bins", "dimensions", "least", "expected"), FOUND_BY_NETCAL)
def test_the_errors_are_those_of_the_authors_package(bins: int, dimensions: int, least: int, expected: float) -> None:
    """Up to its denominator: netcal divides by all examples, so that cells left out count as calibrated."""
    places = np.arange(1, 601)
    confidence = 1 - (places * 0.6180339887498949 % 1) ** 3
    happened = places * 0.4142135623730951 % 1 < 0.9 * confidence
    steps = (0.7320508075688772, 0.23606797749978969, 0.6457513110645906, 0.3166247903553998)
    features = np.stack([places * step % 1 for step in steps], axis=1) * (1, 1, 0.5, 0.5)
    beside = features[:, :dimensions] if dimensions else None
    found = calibration_error(equal_width(confidence, happened, bins, beside), least)
    assert (found.value * found.coverage if found else 0.0) == pytest.approx(expected, abs=1e-12)


def one_image(confidence: float) -> Predictions:
    return Predictions(
        probabilities=np.array([[confidence, 1 - confidence]], np.float32),
        boxes=np.array([[0.1, 0.1, 0.6, 0.6]], np.float32),
        labels=np.array([0]),
        truth=np.array([[0.1, 0.1, 0.6, 0.6]], np.float32),
        classification_loss=np.zeros(1),
        bbox_loss=np.zeros(1),
        canvas=(28, 28),
    )


@pytest.mark.parametrize("confidence", [1.0, 0.7])
def test_one_test_image_gives_numbers_only(confidence: float) -> None:
    values = calibration.summarise(one_image(confidence))
    assert all(math.isfinite(value) for value in values.values())
    assert values["ece"] == pytest.approx(1 - confidence)
    assert values["brier"] == pytest.approx(2 * (1 - confidence) ** 2)
    assert not any(name.startswith("d_ece") for name in values)  # one example is fewer than eight
    (row,) = (row for row in rows_of(reliability_columns(one_image(confidence))) if row["event"] == "accuracy")
    assert all(math.isfinite(float(value)) for name, value in row.items() if name != "event")


def test_rows_say_what_the_diagrams_show() -> None:
    predictions = random_predictions(8, count=200)
    rows = rows_of(reliability_columns(predictions))
    diagrams = reliability(predictions)
    assert [row["event"] for row in rows] == [name for name, cells in diagrams.items() for _ in cells.count]
    for name in ("accuracy", "loc_acc_50", "loc_acc_75"):
        mine = [row for row in rows if row["event"] == name]
        assert sum(row["count"] for row in mine) == 200
        gaps = [row["count"] * abs(row["share"] - row["mean_confidence"]) for row in mine]
        if name == "accuracy":
            assert sum(gaps) / 200 == pytest.approx(calibration_errors(predictions)["ece"].value)
        for row in mine:
            assert row["confidence_from"] <= row["mean_confidence"] <= row["confidence_to"]
            assert row["share_low"] <= row["share"] <= row["share_high"]


def test_confidences_that_are_no_probabilities_are_not_measured() -> None:
    predictions = random_predictions(1)
    assert calibration.summarise(replace(predictions, probabilities=predictions.probabilities * 7 - 2)) == {}
    broken = predictions.probabilities.copy()
    broken[3] = np.nan
    assert calibration.summarise(replace(predictions, probabilities=broken)) == {}
    rounded = replace(predictions, probabilities=np.array([[1 + 1e-6, 0, 0, 0]] * 60, np.float32))
    assert calibration.summarise(rounded)["ece"] == pytest.approx(1 - np.mean(predictions.labels == 0))


def test_bad_input_is_refused() -> None:
    good, happened = np.array([0.2, 0.8]), np.array([True, False])
    for make in (equal_width, equal_mass):
        with pytest.raises(ValueError, match="at least one bin, got 0"):
            make(good, happened, 0)
        with pytest.raises(ValueError, match="n > 0"):
            make(good[:0], happened[:0], 5)
        with pytest.raises(ValueError, match="equal shapes"):
            make(good, happened[:1], 5)
        with pytest.raises(ValueError, match=r"confidences in \[0, 1\]"):
            make(good * 3, happened, 5)
        with pytest.raises(ValueError, match=r"confidences in \[0, 1\]"):
            make(np.array([np.nan, 0.5]), happened, 5)
    with pytest.raises(ValueError, match="features of 2 examples, got 1"):
        equal_width(good, happened, 5, np.zeros((1, 2)))
