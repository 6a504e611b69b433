"""Images of one part that are in another, too: the same, requantised, resized, brighter or darker, cropped a little."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from locexp.data.arrays import Split
from locexp.data.registration import Overlay, luminance, overlay, reduced, thumbnails

NEAR_FROM = 64
"""Pixels a side from which images are looked at more closely; smaller ones are copies if they are equal."""
DESCRIPTOR, COARSE, FINE = 12, 24, 64
"""Pixels a side of thumbnails: what candidates are found by, what most are ruled out by, and what confirms the rest.

The thresholds below were found on photos of hands and of circuit boards (benchmarks/leaks.py)."""
CANDIDATES, MOST_CANDIDATES = 12, 192
"""How many of the likest images of the other part are looked at: at first, and while all of them are copies."""
COMMON = 0.5
"""An image that is more than this share of a part is no leak: the data are drawn so, or show nothing."""
LIKENESS = 0.7
"""The least correlation of descriptors; that of copies was .81 and more."""
COARSE_DIFFERENCE, DIFFERENCE = 0.35, 0.16
"""The largest difference in a block, as a share of the contrast; copies reach .2 in coarse thumbnails."""
MIN_CONTRAST = 4.0
"""In grey levels: there is nothing to tell flatter images apart by."""
GAINS = (0.4, 2.5)
SLACK = 0.02
"""A crop shifts by at most half of what it scales by; it may be this much more, in sides."""
QUERIES, PAIRS, IMAGES = 256, 512, 512
"""How many are handled at a time, which bounds memory."""


@dataclass(frozen=True)
class Copies:
    """p pairs of an image and its copy.

    Attributes:
        first, second: int (p,), indices in the two parts.
        difference: float (p,), in the block where it is largest, as a share of the contrast; 0 if they are equal.
    """

    first: np.ndarray
    second: np.ndarray
    difference: np.ndarray


class Images:
    """The images of a part, as they are compared with those of others.

    Args:
        split: images and, for photos on a canvas, where they lie on it.
    """

    def __init__(self, split: Split) -> None:
        self.images = split.images
        height, width = split.images.shape[1:3]
        self.areas = np.tile([0.0, 0.0, width, height], (len(split), 1))
        placement = None if split.annotations is None else split.annotations.placement
        if placement is not None:
            self.areas = placement.to_canvas(np.column_stack([np.zeros_like(placement.sizes), placement.sizes]))
        self.are_large = min(height, width) >= NEAR_FROM

    def __len__(self) -> int:
        return len(self.images)

    def thumbnails(self, some: np.ndarray | slice, size: int) -> np.ndarray:
        """Return those of some of the images, see :func:`locexp.data.registration.thumbnails`."""
        return thumbnails(self.images[some], self.areas[some], size)

    @cached_property
    def digests(self) -> dict[bytes, list[int]]:
        """The indices of equal images, by their digest; without images of one colour, and :data:`COMMON` ones."""
        found: dict[bytes, list[int]] = {}
        for index, image in enumerate(self.images):
            if (image != image[0, 0]).any():
                found.setdefault(hashlib.sha256(np.ascontiguousarray(image).data).digest(), []).append(index)
        most = max(2, COMMON * len(self))
        return {digest: indices for digest, indices in found.items() if len(indices) <= most}

    @cached_property
    def comparable(self) -> np.ndarray:
        """The indices of images with a digest, sorted: int (m,)."""
        return np.sort(np.array([index for indices in self.digests.values() for index in indices], np.int64))

    @cached_property
    def coarse(self) -> np.ndarray:
        """Grey thumbnails: float32 (n, 1, COARSE, COARSE)."""
        parts = [luminance(self.thumbnails(part, COARSE)) for part in _blocks(len(self), IMAGES)]
        return np.concatenate(parts)

    @cached_property
    def descriptors(self) -> np.ndarray:
        """Thumbnails with mean 0 and length 1: float32 (n, DESCRIPTOR²); 0 for images without contrast."""
        flat = reduced(self.coarse, DESCRIPTOR).reshape(len(self), -1)
        flat = flat - flat.mean(axis=1, keepdims=True)
        length = np.linalg.norm(flat, axis=1, keepdims=True)
        return np.where(length < MIN_CONTRAST * DESCRIPTOR, 0, flat / np.maximum(length, 1e-6))


def find_copies(first: Images, second: Images) -> Copies:
    """Return the pairs of an image of one part and its copy in another, sorted by their indices.

    Images of :data:`NEAR_FROM` pixels a side and more are copies up to quantisation, resolution, brightness, contrast
    and crops of about 5 % at each edge; smaller ones if they are equal.
    """
    pairs = {(i, j): 0.0 for i, j in _equal(first, second)}
    if first.are_large and second.are_large:
        if len(first) >= len(second):
            near = {(i, j): difference for (j, i), difference in _near(second, first).items()}
        else:
            near = _near(first, second)
        pairs = near | pairs
    ordered = sorted(pairs)
    indices = np.array(ordered, np.int64).reshape(-1, 2)
    return Copies(indices[:, 0], indices[:, 1], np.array([pairs[pair] for pair in ordered], np.float64))


def _equal(first: Images, second: Images) -> Iterator[tuple[int, int]]:
    """Yield each image of both parts that is in the other, with the first one there."""
    for digest in first.digests.keys() & second.digests.keys():
        here, there = first.digests[digest], second.digests[digest]
        yield from ((index, there[0]) for index in here)
        yield from ((here[0], index) for index in there)


def _near(queries: Images, others: Images) -> dict[tuple[int, int], float]:
    """Return the pairs that differ by little, and by how much."""
    found: dict[tuple[int, int], float] = {}
    there = others.descriptors[others.comparable]
    for block in _blocks(len(queries.comparable), QUERIES):
        waiting, depth = queries.comparable[block], CANDIDATES
        while len(waiting) and len(there):
            depth = min(depth, len(there))
            likeness = queries.descriptors[waiting] @ there.T
            likest = np.argpartition(-likeness, depth - 1, axis=1)[:, :depth]
            row, rank = np.nonzero(np.take_along_axis(likeness, likest, axis=1) >= LIKENESS)
            query, other = waiting[row], others.comparable[likest[row, rank]]
            difference = _differences(queries, others, query, other)
            hits = difference <= DIFFERENCE
            pairs = zip(query[hits].tolist(), other[hits].tolist(), strict=True)
            found |= dict(zip(pairs, difference[hits].tolist(), strict=True))
            # Where every candidate was a copy, there may be more of them.
            full = np.bincount(row[hits], minlength=len(waiting)) == depth
            waiting = waiting[full & (depth < min(len(there), MOST_CANDIDATES))]
            depth *= 4
    return found


def _differences(first: Images, second: Images, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Return how much pairs of images differ when one is laid over the other; infinite where they are unlike."""
    differences = np.full(len(i), np.inf)
    for block in _blocks(len(i), PAIRS):
        a, b = i[block], j[block]
        rough = overlay(first.coarse[a], second.coarse[b], None, steps=5)
        alike = np.flatnonzero((rough.difference <= COARSE_DIFFERENCE) & (rough.contrast >= MIN_CONTRAST))
        if len(alike):
            thumbnails = first.thumbnails(a[alike], FINE), second.thumbnails(b[alike], FINE)
            fine = overlay(*thumbnails, rough.warp[alike], steps=3)
            differences[block.start + alike] = np.where(_are_crops(fine), fine.difference, np.inf)
    return differences


def _are_crops(found: Overlay) -> np.ndarray:
    """Return whether one image of each pair may be a crop of the other: bool (p,)."""
    scales, shifts = found.warp[:, 0::2], np.abs(found.warp[:, 1::2])
    are_within = (shifts <= np.abs(1 - scales) / 2 + SLACK).all(axis=1)
    made: np.ndarray = are_within & (found.gain >= GAINS[0]) & (found.gain <= GAINS[1])
    return made


def _blocks(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
