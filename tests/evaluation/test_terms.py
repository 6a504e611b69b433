"""Results in a user's terms, against arithmetic written out for each example."""

from __future__ import annotations

import math

import numpy as np
import pytest

from locexp.bbox.annotations import Placement
from locexp.evaluation.terms import UserTerms, printable
from tests.evaluation.cases import CANVAS, numbered, random_predictions


def test_boxes_and_distances_are_those_of_the_original_photos() -> None:
    """A photo of 80 x 20 is half as large on the canvas of 40 x 20, with 5 rows above it; one of 10 x 10 is doubled."""
    predictions = random_predictions(3, count=2)
    sizes, scale, offset = [(80, 20), (10, 10)], [(0.5, 0.5), (2.0, 2.0)], [(0, 5), (10, 0)]
    terms = UserTerms(("a", "b"), None, Placement(np.array(sizes), np.array(scale), np.array(offset)))
    found = terms.pixels(predictions.truth, CANVAS)
    pixels, share = terms.center_errors(predictions)
    for i in range(2):
        corners = [predictions.truth[i, side] * CANVAS[side % 2] for side in range(4)]
        expected = [(corners[side] - offset[i][side % 2]) / scale[i][side % 2] for side in range(4)]
        assert found[i] == pytest.approx(expected, abs=1e-5)
        dx, dy = (
            (
                predictions.boxes[i, axis]
                + predictions.boxes[i, axis + 2]
                - predictions.truth[i, axis]
                - predictions.truth[i, axis + 2]
            )
            / 2
            * CANVAS[axis]
            / scale[i][axis]
            for axis in (0, 1)
        )
        assert pixels[i] == pytest.approx(math.hypot(dx, dy), rel=1e-5)
        assert share[i] == pytest.approx(math.hypot(dx / sizes[i][0], dy / sizes[i][1]), rel=1e-5)


def test_without_photos_the_canvas_is_the_image() -> None:
    predictions = random_predictions(4)
    pixels, share = numbered(4).center_errors(predictions)
    np.testing.assert_allclose(pixels, predictions.center_error_px)
    shift = (predictions.boxes + np.roll(predictions.boxes, 2, axis=1))[:, :2].astype(float) / 2
    shift -= (predictions.truth + np.roll(predictions.truth, 2, axis=1))[:, :2].astype(float) / 2
    np.testing.assert_allclose(share, np.sqrt((shift**2).sum(axis=1)), atol=1e-6)


@pytest.mark.parametrize(
    ("names", "word"),
    [("0123456789", "digit"), (("1", "2", "10"), "class"), (("cat", "dog"), "class"), ("07", "digit")],
)
def test_classes_that_are_digits_are_called_so(names: tuple[str, ...], word: str) -> None:
    assert UserTerms(tuple(names)).class_word == word


def test_what_a_terminal_obeys_is_not_printed() -> None:
    assert printable("猫 naïve <b>") == "猫 naïve <b>"
    assert printable("a\x1b[31mb\n\udcff") == "a\ufffd[31mb\ufffd\ufffd"
