"""Splits: stratified, disjoint, fixed by split_seed alone."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locexp.data.arrays import Dataset, RawData, sha256
from locexp.data.picks import stratified_counts
from locexp.data.split import split
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
        ({"validation": 0.1, "limit": 10_000}, "data.limit=10000: there are only"),
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


def of_labels(train: list[int], test: list[int] | None = None, **keys: Any) -> Dataset:
    def images(labels: list[int]) -> np.ndarray:
        return np.full((len(labels), 2, 2), 255, np.uint8)

    tests = (None, None) if test is None else (images(test), np.array(test))
    raw = RawData("mine", "file", images(train), np.array(train), *tests)
    return split(raw, **{"validation": 0.2, "split_seed": 0, **keys})


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (range(1, 27), "1 to 26: the network's outputs 0 to 25 stand for them"),
        ((0, 2, 5), "0, 2, 5: the network's outputs 0 to 2 stand for them"),
        ((3, 4, 5, 9), "3 to 5, 9: the network's outputs 0 to 3 stand for them"),
        ((0, 999), "0, 999: the network's outputs 0 to 1 stand for them"),
        ((0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11), "0 to 8, 10 to 11: the network's outputs 0 to 10 stand for them"),
    ],
)
def test_classes_are_the_labels_that_occur(labels: Sequence[int], said: str) -> None:
    data = of_labels(list(labels) * 10)
    assert data.num_classes == len(labels)
    assert set(data.train.labels) == set(range(len(labels)))
    (note,) = data.notes
    assert said in note
    assert of_labels(list(range(len(labels))) * 10).digest == data.digest


def test_labels_that_are_classes_stay_as_they_are() -> None:
    assert of_labels([0, 1, 2] * 10).notes == ()


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ([0, 1, 2] * 10, [0, 1, 1], ["The test part has no example of class 2, so its metrics say nothing about it."]),
        ([0, 1, 2] * 10, [1, 1], ["The test part has no example of class 0, 2, so"]),
        ([1, 3, 5] * 10, [1, 3], ["The labels are", "The test part has no example of class 5, so"]),
        ([0] * 40 + [1, 1], [0, 1], ["The validation part has no example of class 1, so"]),
        ([0] * 40 + [1, 1], None, ["The validation part has no", "The test part has no"]),
        ([4] * 40, None, ["All labels are 4, so there is nothing to classify", "The labels are 4"]),
    ],
)
def test_a_part_without_a_class_is_said(train: list[int], test: list[int] | None, said: list[str]) -> None:
    notes = of_labels(train, test).notes
    assert len(notes) == len(said)
    for note, start in zip(notes, said, strict=True):
        assert note.startswith(start)


def of_names(labels: list[int], names: Sequence[str], test: list[int] | None = None) -> Dataset:
    images = np.zeros((len(labels), 2, 2), np.uint8)
    raw = RawData("named", "file", images, np.array(labels), class_names=tuple(names))
    if test is not None:
        raw = dataclasses.replace(raw, test_images=images[: len(test)], test_labels=np.array(test))
    return split(raw, validation=0.1, split_seed=0)


def test_names_follow_their_labels() -> None:
    data = of_names([0, 2, 3] * 20, ["cat", "dog", "ox, old", "<pig>"])
    assert data.class_names == ("cat", "ox, old", "<pig>")
    assert set(data.train.labels) == {0, 1, 2}
    assert [note for note in data.notes if "class" in note] == [
        "No image is of class dog: the network does not learn it."
    ]
    assert of_labels([3, 7] * 20).class_names == ("3", "7")
    one = of_names([0] * 40, ["cat"])
    assert (one.num_classes, one.class_names) == (2, ("cat", "not cat"))
    assert any("All images are of class cat, so there is nothing to classify." in note for note in one.notes)


@pytest.mark.parametrize(
    ("labels", "names", "test", "said"),
    [
        ([0, 1, 2] * 10, ["cat", "dog"], None, "there are 2 class names, but the labels run to 2"),
        ([0, 1, 2] * 10, ["cat", "dog", "cat"], None, "two classes are called 'cat'; expected names that differ"),
        ([0, 1] * 10, ["cat", "dog", "ox"], [0, 1, 2], "no training example is of class ox"),
    ],
)
def test_names_that_cannot_be_used(labels: list[int], names: list[str], test: list[int] | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        of_names(labels, names, test)


def test_labels_from_one_are_named_in_order() -> None:
    dataset = of_names([1, 2, 3] * 20, ["cat", "dog", "ox"], [3, 1])
    assert dataset.class_names == ("cat", "dog", "ox")
    assert dataset.test.labels.tolist() == [2, 0]
    assert any("the class names are those of the labels from 1" in note for note in dataset.notes)


def test_a_part_without_a_class_is_said_by_name() -> None:
    (note,) = [note for note in of_names([0, 1, 2] * 20, ["cat", "dog", "ox"], [1, 1]).notes if "example" in note]
    assert note.startswith("The test part has no example of class cat, ox, so")


def test_a_class_that_is_only_tested_is_refused_by_its_label() -> None:
    with pytest.raises(UserError, match="no training example is of class 7; expected one of each class at least: give"):
        of_labels([3, 5] * 10, [3, 7])


def test_an_official_validation_part_validates() -> None:
    whole = numbered(300, tests=60)
    raw = dataclasses.replace(
        whole, validation_images=whole.train_images[:40], validation_labels=whole.train_labels[:40]
    )
    raw = dataclasses.replace(raw, train_images=raw.train_images[40:], train_labels=raw.train_labels[40:])
    data = split(raw, validation=0.1, split_seed=0)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [260, 40, 60]
    assert numbers(data.validation.images) == set(range(40))
    assert "validation_images validates, not a share of the images to train on (data.validation)." in data.notes
    data = split(raw, validation="test", split_seed=0, limit=100)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [100, 60, 60]
    assert any(note.startswith("validation_images: not used") for note in data.notes)


def test_every_part_knows_whence_its_images_are() -> None:
    raw = numbered(300)
    data = split(raw, validation=0.1, split_seed=0, limit=100)
    for part in (data.train, data.validation, data.test):
        np.testing.assert_array_equal(part.images, raw.train_images[part.indices])
        assert part.name == "train_images"


@pytest.mark.parametrize(
    ("white", "said"), [(1, True), (15, True), (16, True), (100, True), (127, True), (200, False), (255, False)]
)
def test_dark_images_are_said(white: int, said: bool) -> None:
    images = np.full((30, 4, 4), white, np.uint8)
    images[:, 0] = 0
    notes = split(RawData("mine", "file", images, np.arange(30) % 3), validation=0.1, split_seed=0).notes
    assert bool(notes) is said
    if said:
        assert notes[0].startswith(f"train_images: no pixel is brighter than {white} of 255")
        assert f"save images * (255 / {white})" in notes[0]
        assert (images * (255 / white)).max() == pytest.approx(255)


def test_one_bright_image_does_not_hide_dark_ones() -> None:
    images = np.full((30, 4, 4), 16, np.uint8)
    images[7] = 255
    notes = split(RawData("mine", "file", images, np.arange(30) % 3), validation=0.1, split_seed=0).notes
    assert notes[0].startswith("train_images: in half of the images no pixel is brighter than 16")
