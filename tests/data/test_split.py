"""Splits: stratified, disjoint, fixed by split_seed alone."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locexp.data.arrays import RawData, sha256
from locexp.data.split import split, stratified_counts
from locexp.errors import UserError


def numbered(count: int, classes: int = 5, tests: int | None = None, seed: int = 0) -> RawData:
    """Images that carry their own number, so that each can be followed."""
    rng = np.random.default_rng(seed)

    def images(first: int, how_many: int) -> np.ndarray:
        numbers = np.arange(first, first + how_many)
        flat = np.zeros((how_many, 4), np.uint8)
        flat[:, 0], flat[:, 1] = numbers // 256, numbers % 256
        return flat.reshape(-1, 2, 2)

    labels = rng.integers(0, classes, count)
    labels[:classes] = np.arange(classes)
    test = (None, None) if tests is None else (images(count, tests), rng.integers(0, classes, tests))
    return RawData("numbered", "file", images(0, count), labels, *test)


def numbers(images: np.ndarray) -> set[int]:
    return {int(image[0, 0]) * 256 + int(image[0, 1]) for image in images}


def test_parts_are_disjoint_and_whole_and_keep_class_shares() -> None:
    raw = numbered(1000)
    data = split(raw, validation=0.1, split_seed=0)
    parts = [numbers(part.images) for part in (data.train, data.validation, data.test)]
    assert [len(part) for part in parts] == [800, 100, 100]
    assert set.union(*parts) == set(range(1000))
    shares = np.bincount(raw.train_labels) / 1000
    for part in (data.train, data.validation, data.test):
        assert np.abs(np.bincount(part.labels) - shares * len(part)).max() <= 2


def test_official_test_split_stays_test() -> None:
    raw = numbered(500, tests=60)
    data = split(raw, validation=0.1, split_seed=3)
    assert numbers(data.test.images) == set(range(500, 560))
    assert (len(data.train), len(data.validation)) == (450, 50)
    assert not data.validation_is_test


def test_test_as_validation_keeps_all_training_data() -> None:
    data = split(numbered(500, tests=60), validation="test", split_seed=0)
    assert len(data.train) == 500
    assert data.validation_is_test
    np.testing.assert_array_equal(data.validation.images, data.test.images)


def test_split_seed_alone_decides() -> None:
    first, again, other = (split(numbered(400), validation=0.1, split_seed=seed) for seed in (1, 1, 2))
    assert first.digest == again.digest != other.digest
    assert numbers(first.test.images) == numbers(again.test.images) != numbers(other.test.images)


def test_limit_takes_a_stratified_part_of_the_training_data_only() -> None:
    whole = split(numbered(1000), validation=0.1, split_seed=0)
    part = split(numbered(1000), validation=0.1, split_seed=0, limit=100)
    assert numbers(part.train.images) < numbers(whole.train.images)
    assert numbers(part.test.images) == numbers(whole.test.images)
    shares = np.bincount(whole.train.labels) / len(whole.train)
    assert np.abs(np.bincount(part.train.labels) - shares * 100).max() <= 1


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"validation": 0.95}, "none are left"),
        ({"validation": 0.1, "limit": 10_000}, "data.limit=10000: only"),
        ({"validation": 0.1, "limit": 3}, "data.limit=3: no training example is of class"),
        ({"validation": 0.0001}, "less than one"),
    ],
)
def test_too_few_examples(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        split(numbered(100), split_seed=0, **keys)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=12), st.floats(0, 1))
def test_stratified_counts_are_within_one_of_the_exact_share(sizes: list[int], fraction: float) -> None:
    total = int(fraction * sum(sizes))
    counts = stratified_counts(np.array(sizes), total)
    assert counts.sum() == total
    assert (counts <= sizes).all()
    assert np.abs(counts - np.array(sizes) * total / sum(sizes)).max() < 1


def test_digest_sees_every_byte_shape_and_dtype() -> None:
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    changed = array.copy()
    changed[2, 3] += 1
    digests = {sha256(array), sha256(changed), sha256(array.reshape(4, 3)), sha256(array.astype(np.int8))}
    assert len(digests) == 4
    assert sha256(array) == hashlib.sha256(b"|u1(3, 4)" + array.tobytes()).hexdigest()
