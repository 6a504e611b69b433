"""Stratified, seeded splits: every class keeps its share, and the split never depends on the run's seed."""

from __future__ import annotations

import logging

import numpy as np

from locexp.data.arrays import Dataset, RawData, Split, sha256
from locexp.errors import UserError, listed

TEST_FRACTION = 0.1
"""Share set aside for testing where a data set has no official test split."""

logger = logging.getLogger(__name__)


def stratified_counts(class_sizes: np.ndarray, total: int) -> np.ndarray:
    """Share ``total`` picks among classes in proportion to their sizes (largest remainders).

    Returns:
        int64 (classes,), each at most its class size, with sum ``total``.
    """
    exact = class_sizes * (total / class_sizes.sum())
    counts = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: total - counts.sum()]] += 1
    return counts


def pick(labels: np.ndarray, total: int, rng: np.random.Generator) -> np.ndarray:
    """Return the sorted indices of a stratified random part of ``total`` examples."""
    classes, sizes = np.unique(labels, return_counts=True)
    counts = stratified_counts(sizes, total)
    chosen = [
        rng.permutation(np.flatnonzero(labels == label))[:count] for label, count in zip(classes, counts, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def split(raw: RawData, *, validation: float | str, split_seed: int, limit: int | None = None) -> Dataset:
    """Split raw arrays into train, validation and test.

    Args:
        raw: the arrays; their official test split stays the test part. Without one, a tenth of all is set aside.
        validation: the fraction of the given data (of all of it, where there is no official test split) that
            validates, or ``"test"``: the test part validates as well.
        split_seed: fixes who goes where.
        limit: training examples to keep after the split (stratified), or ``None``.

    Raises:
        UserError: too few examples for the split, or none of a class to train on.
    """
    rng = np.random.default_rng(split_seed)
    images, labels = raw.train_images, raw.train_labels
    available = len(labels)
    rest = np.arange(available)
    if raw.test_images is None or raw.test_labels is None:
        chosen = pick(labels, _part(available, TEST_FRACTION, "the test part"), rng)
        test = Split(images[chosen], labels[chosen])
        rest = np.setdiff1d(rest, chosen, assume_unique=True)
    else:
        test = Split(raw.test_images, raw.test_labels)
    if test.images.shape[1:] != images.shape[1:]:
        raise UserError(
            f"data: training images are {images.shape[1:]} but test images {test.images.shape[1:]}; expected one size."
        )
    if validation == "test":
        validation_split = test
    else:
        count = _part(available, float(validation), f"data.validation={validation}")
        if count >= len(rest):
            raise UserError(
                f"data.validation={validation}: takes {count} of {len(rest)} examples; none are left to train on."
            )
        chosen = rest[pick(labels[rest], count, rng)]
        validation_split = Split(images[chosen], labels[chosen])
        rest = np.setdiff1d(rest, chosen, assume_unique=True)
    if limit is not None:
        if limit > len(rest):
            raise UserError(f"data.limit={limit}: only {len(rest)} training examples are there.")
        rest = rest[pick(labels[rest], limit, rng)]
    train = Split(images, labels) if len(rest) == available else Split(images[rest], labels[rest])
    _check_classes(train.labels, (validation_split.labels, test.labels), labels, limit)
    num_classes = int(max(part.labels.max() for part in (train, validation_split, test))) + 1
    parts = (train, test) if validation == "test" else (train, validation_split, test)
    digest = sha256(*(array for part in parts for array in (part.images, part.labels)))
    return Dataset(
        name=raw.name,
        source=raw.source,
        train=train,
        validation=validation_split,
        test=test,
        num_classes=max(num_classes, 2),
        digest=digest,
        validation_is_test=validation == "test",
        notes=raw.notes,
    )


def _check_classes(train: np.ndarray, others: tuple[np.ndarray, ...], available: np.ndarray, limit: int | None) -> None:
    """Check that the training labels have every class that occurs; raises :class:`UserError`."""
    missing = np.setdiff1d(np.concatenate([available, *others]), train)
    if len(missing):
        key = "data" if limit is None else f"data.limit={limit}"
        raise UserError(
            f"{key}: no training example is of class {listed(missing)}; expected one of each class at least"
            f"{'' if limit is None else ', so give a higher limit'}."
        )


def _part(available: int, fraction: float, what: str) -> int:
    count = round(available * fraction)
    if count < 1:
        raise UserError(f"{what}: {fraction:g} of {available} examples is less than one; give more examples.")
    return count
