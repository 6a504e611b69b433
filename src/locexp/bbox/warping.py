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

from locexp.bbox.draws import WARP, RandomKey, below, draws
from locexp.bbox.resampling import ONE, STEPS

Augment = Annotated[float, Interval(ge=0, le=1), doc("a number from 0 (none) to 1")]
TURN, SLANT, STRETCH = np.deg2rad(15), 0.15, 0.12
"""The most that ``bbox.augment=1`` does: radians, sideways pixels for a pixel up, and the share of width and height."""
SHIFT = 2.0
"""Pixels that ``bbox.augment=1`` moves digits which stay where they are on their images."""
LEVELS = 64
"""Steps from nothing to the most, on either side."""


@dataclass(frozen=True)
class Warp:
    """Linear maps of (x, y) in 1/4096: int64 (n, 2, 2) each.

    Attributes:
        onto: from the digit to what is drawn.
        back: from what is drawn to the digit.
    """

    onto: np.ndarray
    back: np.ndarray

    def extents(self, sizes: np.ndarray) -> np.ndarray:
        """Return width and height of what holds warped boxes of these sizes (int64 (n, 2)), in 1/4096 pixel."""
        return (np.abs(self.onto) * sizes[:, None, :]).sum(axis=2)


@functools.lru_cache(maxsize=4)
def _tables(strength: float) -> tuple[np.ndarray, ...]:
    """Return what a drawn level means, in 1/4096: cosine, sine, slant, stretch and its inverse; int64 (129,)."""
    part = np.arange(-LEVELS, LEVELS + 1) / LEVELS * strength
    stretched = np.exp(np.log1p(STRETCH) * part)  # as often narrower by a factor as wider
    values = (np.cos(TURN * part), np.sin(TURN * part), SLANT * part, stretched, 1 / stretched)
    return tuple(np.round(value * ONE).astype(np.int64) for value in values)


def warps(key: RandomKey, strength: float) -> Warp:
    """Draw the warps of examples.

    Args:
        key: of the examples.
        strength: 0 to 1.
    """
    level = below(draws(key, WARP, 6), 2 * LEVELS + 1)
    cosine, sine, slant, stretch, inverse = _tables(strength)
    c, s, k = cosine[level[:, 0]], sine[level[:, 0]], slant[level[:, 1]]
    wide, high = stretch[level[:, 2:4]].T
    narrow, low = inverse[level[:, 2:4]].T

    def times(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return (first * second + ONE // 2) >> 12

    onto = (times(c, wide), times(times(c, k) - s, high), times(s, wide), times(times(s, k) + c, high))
    back = (times(c + times(k, s), narrow), times(s - times(k, c), narrow), times(-s, low), times(c, low))
    return Warp(*(np.stack(entries, axis=1).reshape(-1, 2, 2) for entries in (onto, back)))


def shifts(key: RandomKey, strength: float) -> np.ndarray:
    """Return how far examples move: int64 (n, 2), in 1/1024 pixel, uniform up to :data:`SHIFT` × strength."""
    most = round(SHIFT * strength * STEPS)
    return below(draws(key, WARP, 6)[:, 4:], 2 * most + 1) - most


def partly_sharp(key: RandomKey, warp: Warp, moves: np.ndarray) -> tuple[Warp, np.ndarray]:
    """Only move every second example, chosen at random, by whole pixels, so that its pixels stay what they were.

    Interpolation gives digits a faint fringe. A network that is trained on fringes alone puts the boxes of digits as
    they are nearly a pixel too far out on each side.

    Args:
        key: of the examples.
        warp: of each.
        moves: int64 (n, 2), in 1/1024 pixel.

    Returns:
        Both; of those that stay sharp, the identity and whole pixels.
    """
    soft = (draws(key, WARP, 6)[:, :1] & 1).astype(bool)  # the lowest bit, on which no level depends
    same = ONE * np.eye(2, dtype=np.int64)
    mixed = Warp(*(np.where(soft[..., None], entries, same) for entries in (warp.onto, warp.back)))
    return mixed, np.where(soft, moves, ((moves + STEPS // 2) >> 10) * STEPS)


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
    half = STEPS // 2
    x, y = (np.arange(side) * STEPS + half - drawn[:, axis, None] for axis, side in enumerate(shape))
    left, top = (
        ((along[:, :1, None] * x[:, None, :] + along[:, 1:, None] * y[:, :, None]) >> 12)
        + (centers[:, axis, None, None] - half)
        for axis, along in enumerate(warp.back.transpose(1, 0, 2))
    )
    # Everything beyond the windows is read in a black border, two pixels wide: a place and the next.
    pixels = np.pad(windows, ((0, 0), (2, 2), (2, 2)))
    row = pixels.shape[2]
    column, line = (
        np.clip((place >> 10) + 2, 0, side + 2) for place, side in zip((left, top), windows.shape[:0:-1], strict=True)
    )
    first = (line * row + column).reshape(len(windows), -1)
    upper_left, upper_right, lower_left, lower_right = (
        np.take_along_axis(pixels.reshape(len(windows), -1), first + step, axis=1).reshape(left.shape).astype(np.int32)
        for step in (0, 1, row, row + 1)
    )
    right, lower = ((place & (STEPS - 1)).astype(np.int32) for place in (left, top))
    upper = upper_left * (STEPS - right) + upper_right * right
    under = lower_left * (STEPS - right) + lower_right * right
    return ((upper * (STEPS - lower) + under * lower + 2**19) >> 20).astype(np.uint8)
