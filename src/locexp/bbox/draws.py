"""Random draws as a function of counters: (scene seed, split, index, epoch) and the number of the draw.

No state and no order: any example can be drawn alone, in any batch, on any machine. Words of 32 bits pass through the
finaliser of MurmurHash3 (a bijection that changes half of the bits on average for each bit of its input); two words are
kept for an example, so that examples do not collide.
"""

from __future__ import annotations

import zlib

import numpy as np

PLACE, DISTRACTORS, JITTER, NOISE, WARP, WINDOW, EXPOSURE = range(7)
"""Streams of draws that do not share any: a strategy that takes more of one changes nothing about the others."""

_GOLDEN = np.uint32(0x9E3779B9)
_STARTS = (0x243F6A88, 0x85A308D3)
"""The first bits of π, for the two words."""

RandomKey = tuple[np.ndarray, np.ndarray]
"""Two uint32 (n,): what all draws of an example come from."""


def mix(words: np.ndarray) -> np.ndarray:
    """Return the finaliser of MurmurHash3 of words, uint32 of any shape."""
    words = (words ^ (words >> 16)) * np.uint32(0x85EBCA6B)
    words = (words ^ (words >> 13)) * np.uint32(0xC2B2AE35)
    return words ^ (words >> 16)


def example_key(scene_seed: int, split: str, indices: np.ndarray, epoch: int) -> RandomKey:
    """Return the key of examples.

    Args:
        scene_seed: 0 to 2**31 - 1.
        split: a name; any.
        indices: whole numbers (n,): positions in the split.
        epoch: a whole number; frozen scenes have 0.
    """
    positions = indices.astype(np.uint32)
    words = []
    for start in _STARTS:
        known = np.array([start], np.uint32)
        for word in (scene_seed, zlib.crc32(split.encode())):
            known = mix((known + _GOLDEN) ^ np.uint32(word))
        first = mix(positions ^ (known + _GOLDEN))
        words.append(mix((first + _GOLDEN) ^ np.uint32(epoch)))
    return words[0], words[1]


def draws(key: RandomKey, stream: int, count: int) -> np.ndarray:
    """Return ``count`` draws per example from a stream: uint32 (n, count), uniform; count < 2**24."""
    numbers = (np.arange(count, dtype=np.uint32) | np.uint32(stream << 24)) * _GOLDEN
    return mix(mix(key[0][:, None] + numbers) ^ key[1][:, None])


def uniform(drawn: np.ndarray) -> np.ndarray:
    """Return draws (uint32) as float64 in [0, 1), exactly."""
    return drawn * 2.0**-32


def below(drawn: np.ndarray, bound: np.ndarray | np.int64 | int) -> np.ndarray:
    """Return whole numbers from 0 to bound - 1, as uniform as draws (uint32) allow: int64; bound <= 2**31."""
    return (drawn.astype(np.int64) * bound) >> 32
