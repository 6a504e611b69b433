"""Parts of images that belong together: no group in two parts, and classes shared as well as groups allow."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locexp.bbox.annotations import Annotations
from locexp.data.arrays import Dataset, RawData, Split
from locexp.data.bundled import bundled_digits
from locexp.data.picks import pick_groups
from locexp.data.split import split
from locexp.errors import UserError

PARTS = ("train", "validation", "test")


def grouped(groups: list[Any], labels: list[int], tests: list[Any] | None = None) -> RawData:
    """Images of one bright pixel with a group each; the test part has groups of its own, or is carved."""

    def part(groups: list[Any]) -> tuple[np.ndarray, Annotations]:
        boxes = np.zeros((len(groups), 4))
        return np.full((len(groups), 2, 2), 255, np.uint8), Annotations(boxes, groups=np.array(groups))

    images, annotations = part(groups)
    raw = RawData("grouped", "file", images, np.array(labels), annotations={"train": annotations})
    if tests is None:
        return raw
    images, of_tests = part(tests)
    return dataclasses.replace(
        raw,
        test_images=images,
        test_labels=np.resize(labels, len(tests)),
        annotations={"train": annotations, "test": of_tests},
    )


def groups_of(part: Split) -> set[Any]:
    assert part.annotations is not None
    assert part.annotations.groups is not None
    return set(part.annotations.groups.tolist())


def check_apart(data: Dataset) -> None:
    train, validation, test = (groups_of(getattr(data, part)) for part in PARTS)
    assert not train & validation
    assert not train & test
    assert not validation & test


def of_sizes(drawn: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Return groups and labels of images: a group for each pair of its label and how many images it has.

    Every fifth group has an image of class 0, too.
    """
    images = [
        (number, each)
        for number, (label, size) in enumerate(drawn)
        for each in [label] * size + [0] * (number % 5 == 0)
    ]
    groups, labels = ([image[side] for image in images] for side in (0, 1))
    return groups, labels


GROUPS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), min_size=4, max_size=40).map(of_sizes)


@given(GROUPS, st.floats(0.05, 0.4), st.integers(0, 5), st.sampled_from([None, 0.5]))
def test_no_group_is_in_two_parts(
    drawn: tuple[list[int], list[int]], validation: float, seed: int, limit: float | None
) -> None:
    groups, labels = drawn
    raw = grouped(groups, labels)
    keys = {"validation": validation, "split_seed": seed}
    try:
        data, again = split(raw, **keys), split(raw, **keys)  # type: ignore[arg-type]
        if limit is not None:
            data = split(raw, **keys, limit=round(limit * len(data.train)))  # type: ignore[arg-type]
    except UserError as error:  # of few images a share may be none
        assert "less than one" in str(error) or "none" in str(error) or "no training example" in str(error)  # noqa: PT017
        return
    check_apart(data)
    for part in PARTS[1:]:
        np.testing.assert_array_equal(getattr(data, part).indices, getattr(again, part).indices)
    every = np.concatenate([getattr(data, part).indices for part in PARTS])
    assert len(np.unique(every)) == len(every)
    assert limit is not None or len(every) == len(groups)


@given(GROUPS, st.floats(0.05, 0.6), st.integers(0, 5))
def test_sizes_and_shares_are_within_a_group_of_what_was_asked_for(
    drawn: tuple[list[int], list[int]], fraction: float, seed: int
) -> None:
    groups, labels = np.array(drawn[0]), np.array(drawn[1])
    total = max(1, round(fraction * len(labels)))
    chosen = pick_groups(labels, groups, total, np.random.default_rng(seed), leave_some=False)
    largest = np.bincount(groups).max()
    assert abs(len(chosen) - total) <= largest
    picked = np.bincount(labels[chosen], minlength=labels.max() + 1)
    exact = np.bincount(labels) * (total / len(labels))
    assert np.abs(picked - exact).max() <= 2 * largest
    assert not set(groups[chosen]) & set(np.delete(groups, chosen))


def test_groups_of_one_image_change_nothing() -> None:
    labels = [0, 1, 2, 3] * 25
    raw = grouped(list(range(100)), labels)
    plain = dataclasses.replace(raw, annotations={})
    for seed in range(3):
        one, other = (split(each, validation=0.1, split_seed=seed, limit=40) for each in (raw, plain))
        for part in PARTS:
            np.testing.assert_array_equal(getattr(one, part).indices, getattr(other, part).indices)
        assert one.notes == other.notes


def test_copies_of_photos_are_shared_as_single_photos_would_be() -> None:
    """Three copies of each of 20 photos of each of 26 letters: a tenth is two photos of each."""
    labels = np.repeat(np.arange(26), 60)
    groups = np.arange(len(labels)) // 3
    chosen = pick_groups(labels, groups, 156, np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(labels[chosen]), np.full(26, 6))
    chosen = pick_groups(labels, groups, 39, np.random.default_rng(0))  # half a photo of each
    counts = np.bincount(labels[chosen], minlength=26)
    assert counts.sum() == 39
    assert set(counts) == {0, 3}


def test_another_seed_picks_others() -> None:
    labels, groups = np.repeat([0, 1], 60), np.arange(120) // 3
    first, again, other = (pick_groups(labels, groups, 24, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


def test_large_groups_are_not_preferred() -> None:
    """Whether a group is picked does not depend on its size, so the parts are alike."""
    sizes = np.tile([1, 2, 6], 40)
    groups = np.repeat(np.arange(120), sizes)
    labels = np.zeros(len(groups), int)
    picked = [sizes[np.unique(groups[pick_groups(labels, groups, 90, np.random.default_rng(s))])] for s in range(20)]
    shares = [np.mean(np.concatenate(picked) == size) for size in (1, 2, 6)]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.06)


def test_the_last_group_of_a_class_stays_to_train_on() -> None:
    groups = [*range(20), 99, 99, 99]
    data = split(grouped(groups, [0] * 20 + [1] * 3), validation=0.2, split_seed=0)
    assert 99 in groups_of(data.train)
    assert any(note.startswith("The validation part has no example of class 1") for note in data.notes)


def test_one_group_cannot_be_split() -> None:
    with pytest.raises(UserError, match=r"the test part: no group of images \(data.group\) can be set aside"):
        split(grouped(["a"] * 30, [0, 1, 2] * 10), validation=0.2, split_seed=0)


def test_sizes_that_groups_change_are_said() -> None:
    groups = [number // 4 for number in range(120)]
    data = split(grouped(groups, [0] * 120, tests=["t"] * 9), validation=0.1, split_seed=0, limit=50)
    assert (len(data.train), len(data.validation), len(data.test)) == (48, 12, 9)
    assert [note for note in data.notes if "groups stay whole" in note] == [
        "data.limit=50: 48 images, not 50, since groups stay whole (data.group)."
    ]


def test_groups_that_the_data_have_in_two_parts_are_said() -> None:
    groups = [number // 3 for number in range(90)]
    data = split(grouped(groups, [0, 1, 2] * 30, tests=[0, 0, 1, 77, 77]), validation=0.1, split_seed=0)
    (note,) = (note for note in data.notes if "belong together" in note)
    assert note.startswith("2 groups are both in train and in test: 3 of 5 test images")
    assert groups_of(data.test) == {0, 1, 77}


def test_images_without_groups_are_split_as_ever() -> None:
    """The digest is that of version 0.1."""
    raw = RawData("mnist_5k", "bundled", *bundled_digits())
    data = split(raw, validation=0.1, split_seed=0, limit=320)
    assert data.digest == "db4f434000f2dff3191ef252f35e6b210dd49f0faf3f83143d78435275506f4a"
