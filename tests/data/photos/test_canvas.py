"""Boxes go with their photos to the canvas and back, and lie where what they mark is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from locexp.data.photos.canvas import default_size, fit
from tests.data.photos.folders import Folder, marked

SIDES = st.integers(1, 5000)
CANVASES = st.tuples(st.integers(8, 512), st.integers(8, 512))


@given(st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=5), CANVASES, st.sampled_from(["letterbox", "stretch"]))
def test_boxes_go_to_the_canvas_and_back(sizes: list[tuple[int, int]], canvas: tuple[int, int], resize: str) -> None:
    given_sizes = np.array(sizes)
    placement = fit(given_sizes, canvas, resize)
    whole = np.concatenate([np.zeros_like(given_sizes), given_sizes], axis=1).astype(float)
    for shares in ([0.0, 0.0, 1.0, 1.0], [0.123, 0.456, 0.789, 0.999]):
        boxes = whole * 0 + np.tile(given_sizes, 2) * np.array(shares)
        there = placement.to_canvas(boxes)
        assert np.abs(placement.to_original(there) - boxes).max() <= 0.01
        assert there.min() >= -1e-9
        assert (there <= np.tile(canvas, 2) + 1e-9).all()


@given(SIDES, SIDES, CANVASES)
def test_letterbox_keeps_the_shape_up_to_rounding(width: int, height: int, canvas: tuple[int, int]) -> None:
    placement = fit(np.array([[width, height]]), canvas, "letterbox")
    edges = placement.to_canvas(np.array([[0, 0, width, height]], float))[0]
    assert np.abs(edges - np.rint(edges)).max() < 1e-9  # whole pixels
    left, top, right, bottom = np.rint(edges)
    factor = min(canvas[0] / width, canvas[1] / height)
    assert abs((right - left) - max(width * factor, 1)) <= 0.5 + 1e-9
    assert abs((bottom - top) - max(height * factor, 1)) <= 0.5 + 1e-9
    assert 0 <= (canvas[0] - right) - left <= 1  # in the middle
    assert 0 <= (canvas[1] - bottom) - top <= 1
    assert right - left == canvas[0] or bottom - top == canvas[1]


@pytest.mark.parametrize(
    ("sizes", "canvas"),
    [
        ([(416, 416), (372, 372)], (96, 96)),
        ([(640, 480)], (112, 80)),
        ([(480, 640)], (80, 112)),
        ([(500, 450)], (96, 96)),  # near a square
        ([(1920, 1080)], (128, 72)),
        ([(4000, 500)], (136, 64)),  # no longer than 2:1
        ([(43, 43)] * 3 + [(225, 243)], (40, 40)),
        ([(28, 28)], (32, 32)),
    ],
)
def test_the_default_canvas(sizes: list[tuple[int, int]], canvas: tuple[int, int]) -> None:
    assert default_size(np.array(sizes)) == canvas


def edges(profile: np.ndarray) -> tuple[float, float]:
    """Where a bright run begins and ends, to a fraction of a pixel, by how much of each pixel is bright."""
    share = profile.astype(float) / 255
    middle = int(share.argmax())
    return middle - share[:middle].sum(), middle + share[middle:].sum()


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("size", [(1000, 700), (321, 640), (90, 60), (2011, 1999), (20, 31)])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_drawn_rectangle_is_where_its_box_says(
    folder: Folder, tmp_path: Path, size: tuple[int, int], suffix: str, resize: str
) -> None:
    """A white rectangle on black, measured on the canvas by its brightness: JPEGs are decoded at a smaller scale."""
    width, height = size
    box = (width // 5, height // 4, width * 2 // 3 + 1, height * 4 // 5 + 1)
    image = Image.new("L", size)
    image.paste(255, box)
    folder.add(f"a.{suffix}", marked(box=box), image=image)
    raw = folder.read(size=[96, 72], resize=resize)
    assert raw.train_images.shape == (1, 72, 96)
    given_box = raw.annotations["train"].boxes[0]
    x1, y1, x2, y2 = given_box
    row, column = int((y1 + y2) / 2), int((x1 + x2) / 2)
    picture = raw.train_images[0].astype(int)
    found = np.array([edges(picture[row]), edges(picture[:, column])]).T.reshape(-1)
    if resize == "letterbox":  # what lies outside the photo is not black
        placement = raw.annotations["train"].placement
        assert placement is not None
        left, top = placement.offset[0]
        wide, high = np.rint(placement.sizes[0] * placement.scale[0]).astype(int)
        inner = picture[top : top + high, left : left + wide]
        found = np.array([edges(inner[row - top]), edges(inner[:, column - left])]).T.reshape(-1)
        found += np.array([left, top, left, top])
    assert np.abs(found - given_box).max() < 0.12, (found, given_box)
