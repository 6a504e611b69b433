"""Images laid over one another: small thumbnails, and the scale, shift, brightness and contrast between two of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from locexp.images import with_channels

SMOOTHING = 1 / 48
"""Standard deviation of the smoothing of thumbnails, in sides, at least a pixel: what is finer, copying changes."""
MARGIN = 0.1
"""Share of a side that is left out at each edge: cropped images have it in common with whole ones."""
SCALES, SHIFT = (0.84, 1.19), 0.1
"""How much of a side a registration may scale and shift: a crop of 5 % at each edge scales by 0.9 or 1.11."""
STEP = 0.06
DARK, BRIGHT = 10, 220
"""Grey levels beyond which a pixel may be clipped, so that brightness does not change it as it does others."""
MIN_UNCLIPPED = 0.05
BLOCKS = 6
"""In each of as many by as many blocks of two images the difference is measured: an object may be small."""
LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R BT.601), as in files and in Pillow."""
GREY = 4.0
"""If colours spread less than this, in levels, an image is grey."""


def thumbnails(images: np.ndarray, areas: np.ndarray, size: int) -> np.ndarray:
    """Return small smoothed copies of images.

    Args:
        images: uint8 (n, height, width) or (n, height, width, 3).
        areas: float (n, 4), what of each to show, xyxy in pixels.
        size: of the copies; areas of any shape become squares.

    Returns:
        float32 (n, channels, size, size), grey levels.
    """
    images = with_channels(images)
    height, width, channels = images.shape[1:]
    made = np.empty((len(images), channels, size, size), np.float32)
    kinds, which = np.unique(areas, axis=0, return_inverse=True)
    for kind, (x1, y1, x2, y2) in enumerate(kinds):
        rows, columns = _shrinking(y1, y2, height, size), _shrinking(x1, x2, width, size)
        some = np.flatnonzero(which == kind)
        made[some] = rows @ np.moveaxis(images[some], 3, 1).astype(np.float32) @ columns.T
    return made


def _shrinking(start: float, end: float, count: int, size: int) -> np.ndarray:
    """Return the matrix (size, count) that averages pixels over equal parts of [start, end), and smooths."""
    edges, pixels, places = np.linspace(start, end, size + 1), np.arange(count), np.arange(size)
    overlap = np.minimum(edges[1:, np.newaxis], pixels + 1) - np.maximum(edges[:-1, np.newaxis], pixels)
    average = np.clip(overlap, 0, None) * (size / (end - start))
    smooth = np.exp(-0.5 * ((places[:, np.newaxis] - places) / max(1, SMOOTHING * size)) ** 2)
    matrix: np.ndarray = smooth / smooth.sum(axis=1, keepdims=True) @ average
    return matrix.astype(np.float32)


def reduced(images: np.ndarray, size: int) -> np.ndarray:
    """Return square images (..., s, s) averaged to (..., size, size)."""
    count = images.shape[-1]
    edges, pixels = np.linspace(0, count, size + 1), np.arange(count)
    overlap = np.minimum(edges[1:, np.newaxis], pixels + 1) - np.maximum(edges[:-1, np.newaxis], pixels)
    average = (np.clip(overlap, 0, None) * (size / count)).astype(np.float32)
    made: np.ndarray = average @ images @ average.T
    return made


@dataclass(frozen=True)
class Overlay:
    """Images of p pairs, the second laid over the first.

    Attributes:
        warp: float32 (p, 4): scale and shift across, scale and shift down. The point x of the first image, from the
            middle, in sides, is ``scale * x + shift`` of the second.
        gain, offset: (p,): the first image is ``gain * second + offset``.
        difference: (p,), root mean square in the block where it is largest, as a share of the contrast.
        contrast: (p,), standard deviation of the flatter of the two over pixels, in levels of the first.
    """

    warp: np.ndarray
    gain: np.ndarray
    offset: np.ndarray
    difference: np.ndarray
    contrast: np.ndarray


