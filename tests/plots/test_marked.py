"""An image with one box."""

from __future__ import annotations

import numpy as np
import pytest

from locexp.plots.marked import marked

RED = (0xD6, 0x27, 0x28)


def red(page: object) -> np.ndarray:
    found: np.ndarray = (np.asarray(page) == RED).all(axis=-1)
    return found


def test_the_box_is_drawn_where_it_is() -> None:
    page = marked(np.zeros((400, 600, 3), np.uint8), [100, 150, 300, 350], "a 0.50")
    assert page.size == (600, 400)
    below = red(page)[160:]  # without the text, which is above
    rows, columns = np.nonzero(below)
    assert (columns.min(), columns.max(), rows.max() + 160) == (100, 299, 349)
    assert red(page)[:150].any()


def test_small_images_are_enlarged_by_a_whole_number() -> None:
    page = marked(np.zeros((28, 20, 3), np.uint8), [5, 10, 15, 20], "7")
    assert page.size == (240, 336)
    rows, columns = np.nonzero(red(page)[130:])
    assert (columns.min(), columns.max(), rows.max() + 130) == (60, 179, 239)


@pytest.mark.parametrize("box", [[-50, -50, 900, 900], [30, 30, 10, 10], [700, 700, 800, 800], [5, 5, 5, 5]])
@pytest.mark.parametrize("size", [(400, 600), (1, 1), (3, 1000)])
def test_any_box_and_any_text_can_be_drawn(size: tuple[int, int], box: list[float]) -> None:
    page = marked(
        np.zeros((*size, 3), np.uint8), box, "a very long name of a class, longer than the image is wide " * 3
    )
    assert red(page).any()
