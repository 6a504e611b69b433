"""Random draws as a function of counters: (scene seed, split, index, epoch) and the number of the draw.

No state and no order: any example can be drawn alone, in any batch, on any machine. Words of 32 bits pass through the
finaliser of MurmurHash3 (a bijection that changes half of the bits on average for each bit of its input); two words are
kept for an example, so that examples do not collide.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from locexp.bbox.namespaces import NumPy

PLACE, DISTRACTORS, JITTER, NOISE, WARP = range(5)
"""Streams of draws that do not share any: a strategy that takes more of one changes nothing about the others."""

_GOLDEN = np.uint32(0x9E3779B9)
_STARTS = (0x243F6A88, 0x85A308D3)
"""The first bits of π, for the two words."""

Key = tuple[Any, Any]
"""Two uint32 (n,): what all draws of an example come from."""


def mix(xp: Any, words: Any) -> Any:
    """Return the finaliser of MurmurHash3 of words, uint32 of any shape."""
    words = xp.xor(words, xp.shift_right(words, 16)) * np.uint32(0x85EBCA6B)
    words = xp.xor(words, xp.shift_right(words, 13)) * np.uint32(0xC2B2AE35)
    return xp.xor(words, xp.shift_right(words, 16))


def example_key(xp: Any, scene_seed: int, split: str, indices: Any, epoch: Any) -> Key:
    """Return the key of examples.

    Args:
        xp: :class:`locexp.bbox.namespaces.NumPy` or ``Graph()``.
        scene_seed: 0 to 2**31 - 1.
        split: a name; any.
        indices: whole numbers (n,): places in the split.
        epoch: a whole number, or a scalar tensor; frozen scenes have 0.
    """
    indices, epoch = xp.cast(indices, "uint32"), xp.cast(epoch, "uint32")
    words = []
    for start in _STARTS:
        known = np.array([start], np.uint32)
        for word in (scene_seed, zlib.crc32(split.encode())):
            known = mix(NumPy, (known + _GOLDEN) ^ np.uint32(word))
        first = mix(xp, xp.xor(indices, known + _GOLDEN))
        words.append(mix(xp, xp.xor(first + _GOLDEN, epoch)))
    return words[0], words[1]


def draws(xp: Any, key: Key, stream: int, count: int) -> Any:
    """Return ``count`` draws an example from a stream: uint32 (n, count), uniform; count < 2**24."""
    numbers = (np.arange(count, dtype=np.uint32) | np.uint32(stream << 24)) * _GOLDEN
    return mix(xp, xp.xor(mix(xp, key[0][:, None] + numbers), key[1][:, None]))


def below(xp: Any, drawn: Any, bound: Any) -> Any:
    """Return whole numbers from 0 to bound - 1, as uniform as draws (uint32) allow: int64; bound <= 2**31."""
    return xp.shift_right(xp.cast(drawn, "int64") * bound, 32)
