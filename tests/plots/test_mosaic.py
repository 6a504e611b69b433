"""Pages of small images with captions and boxes, pixel by pixel."""

from __future__ import annotations

import numpy as np

from locexp.plots.boxes import COLUMNS, gallery
from locexp.plots.mosaic import Mosaic
from tests.evaluation.cases import numbered, random_predictions


def test_boxes_are_drawn_on_the_edges_of_their_pixels() -> None:
    images = np.zeros((3, 14, 14), np.uint8)
    images[:, 3:7, 2:9] = 200
    mosaic = Mosaic(images, "three", rows=[("", 2), ("below", 1)])
    mosaic.outline(2, (2, 3, 9, 7), "#ff0000", width=1)
    page = np.asarray(mosaic.page).astype(int)
    red = np.argwhere((page == (255, 0, 0)).all(axis=2))
    bright = np.argwhere((page == 200).all(axis=2))
    # The third image is the first of the second row; its bright pixels are all that is left of 4 x 7 enlarged ones.
    last = bright[bright[:, 0] >= red[:, 0].min()]
    scale = 196 // 14
    assert (red.max(axis=0) - red.min(axis=0)).tolist() == [4 * scale, 7 * scale]
    assert np.abs(red.min(axis=0) - last.min(axis=0)).max() <= 1


def test_a_page_of_one_image_is_wide_enough_for_its_title() -> None:
    title = "The 1 most confident mistakes on the test images"
    mosaic = Mosaic(np.zeros((1, 28, 28), np.uint8), title, rows=[("", 1)])
    dark = np.argwhere(np.asarray(mosaic.page.convert("L"))[:30] < 128)
    assert dark[:, 1].min() > 0
    assert dark[:, 1].max() < mosaic.page.width - 1
    assert mosaic.page.width > 300


def test_a_page_without_any_image_still_says_so() -> None:
    mosaic = Mosaic(np.zeros((0, 28, 28), np.uint8), "empty", rows=[("none of 5", 0)])
    assert (np.asarray(mosaic.page.convert("L")) < 128).any()


def test_rows_hold_all_images_in_order() -> None:
    """Each image has a grey of its own; its place on the page is the middle of that."""
    predictions = random_predictions(0)
    greys = 100 + np.arange(COLUMNS + 1)
    images = np.tile(greys[:, None, None], (1, 20, 40)).astype(np.uint8)
    for count, rows in ((COLUMNS + 1, 2), (COLUMNS, 1), (2, 1)):
        page = np.asarray(gallery(images, predictions, numbered(4), np.arange(count), "").convert("L"))
        y, x = np.array([np.median(np.argwhere(page == grey), axis=0) for grey in greys[:count]]).T
        starts = np.flatnonzero(np.diff(x) < 0) + 1
        assert starts.tolist() == ([COLUMNS] if rows == 2 else [])
        assert all(np.ptp(row) < 20 for row in np.split(y, starts))
        assert rows == 1 or y[COLUMNS] > y[0] + 100
