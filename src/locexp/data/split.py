"""Stratified, seeded splits: every class keeps its share, and the split never depends on the run's seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from locexp.data.arrays import NAMES, Dataset, RawData, Split, digest_of
from locexp.data.class_names import called, class_names, numbered_from_zero, without_examples
from locexp.data.picks import carve, shared_groups
from locexp.data.suspicions import darkness
from locexp.errors import UserError, listed, spans

TEST_FRACTION = 0.1
"""Share set aside for testing where a data set has no official test split."""


def split(raw: RawData, *, validation: float | str, split_seed: int, limit: int | None = None) -> Dataset:
    """Split raw arrays into train, validation and test.

    Args:
        raw: the arrays, converted; their official test and validation splits stay these parts. Without a test split, a
            tenth of all is set aside.
        validation: the fraction of the given data (of all of it, where there is no official test split) that
            validates, or ``"test"``: the test part validates as well.
        split_seed: fixes who goes where.
        limit: training examples to keep after the split (stratified), or ``None``.

    Raises:
        UserError: too few examples for the split, none of a class to train on, or sizes of images that differ.
    """
    rng = np.random.default_rng(split_seed)
    raw = numbered_from_zero(raw)
    names = class_names(raw)
    classes, raw, notes = _classes(raw)
    given = {part: _whole(raw, part) for part in raw.parts}
    notes += [f"{part.name}: {dark}" for part in given.values() if (dark := darkness(part.images))]
    available = given["train"]
    rest = np.arange(len(available))
    if "test" in given:
        test = given["test"]
    else:
        what = "the test part"
        count = _part(len(available), TEST_FRACTION, what)
        test, rest = _set_aside(available, rest, count, what, rng, notes)
    if validation == "test":
        validation_split = test
    elif "validation" in given:
        validation_split = given["validation"]
        notes.append(f"{validation_split.name} validates, not a share of the images to train on (data.validation).")
    else:
        what = f"data.validation={validation}"
        count = _part(len(available), float(validation), what)
        if count >= len(rest):
            raise UserError(f"{what}: takes {count} of {len(rest)} examples; none are left to train on.")
        validation_split, rest = _set_aside(available, rest, count, what, rng, notes)
    if validation == "test" and "validation" in given:
        notes.append(f"{given['validation'].name}: not used, since the test part validates (data.validation=test).")
    if limit is not None:
        if limit > len(rest):
            raise UserError(f"data.limit={limit}: there are only {len(rest)} training examples.")
        rest, said = carve(available, rest, limit, f"data.limit={limit}", rng, leave_some=False)
        notes += said
    train = available if len(rest) == len(available) else available.taken(rest)
    _check_classes(train.labels, classes, names, limit)
    parts = {"train": train, "test": test}
    if validation != "test":
        parts = {"train": train, "validation": validation_split, "test": test}
    notes += shared_groups(parts)
    notes += _checked_parts(parts, classes, names)
    return Dataset(
        name=raw.name,
        source=raw.source,
        train=train,
        validation=validation_split,
        test=test,
        num_classes=max(len(classes), 2),
        digest=digest_of(parts.values()),
        validation_is_test=validation == "test",
        notes=(*raw.notes, *notes),
        class_names=names,
        problems=raw.problems,
        resize=raw.resize,
    )


def _set_aside(
    whole: Split, rest: np.ndarray, count: int, what: str, rng: np.random.Generator, notes: list[str]
) -> tuple[Split, np.ndarray]:
    """Return what :func:`carve` picks as a part, and the indices of the others; what it says is added to the notes."""
    chosen, said = carve(whole, rest, count, what, rng)
    notes += said
    return whole.taken(chosen), np.setdiff1d(rest, chosen, assume_unique=True)


def _whole(raw: RawData, part: str) -> Split:
    images, labels = raw.parts[part]
    return Split(images, labels, np.arange(len(labels)), raw.names[part][0], raw.annotations.get(part))


def _classes(raw: RawData) -> tuple[np.ndarray, RawData, list[str]]:
    """Return the labels that occur, sorted; the data with positions in this list as labels; and what to say."""
    classes = np.unique(np.concatenate([labels for _, labels in raw.parts.values()]))
    notes = []
    if len(classes) == 1:
        all_are = (
            f"images are of class {raw.class_names[classes[0]]}" if raw.class_names else f"labels are {classes[0]}"
        )
        notes.append(f"All {all_are}, so there is nothing to classify.")
    unused = [name for label, name in enumerate(raw.class_names) if label not in classes]
    if unused:
        notes.append(f"No image is of class {listed(unused)}: the network does not learn it.")
    if classes[-1] == len(classes) - 1:
        return classes, raw, notes
    numbered = {NAMES[part][1]: np.searchsorted(classes, labels) for part, (_, labels) in raw.parts.items()}
    if not raw.class_names:
        notes.append(
            f"The labels are {spans(classes)}: the network's outputs 0 to {len(classes) - 1} stand for them, in this "
            "order. Tables and pictures show the labels."
        )
    return classes, replace(raw, **numbered), notes  # type: ignore[arg-type]


def _check_classes(labels: np.ndarray, classes: np.ndarray, names: tuple[str, ...], limit: int | None) -> None:
    """Check that every class has an example to train on; raises :class:`UserError`, in terms of the user's labels."""
    missing = np.setdiff1d(np.arange(len(classes)), labels)
    if len(missing):
        key = "data" if limit is None else f"data.limit={limit}"
        remedy = "give more of it, or leave it out everywhere" if limit is None else "give a higher limit"
        raise UserError(
            f"{key}: no training example is of class {called(missing, classes, names)}; expected one of each class at "
            f"least: {remedy}."
        )


def _checked_parts(parts: Mapping[str, Split], classes: np.ndarray, names: tuple[str, ...]) -> list[str]:
    """Return which parts lack a class; raises :class:`UserError` if images of one are of another size."""
    notes, size = [], parts["train"].images.shape[1:]
    for part, held in parts.items():
        if held.images.shape[1:] != size:
            raise UserError(
                f"data: training images are {size} but {part} images {held.images.shape[1:]}; expected one size."
            )
        missing = np.setdiff1d(np.arange(len(classes)), held.labels)
        if len(missing):
            notes.append(without_examples(part, called(missing, classes, names)))
    return notes


def _part(available: int, fraction: float, what: str) -> int:
    count = round(available * fraction)
    if count < 1:
        least = math.floor(0.5 / fraction) + 1
        raise UserError(f"{what}: {fraction:g} of {available} examples is less than one; give {least:,} at least.")
    return count
