"""``bbox.augment``: training digits turned, slanted and stretched a little, anew in every epoch.

A warp is a linear map about the digit's centre: stretch each axis, slant, turn. Pixels are interpolated between four
(bilinear), once, in whole numbers: the same bits in NumPy and in the graph.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated, Any

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

    onto: tuple[Any, Any, Any, Any]
    back: tuple[Any, Any, Any, Any]

    def extents(self, xp: Any, sizes: Any) -> Any:
        """Return width and height of what holds warped boxes of these sizes (int64 (n, 2)), in 1/4096 pixel."""
        a, b, c, d = (xp.maximum(entry, -entry) for entry in self.onto)
        return xp.stack([a * sizes[:, 0] + b * sizes[:, 1], c * sizes[:, 0] + d * sizes[:, 1]])


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


def warps(xp: Any, key: Key, strength: float) -> Warp:
    """Draw the warps of examples.

    Args:
        xp: the namespace.
        key: of the examples.
        strength: 0 to 1.
    """
    level = below(xp, draws(xp, key, WARP, 6), np.int64(2 * LEVELS + 1))
    cosine, sine, slant, stretch, inverse = _tables(strength)
    c, s, k = xp.take(cosine, level[:, 0]), xp.take(sine, level[:, 0]), xp.take(slant, level[:, 1])
    wide, high = (xp.take(stretch, level[:, column]) for column in (2, 3))
    narrow, low = (xp.take(inverse, level[:, column]) for column in (2, 3))

    def times(first: Any, second: Any) -> Any:
        return xp.shift_right(first * second + ONE // 2, 12)

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


def shifts(xp: Any, key: Key, strength: float) -> Any:
    """Return how far examples move: int64 (n, 2), in 1/1024 pixel, uniform up to :data:`SHIFT` × strength."""
    most = np.int64(round(SHIFT * strength * STEPS))
    return below(xp, draws(xp, key, WARP, 6)[:, 4:], 2 * most + 1) - most


def partly_sharp(xp: Any, key: Key, warp: Warp, moves: Any) -> tuple[Warp, Any]:
    """Let every second example, drawn by lot, only move, by whole pixels, so that its pixels stay what they were.

    Interpolation gives digits a faint fringe. A network that is trained on fringes alone puts the boxes of digits as
    they are nearly a pixel too far out on each side.

    Args:
        xp: the namespace.
        key: of the examples.
        warp: of each.
        moves: int64 (n, 2), in 1/1024 pixel.

    Returns:
        Both, for those that stay sharp the identity and whole pixels.
    """
    drawn = xp.cast(draws(xp, key, WARP, 6)[:, 0], "int64")
    soft = drawn - xp.shift_right(drawn, 1) * 2  # the lowest bit, which no level hangs on
    same = (1 - soft) * ONE

    def mixed(entries: tuple[Any, ...]) -> tuple[Any, Any, Any, Any]:
        a, b, c, d = (entry * soft for entry in entries)
        return a + same, b, c, d + same

    whole = xp.shift_right(moves + STEPS // 2, 10) * STEPS
    return Warp(mixed(warp.onto), mixed(warp.back)), whole + (moves - whole) * soft[:, None]


def warped(xp: Any, windows: Any, warp: Warp, centers: Any, drawn: Any, shape: tuple[int, int]) -> Any:
    """Draw warped digits.

    Args:
        xp: the namespace.
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
        xp.shift_right(a * x + b * y, 12) + centers[:, 0][:, None, None] - half,
        xp.shift_right(c * x + d * y, 12) + centers[:, 1][:, None, None] - half,
    )
    # The windows get a black border, where everything beyond them is read.
    pixels = xp.reshape(xp.pad(windows), (-1, (height + 2) * (width + 2)))
    (left, far), (top, beneath) = (
        (xp.clip(whole, np.int64(0), np.int64(side + 1)), xp.clip(whole + 1, np.int64(0), np.int64(side + 1)))
        for whole, side in zip((xp.shift_right(source, 10) + 1 for source in sources), (width, height), strict=True)
    )
    right, lower = (xp.cast(source - xp.shift_right(source, 10) * STEPS, "int32") for source in sources)

    def read(row: Any, column: Any) -> Any:
        places = xp.reshape(row * (width + 2) + column, (-1, shape[0] * shape[1]))
        return xp.reshape(xp.cast(xp.pick(pixels, places), "int32"), (-1, shape[1], shape[0]))

    upper = read(top, left) * (STEPS - right) + read(top, far) * right
    under = read(beneath, left) * (STEPS - right) + read(beneath, far) * right
    return xp.cast(xp.shift_right(upper * (STEPS - lower) + under * lower + 2**19, 20), "uint8")
