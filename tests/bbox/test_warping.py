"""``bbox.augment``: training digits are warped, boxes are those of what comes out, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from locexp.bbox.clutter import Clutter
from locexp.bbox.digits import cut_out, warped_digits
from locexp.bbox.draws import example_key
from locexp.bbox.generated import Generated
from locexp.bbox.geometry import ink_boxes, to_pixels
from locexp.bbox.resampling import ONE, STEPS
from locexp.bbox.scatter import Scatter
from locexp.bbox.tight import Tight
from locexp.bbox.warping import SHIFT, SLANT, STRETCH, TURN, shifts, warped, warps

STRATEGIES: dict[str, Generated] = {
    "tight": Tight(augment=1, fresh=True),
    "scatter": Scatter(augment=1, fresh=True),
    "clutter": Clutter(augment=0.5, fresh=True),
}


def _key(count: int) -> tuple[np.ndarray, np.ndarray]:
    key: tuple[np.ndarray, np.ndarray] = example_key(0, "train", np.arange(count), 0)
    return key


def test_pixels_are_those_of_bilinear_interpolation() -> None:
    """Against scipy in double precision, on smooth images: steep ones would show the rounding of places."""
    y, x = np.mgrid[:20, :16]
    images = np.stack([100 + 60 * np.sin(x / 4 + n) * np.cos(y / 5 - n) for n in range(40)]).astype(np.uint8)
    warp = warps(_key(40), 1.0)
    centers = np.tile([8 * STEPS, 10 * STEPS], (40, 1))
    drawn = np.random.default_rng(0).integers(9 * STEPS, 15 * STEPS, (40, 2))
    made = warped(images, warp, centers, drawn, (24, 26))
    assert made.shape == (40, 26, 24)
    a, b, c, d = warp.back.reshape(-1, 4).T / ONE
    for n, image in enumerate(images):
        matrix = np.array([[d[n], c[n]], [b[n], a[n]]])  # scipy counts rows first
        target, source = drawn[n, ::-1] / STEPS - 0.5, centers[n, ::-1] / STEPS - 0.5
        padded = np.pad(image.astype(float), 1)  # black beyond
        offset = source + 1 - matrix @ target
        expected = affine_transform(padded, matrix, offset, (26, 24), order=1, mode="constant", cval=0)
        edge = affine_transform(np.pad(np.ones_like(image, float), 1), matrix, offset, (26, 24), order=1) < 1
        difference = np.abs(made[n] - expected)
        assert difference[~edge].max() < 0.75  # half a grey level of rounding, and 1/1024 pixel
        assert difference.max() < 3


def test_warps_turn_slant_and_stretch_by_as_much_as_they_say() -> None:
    """The map of many draws, taken apart again: QR without its library."""
    warp = warps(_key(20_000), 1.0)
    a, b, c, d = warp.onto.reshape(-1, 4).T / ONE
    turn, wide = np.arctan2(c, a), np.hypot(a, c)
    high = (a * d - b * c) / wide
    slant = (a * b + c * d) / wide / high
    for values, most in (
        (turn, TURN),
        (slant, SLANT),
        (np.log(wide), np.log1p(STRETCH)),
        (np.log(high), np.log1p(STRETCH)),
    ):
        assert abs(values).max() == pytest.approx(most, rel=0.01)
        assert values.mean() == pytest.approx(0, abs=0.02 * most)
        assert values.std() == pytest.approx(most / np.sqrt(3), rel=0.03)  # uniform
    np.testing.assert_allclose(warp.onto / ONE @ (warp.back / ONE), np.tile(np.eye(2), (20_000, 1, 1)), atol=2e-3)
    moved = shifts(_key(20_000), 0.5) / STEPS
    assert abs(moved).max() == pytest.approx(SHIFT / 2, rel=0.01)


def test_no_strength_is_no_warp(strokes: np.ndarray) -> None:
    warp = warps(_key(64), 0.0)
    centers = np.tile([14 * STEPS, 14 * STEPS], (64, 1))
    np.testing.assert_array_equal(warped(strokes, warp, centers, centers, (28, 28)), strokes)


@pytest.mark.parametrize("name", STRATEGIES)
def test_only_what_is_trained_on_is_warped(name: str, strokes: np.ndarray) -> None:
    made = STRATEGIES[name]
    plain = type(made)()
    for split in ("validation", "test"):
        scenes, expected = (which.compose(strokes, split=split, scene_seed=0) for which in (made, plain))
        np.testing.assert_array_equal(scenes.images, expected.images)
        np.testing.assert_array_equal(scenes.boxes, expected.boxes)
    trained, expected = (which.compose(strokes, split="train", scene_seed=0) for which in (made, plain))
    assert (trained.images != expected.images).any(axis=(1, 2)).mean() > 0.9


@pytest.mark.parametrize(("name", "side"), [("tight", 28), ("scatter", 64)])
def test_boxes_are_those_of_what_is_drawn(name: str, side: int, strokes: np.ndarray) -> None:
    for epoch in range(3):
        scenes = STRATEGIES[name].compose(strokes, split="train", scene_seed=0, epoch=epoch)
        boxes = to_pixels(scenes.boxes, side, side)
        np.testing.assert_allclose(boxes, ink_boxes(scenes.images), atol=1e-4)


def test_margin_grows_the_box_of_what_is_drawn(strokes: np.ndarray) -> None:
    plain, grown = (
        to_pixels(
            Tight(margin=margin, augment=1, fresh=True).compose(strokes, split="train", scene_seed=0).boxes, 28, 28
        )
        for margin in (0, 2)
    )
    np.testing.assert_allclose(grown, np.clip(plain + np.array([-2, -2, 2, 2]), 0, 28), atol=1e-4)


def test_digits_stay_on_their_images(strokes: np.ndarray) -> None:
    """Some touch the border as they come; none loses ink by it but to interpolation and stretching."""
    before = strokes.sum(axis=(1, 2), dtype=float)
    for epoch in range(4):
        made = Tight(augment=1, fresh=True).compose(strokes, split="train", scene_seed=0, epoch=epoch)
        share = made.images.sum(axis=(1, 2), dtype=float) / before
        assert share.min() > (1 - 0.02) / (1 + STRETCH) ** 2 - 0.15  # at the border half a pixel of soft edge is cut
        assert share.max() < (1 + STRETCH) ** 2 + 0.02


@pytest.mark.parametrize("strength", [0.1, 0.5, 1.0])
def test_warped_digits_fit_their_windows(strength: float) -> None:
    """The largest window that there is, full of ink: its corners reach furthest."""
    digits = cut_out(np.full((3000, 20, 14), 255, np.uint8), "train")
    made = warped_digits(digits, warps(_key(3000), strength), strength)
    boxes = ink_boxes(made.windows)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= made.sizes).all()
    assert (made.sizes <= np.array(made.windows.shape[:0:-1])).all()
    assert (made.sizes - (boxes[:, 2:] - boxes[:, :2]) <= 4).all()  # and not much larger than they are
    columns, rows = made.anchors.T
    assert (made.windows[np.arange(3000), rows, columns] == made.windows.max(axis=(1, 2))).all()


def test_every_second_tight_digit_only_moves(strokes: np.ndarray) -> None:
    """By whole pixels: its values and the size of its box are those of the image as it came."""
    kept = total = 0
    for epoch in range(4):
        made = Tight(augment=1, fresh=True).compose(strokes, split="train", scene_seed=0, epoch=epoch).images
        for image, drawn in zip(strokes, made, strict=True):
            (x1, y1, x2, y2), (left, top, right, bottom) = (ink_boxes(one[None])[0] for one in (image, drawn))
            same = (x2 - x1, y2 - y1) == (right - left, bottom - top)
            kept += same and np.array_equal(image[y1:y2, x1:x2], drawn[top:bottom, left:right])
            total += 1
    assert kept / total == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / total))
