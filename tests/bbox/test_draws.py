"""The counter-based draws: known values, uniformity, and independence of neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from locexp.bbox.draws import DISTRACTORS, NOISE, PLACE, below, draws, example_key, mix

COUNT = 2**16
ALMOST_SURE = 1 - 1e-6
"""Quantile that a statistic must stay below; nothing here is random, so a test never fails by chance later."""


def drawn(**known: Any) -> np.ndarray:
    """One draw for each of many counters, the others being fixed."""
    counters = {"seed": 0, "index": 0, "epoch": 0, "number": 0} | known
    (name,) = (name for name, value in counters.items() if isinstance(value, np.ndarray))
    if name == "number":
        key = example_key(counters["seed"], "train", np.array([counters["index"]]), counters["epoch"])
        return draws(key, NOISE, len(counters["number"]))[0]
    if name == "seed":
        keys = [example_key(int(seed), "train", np.array([0]), 0) for seed in counters["seed"]]
        return np.concatenate([draws(key, PLACE, 1)[:, 0] for key in keys])
    if name == "epoch":
        keys = [example_key(0, "train", np.arange(64), int(epoch)) for epoch in counters["epoch"]]
        return np.stack([draws(key, PLACE, 1)[:, 0] for key in keys]).T.ravel()
    return draws(example_key(0, "train", counters["index"], counters["epoch"]), PLACE, 1)[:, 0]


SERIES: dict[str, Callable[[], np.ndarray]] = {
    "indices": lambda: drawn(index=np.arange(COUNT)),
    "numbers": lambda: drawn(number=np.arange(COUNT)),
    "epochs": lambda: drawn(epoch=np.arange(COUNT // 64)),
    "seeds": lambda: drawn(seed=np.arange(4096)),
}


def test_the_finaliser_is_the_published_one() -> None:
    # fmix32 of MurmurHash3: these are its values for 1, 2 and 0xFFFFFFFF, and 0 is a fixed point.
    def fmix32(word: int) -> int:
        word ^= word >> 16
        word = word * 0x85EBCA6B & 0xFFFFFFFF
        word ^= word >> 13
        word = word * 0xC2B2AE35 & 0xFFFFFFFF
        return word ^ word >> 16

    words = [0, 1, 2, 12345, 0xFFFFFFFF]
    assert mix(np.array(words, np.uint32)).tolist() == [fmix32(word) for word in words]
    assert fmix32(1) == 0x514E28B7


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("shift", [28, 14, 0])
def test_every_part_of_the_word_is_uniform(name: str, shift: int) -> None:
    values = SERIES[name]() >> np.uint32(shift) & 15
    expected = len(values) / 16
    statistic = ((np.bincount(values, minlength=16) - expected) ** 2 / expected).sum()
    assert statistic < chi2.ppf(ALMOST_SURE, 15)
    assert statistic > chi2.ppf(1e-6, 15)  # not too even either, as a plain counter would be


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("lag", [1, 2])
def test_neighbouring_counters_are_independent(name: str, lag: int) -> None:
    values = SERIES[name]() >> np.uint32(29)
    table = np.bincount(values[:-lag] * 8 + values[lag:], minlength=64).reshape(8, 8)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
    assert ((table - expected) ** 2 / expected).sum() < chi2.ppf(ALMOST_SURE, 49)


@pytest.mark.parametrize("bit", range(0, 17, 4))
def test_each_bit_of_the_index_changes_half_of_the_bits_of_a_draw(bit: int) -> None:
    indices = np.arange(4096) * 31
    changed = drawn(index=indices) ^ drawn(index=indices ^ 1 << bit)
    flipped = [(changed >> np.uint32(k) & 1).mean() for k in range(32)]
    np.testing.assert_allclose(flipped, 0.5, atol=6 * 0.5 / np.sqrt(4096))


def test_streams_splits_epochs_and_seeds_share_nothing() -> None:
    indices = np.arange(1000)
    rows = [
        draws(example_key(seed, split, indices, epoch), stream, 4).ravel()
        for seed, split, epoch, stream in (
            (0, "train", 0, PLACE),
            (0, "train", 0, DISTRACTORS),
            (0, "test", 0, PLACE),
            (0, "train", 1, PLACE),
            (1, "train", 0, PLACE),
        )
    ]
    # Of 20,000 words of 32 bits, .05 pairs are expected to meet.
    assert len(np.unique(np.concatenate(rows))) >= 20_000 - 2


def test_examples_do_not_collide() -> None:
    """Sixty thousand examples over ten epochs: a key of 32 bits would collide about forty times."""
    keys = [example_key(0, "train", np.arange(60_000), epoch) for epoch in range(10)]
    joined = np.concatenate([first.astype(np.uint64) << np.uint64(32) | second for first, second in keys])
    assert len(np.unique(joined)) == 600_000


def test_below_covers_its_range_and_nothing_else() -> None:
    words = np.array([0, 2**31, 2**32 - 1], np.uint32)
    assert below(words, np.int64(7)).tolist() == [0, 3, 6]
    assert below(words, np.int64(1)).tolist() == [0, 0, 0]
