"""``bbox.noise``: noise over the finished scene, an option of every strategy; boxes ignore it."""

from __future__ import annotations

import functools
from statistics import NormalDist
from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval

from locexp.bbox.draws import NOISE, RandomKey, draws

Noise = Literal["gaussian", "salt"] | None
NoiseLevel = Annotated[float, Interval(ge=0, le=1)]
_VALUES = 2**16
"""A pixel is given 16 bits: a draw serves two."""
PIXELS_AT_ONCE = 2**17
"""Pixels that get noise at a time: what is in between stays in the CPU's cache."""


@functools.lru_cache(maxsize=4)
def gaussian_table(level: float) -> np.ndarray:
    """Return the quantiles of a normal distribution in grey levels: int16 (65536,), standard deviation 255 × level.

    Looked up with 16 uniform bits they are Gaussian noise, without a float that a CPU could round its own way.
    """
    inverse = NormalDist().inv_cdf
    half = [inverse((i + 0.5) / _VALUES) for i in range(_VALUES // 2, _VALUES)]
    above = np.floor(np.array(half) * 255 * level + 0.5).astype(np.int16)
    return np.concatenate([-above[::-1], above])


def add_noise(key: RandomKey, images: np.ndarray, kind: str | None, level: float) -> np.ndarray:
    """Return images with noise; that of a pixel is the same in all its channels, so that grey stays grey.

    Args:
        key: of the examples.
        images: uint8 (n, height, width) or (n, height, width, 3).
        kind: ``gaussian``: normal, cut to 0 … 255; ``salt``: white pixels; ``None``: no noise.
        level: the standard deviation as a share of white, or the share of white pixels.
    """
    if kind is None or level == 0:
        return images
    height, width = images.shape[1:3]
    pixels = height * width
    one = (1,) * (images.ndim - 3)  # an axis for the channels, where there is one
    noisy = np.empty_like(images)
    size = max(1, PIXELS_AT_ONCE // pixels)
    for part in (slice(first, first + size) for first in range(0, len(images), size)):
        drawn = draws((key[0][part], key[1][part]), NOISE, (pixels + 1) // 2)
        values = drawn.astype("<u4", copy=False).view("<u2")[:, :pixels].reshape(-1, height, width, *one)
        if kind == "salt":
            noisy[part] = np.where(values < np.int32(round(level * _VALUES)), np.uint8(255), images[part])
        else:
            noisy[part] = np.clip(images[part].astype(np.int16) + np.take(gaussian_table(level), values), 0, 255)
    return noisy