def overlay(first: np.ndarray, second: np.ndarray, warp: np.ndarray | None, steps: int) -> Overlay:
    """Lay images over others by least squares (Gauss-Newton, as Lucas and Kanade 1981).

    Args:
        first, second: float32 (p, channels, size, size), thumbnails.
        warp: (p, 4), to begin with; ``None`` for none.
        steps: of Gauss and Newton.
    """
    pairs, size = len(first), first.shape[-1]
    warp = np.tile(np.array([1, 0, 1, 0], np.float32), (pairs, 1)) if warp is None else warp.copy()
    edge = round(MARGIN * size)
    places = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5)[edge : size - edge]
    inner = first[..., edge : size - edge, edge : size - edge].copy()
    target, grey = luminance(inner)[:, 0], luminance(second)[:, 0]
    down, across = (np.gradient(grey, axis=axis) * size for axis in (1, 2))
    for _ in range(steps):
        rows, columns = _sampling(warp, places, size)
        seen, slope_x, slope_y = (rows @ one @ columns for one in (grey, across, down))
        basis = [slope_x * places, slope_x, slope_y * places[:, np.newaxis], slope_y]
        found, gain, _ = _fitted(target, seen, basis)
        warp += np.clip(found / np.maximum(np.abs(gain), 0.2)[:, np.newaxis], -STEP, STEP).astype(np.float32)
        warp[:, 0::2] = np.clip(warp[:, 0::2], *SCALES)
        warp[:, 1::2] = np.clip(warp[:, 1::2], -SHIFT, SHIFT)
    rows, columns = (one[:, np.newaxis] for one in _sampling(warp, places, size))
    seen = rows @ second @ columns
    if first.shape[1] > 1:  # in colour, unless one of the two is grey: a channel may be clipped where others are not
        are_grey = np.minimum(_colour(inner), _colour(seen)) < GREY
        for images in (inner, seen):
            images[are_grey] = luminance(images[are_grey])
    _, gain, offset = _fitted(inner, seen, [])
    contrast = np.minimum(_contrast(inner), np.abs(gain) * _contrast(seen))
    squares = _squares(inner, seen, *(one[:, np.newaxis, np.newaxis, np.newaxis] for one in (gain, offset)))
    largest = np.sqrt(reduced(squares.mean(axis=1), BLOCKS).max(axis=(1, 2)))
    return Overlay(warp, gain, offset, largest / np.maximum(contrast, 1e-3), contrast)


def luminance(images: np.ndarray) -> np.ndarray:
    """Return images (n, channels, height, width) in grey: (n, 1, height, width)."""
    if images.shape[1] == 1:
        return images
    return np.tensordot(images, np.array(LUMA, np.float32), (1, 0))[:, np.newaxis]


def _contrast(images: np.ndarray) -> np.ndarray:
    """Return the standard deviation of images (p, channels, m, m) over pixels, quadratic mean over channels: (p,)."""
    deviation: np.ndarray = np.sqrt(images.var(axis=(2, 3)).mean(axis=1))
    return deviation


def _colour(images: np.ndarray) -> np.ndarray:
    """Return how much colours spread: float32 (p,), in levels."""
    spread: np.ndarray = np.ptp(images, axis=1).mean(axis=(1, 2))
    return spread


def _sampling(warp: np.ndarray, places: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return matrices (p, m, size) and (p, size, m) that sample rows and columns at warped places, linearly."""
    matrices = []
    for axis in (2, 0):
        at = (warp[:, axis, np.newaxis] * places + warp[:, axis + 1, np.newaxis] + 0.5) * size - 0.5
        distance = np.abs(np.clip(at, 0, size - 1)[..., np.newaxis] - np.arange(size, dtype=np.float32))
        matrices.append(np.maximum(0, 1 - distance))
    return matrices[0], matrices[1].transpose(0, 2, 1)


def _fitted(target: np.ndarray, seen: np.ndarray, basis: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return by least squares the factors (p, b) of b images, and gain and offset of what is seen, all (p,).

    Pixels that may be clipped do not count, unless there are few others.
    """
    pairs = len(target)
    flat, goal = seen.reshape(pairs, -1), target.reshape(pairs, -1)
    counts = ((goal > DARK) & (goal < BRIGHT) & (flat > DARK) & (flat < BRIGHT)).astype(np.float32)
    counts[counts.mean(axis=1) < MIN_UNCLIPPED] = 1
    middle = flat.mean(axis=1, keepdims=True)
    columns = np.stack([*(one.reshape(pairs, -1) for one in basis), flat - middle, np.ones_like(flat)], axis=1)
    weighted = columns * counts[:, np.newaxis]
    normal = (weighted @ columns.transpose(0, 2, 1)).astype(np.float64) + 1e-2 * np.eye(columns.shape[1])
    factors = np.linalg.solve(normal, (weighted @ goal[..., np.newaxis]).astype(np.float64))[..., 0].astype(np.float32)
    gain = factors[:, -2]
    return factors[:, :-2], gain, factors[:, -1] - gain * middle[:, 0]


def _squares(target: np.ndarray, seen: np.ndarray, gain: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return the squared difference of each pixel, 0 where clipping explains it."""
    rest = target - gain * seen - offset
    explained = ((target > BRIGHT) | (seen < DARK)) & (rest < 0) | ((seen > BRIGHT) | (target < DARK)) & (rest > 0)
    return np.where(explained, np.float32(0), rest * rest)
