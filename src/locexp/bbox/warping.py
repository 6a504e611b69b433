"""``bbox.augment``: training digits turned, slanted and stretched a little, anew in every epoch.

A warp is a linear map about the digit's centre: stretch each axis, slant, turn. Pixels are interpolated between four
(bilinear), once, in whole numbers: the same bits on every machine.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval, doc

from locexp.bbox.draws import WARP, Key, below, draws
from locexp.bbox.resampling import ONE, STEPS
from locexp.errors import UserError

Augment = Annotated[float, Interval(ge=0, le=1), doc("a number from 0 (none) to 1")]
TURN, SLANT, STRETCH = np.deg2rad(15), 0.15, 0.12
"""The most that ``bbox.augment=1`` does: radians, sideways pixels for a pixel up, and the share of width and height."""
SHIFT = 2.0
"""Pixels that ``bbox.augment=1`` moves digits which stay where they are on their images."""
LEVELS = 64
"""Steps from nothing to the most, on either side."""


@dataclass(frozen=True)
class Warp:
    """Linear maps in 1/4096, int64 (n,) each.

    Attributes:
        onto: from the digit to what is drawn: the first row, then the second.
        back: from what is drawn to the digit.
    """

    onto: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    back: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

    def extents(self, sizes: np.ndarray) -> np.ndarray:
        """Return width and height of what holds warped boxes of these sizes (int64 (n, 2)), in 1/4096 pixel."""
        a, b, c, d = (np.maximum(entry, -entry) for entry in self.onto)
        return np.stack([a * sizes[:, 0] + b * sizes[:, 1], c * sizes[:, 0] + d * sizes[:, 1]], axis=-1)


def check_fresh(strength: float, fresh: bool) -> None:
    """Check that what is warped is drawn anew in every epoch; raises :class:`UserError`."""
    if strength and not fresh:
        raise UserError(
            f"bbox.augment={strength}: warps training digits anew in every epoch, which bbox.fresh={fresh} forbids; "
            "expected bbox.fresh=true beside it."
        )


@functools.lru_cache(maxsize=4)
def _tables(strength: float) -> tuple[np.ndarray, ...]:
    """Return what a drawn level stands for, in 1/4096: cosine, sine, slant, stretch and its inverse; int64 (129,)."""
    part = np.arange(-LEVELS, LEVELS + 1) / LEVELS * strength
    stretched = np.exp(np.log1p(STRETCH) * part)  # as often narrower by a factor as wider
    values = (np.cos(TURN * part), np.sin(TURN * part), SLANT * part, stretched, 1 / stretched)
    return tuple(np.round(value * ONE).astype(np.int64) for value in values)


def warps(key: Key, strength: float) -> Warp:
    """Draw the warps of examples.

    Args:
        key: of the examples.
        strength: 0 to 1.
    """
    level = below(draws(key, WARP, 6), np.int64(2 * LEVELS + 1))
    cosine, sine, slant, stretch, inverse = _tables(strength)
    c, s, k = cosine[level[:, 0]], sine[level[:, 0]], slant[level[:, 1]]
    wide, high = (stretch[level[:, column]] for column in (2, 3))
    narrow, low = (inverse[level[:, column]] for column in (2, 3))

    def times(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return (first * second + ONE // 2) >> 12

    onto = (times(c, wide), times(times(c, k) - s, high), times(s, wide), times(times(s, k) + c, high))
    back = (times(c + times(k, s), narrow), times(s - times(k, c), narrow), times(-s, low), times(c, low))
    return Warp(onto, back)


def largest(width: int, height: int, strength: float) -> tuple[int, int]:
    """Return width and height of windows that hold every warped digit of this size, and a pixel around it."""
    stretch = (1 + STRETCH) ** strength
    sine, slant = float(np.sin(TURN * strength)), SLANT * strength
    # No sine or cosine of a smaller angle makes a digit larger than these together.
    wide = stretch * (width + (slant + sine) * height)
    high = stretch * (height * (1 + sine * slant) + sine * width)
    return int(np.ceil(wide)) + 3, int(np.ceil(high)) + 3


def shifts(key: Key, strength: float) -> np.ndarray:
    """Return how far examples move: int64 (n, 2), in 1/1024 pixel, uniform up to :data:`SHIFT` × strength."""
    most = np.int64(round(SHIFT * strength * STEPS))
    return below(draws(key, WARP, 6)[:, 4:], 2 * most + 1) - most


def partly_sharp(key: Key, warp: Warp, moves: np.ndarray) -> tuple[Warp, np.ndarray]:
    """Let every second example, drawn by lot, only move, by whole pixels, so that its pixels stay what they were.

    Interpolation gives digits a faint fringe. A network that is trained on fringes alone puts the boxes of digits as
    they are nearly a pixel too far out on each side.

    Args:
        key: of the examples.
        warp: of each.
        moves: int64 (n, 2), in 1/1024 pixel.

    Returns:
        Both, for those that stay sharp the identity and whole pixels.
    """
    drawn = draws(key, WARP, 6)[:, 0].astype(np.int64)
    soft = drawn - (drawn >> 1) * 2  # the lowest bit, which no level hangs on
    same = (1 - soft) * ONE

    def mixed(entries: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        a, b, c, d = (entry * soft for entry in entries)
        return a + same, b, c, d + same

    whole = ((moves + STEPS // 2) >> 10) * STEPS
    return Warp(mixed(warp.onto), mixed(warp.back)), whole + (moves - whole) * soft[:, None]


def warped(
    windows: np.ndarray, warp: Warp, centers: np.ndarray, drawn: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Draw warped digits.

    Args:
        windows: uint8 (n, height, width); black beyond.
        warp: of each.
        centers: int64 (n, 2): x and y of the digit's centre, in 1/1024 pixel.
        drawn: int64 (n, 2): where the centre is drawn.
        shape: width and height to draw.

    Returns:
        uint8 (n, height, width).
    """
    height, width = int(windows.shape[1]), int(windows.shape[2])
    a, b, c, d = (entry[:, None, None] for entry in warp.back)
    x = np.arange(shape[0])[None, None, :] * STEPS + STEPS // 2 - drawn[:, 0][:, None, None]
    y = np.arange(shape[1])[None, :, None] * STEPS + STEPS // 2 - drawn[:, 1][:, None, None]
    half = STEPS // 2
    sources = (
        ((a * x + b * y) >> 12) + centers[:, 0][:, None, None] - half,
        ((c * x + d * y) >> 12) + centers[:, 1][:, None, None] - half,
    )
    # The windows get a black border, where everything beyond them is read.
    pixels = np.pad(windows, ((0, 0), (1, 1), (1, 1))).reshape(-1, (height + 2) * (width + 2))
    (left, far), (top, beneath) = (
        (np.clip(whole, 0, side + 1), np.clip(whole + 1, 0, side + 1))
        for whole, side in zip(((source >> 10) + 1 for source in sources), (width, height), strict=True)
    )
    right, lower = ((source - (source >> 10) * STEPS).astype(np.int32) for source in sources)

    def read(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        places = (row * (width + 2) + column).reshape(-1, shape[0] * shape[1])
        return np.take_along_axis(pixels, places, axis=1).astype(np.int32).reshape(-1, shape[1], shape[0])

    upper = read(top, left) * (STEPS - right) + read(top, far) * right
    under = read(beneath, left) * (STEPS - right) + read(beneath, far) * right
    return ((upper * (STEPS - lower) + under * lower + 2**19) >> 20).astype(np.uint8)
