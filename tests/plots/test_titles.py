"""A page shows the title that it is given."""

from __future__ import annotations

import numpy as np

from locexp.evaluation import breakdown
from locexp.plots import boxes, groups
from tests.evaluation.cases import numbered, random_predictions


def test_groups_have_the_title_that_is_given() -> None:
    predictions = random_predictions(0)
    by = breakdown.by_class(predictions), breakdown.by_size(predictions), breakdown.by_position(predictions)
    assert groups.panels(*by, "abcd", 0.5, "IoU of mine", "px").get_suptitle() == "IoU of mine"


def test_worst_cases_have_the_title_that_is_given() -> None:
    predictions = random_predictions(0)
    width, height = predictions.canvas
    images = np.zeros((len(predictions.labels), height, width), np.uint8)
    cases = breakdown.worst_cases(predictions, boxes.WORST_COLUMNS)
    pages = [
        boxes.worst_cases(images, predictions, numbered(4), cases, title).tobytes() for title in ("first", "second")
    ]
    assert pages[0] != pages[1]
