"""What travels between the rooms: raw arrays as a source delivers them, and the split data set of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

PARTS = ("train", "validation", "test")
NAMES = {part: (f"{part}_images", f"{part}_labels") for part in PARTS}


@dataclass(frozen=True)
class RawData:
    """Arrays as a source delivers them; :func:`locexp.data.conversion.converted` says what is understood.

    Attributes:
        name: of the data set, e.g. ``"mnist"``.
        source: where it came from: ``cache``, ``download``, ``bundled`` or ``file``.
        train_images: grey, (n, height, width); best uint8, values 0 to 255.
        train_labels: (n,), whole numbers from 0 to 999.
        test_images, test_labels: the official test split, or ``None`` where there is none.
        notes: what a user must know about the source, e.g. that it is a substitute.
        validation_images, validation_labels: the official validation split, or ``None``.
        names: of the arrays of each part where the user knows them, images and labels, for messages.
    """

    name: str
    source: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    validation_images: np.ndarray | None = None
    validation_labels: np.ndarray | None = None
    names: Mapping[str, tuple[str, str]] = field(default_factory=lambda: NAMES)

    @classmethod
    def of_parts(
        cls,
        name: str,
        parts: Mapping[str, tuple[np.ndarray, np.ndarray]],
        names: Mapping[str, tuple[str, str]],
        notes: Iterable[str],
    ) -> RawData:
        """Return what a user's file holds.

        Args:
            name: of the data set.
            parts: images and labels, by ``train`` and, where they are there, ``validation`` and ``test``.
            names: of the same arrays.
            notes: what the user must know.
        """
        arrays = {NAMES[part][index]: pair[index] for part, pair in parts.items() for index in (0, 1)}
        return cls(name, "file", notes=tuple(notes), names=names, **arrays)

    @property
    def parts(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Images and labels of the parts that are there, by ``train``, ``validation`` and ``test``."""
        arrays = {part: (getattr(self, NAMES[part][0]), getattr(self, NAMES[part][1])) for part in PARTS}
        return {part: pair for part, pair in arrays.items() if pair[0] is not None and pair[1] is not None}


@dataclass(frozen=True)
class Split:
    """One part of a data set.

    Attributes:
        images: uint8, (n, height, width).
        labels: int64, (n,), classes from 0.
        indices: int64, (n,), where each image is in the source's array.
        name: of that array.
    """

    images: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    name: str

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """A data set split into train, validation and test.

    Attributes:
        digest: sha256 over the arrays of all three parts, in hexadecimal.
        validation_is_test: the recipe validates on the test set, so selection and reporting are not separate.
    """

    name: str
    source: str
    train: Split
    validation: Split
    test: Split
    num_classes: int
    digest: str
    validation_is_test: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def image_shape(self) -> tuple[int, int]:
        """(height, width) of every image."""
        height, width = self.train.images.shape[1:]
        return int(height), int(width)


def sha256(*arrays: np.ndarray) -> str:
    """Return the sha256 of the shapes, dtypes and bytes of arrays, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
