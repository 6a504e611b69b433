"""Box strategies."""

from __future__ import annotations

import numpy as np
import pytest

from locexp.bbox.fixed import Fixed
from locexp.bbox.tight import Tight
from locexp.errors import UserError


def one_pixel(x: int, y: int, value: int = 255, height: int = 6, width: int = 8) -> np.ndarray:
    images = np.zeros((1, height, width), np.uint8)
    images[0, y, x] = value
    return images


def test_tight_is_half_open_and_normalised_by_width_and_height() -> None:
    scenes = Tight().compose(one_pixel(3, 2), split="train", scene_seed=0)
    np.testing.assert_allclose(scenes.boxes, [[3 / 8, 2 / 6, 4 / 8, 3 / 6]], rtol=1e-7)


def test_margin_is_cut_at_the_border() -> None:
    scenes = Tight(margin=2).compose(one_pixel(7, 0), split="train", scene_seed=0)
    np.testing.assert_allclose(scenes.boxes, [[5 / 8, 0, 1, 3 / 6]], rtol=1e-7)


def test_threshold_is_exclusive_and_blank_images_are_named() -> None:
    Tight(threshold=99).compose(one_pixel(1, 1, 100), split="train", scene_seed=0)
    with pytest.raises(UserError, match=r"bbox.threshold=100: 1 of 1 train images"):
        Tight(threshold=100).compose(one_pixel(1, 1, 100), split="train", scene_seed=0)


def test_fixed_gives_every_image_the_classic_box() -> None:
    scenes = Fixed().compose(np.zeros((3, 28, 28), np.uint8), split="train", scene_seed=0)
    np.testing.assert_allclose(scenes.boxes, np.tile(np.array([6, 6, 22, 22]) / 28, (3, 1)), rtol=1e-7)


@pytest.mark.parametrize("box", [(6, 6, 6, 22), (9, 2, 3, 4), (-1, 0, 3, 4), (0, 0, 1)])
def test_fixed_refuses_what_is_no_box(box: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"bbox\.box="):
        Fixed(box)


def test_fixed_refuses_a_box_outside_the_canvas() -> None:
    with pytest.raises(UserError, match="leaves the canvas of 8x6"):
        Fixed((0, 0, 8, 7)).compose(one_pixel(0, 0), split="train", scene_seed=0)
