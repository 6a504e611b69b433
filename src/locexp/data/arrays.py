"""What travels between the rooms: raw arrays as a source delivers them, and the split data set of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from locexp.bbox.annotations import Annotations
from locexp.data.photos.listing import Problem

PARTS = ("train", "validation", "test")
NAMES = {part: (f"{part}_images", f"{part}_labels") for part in PARTS}


@dataclass(frozen=True)
class RawData:
    """Arrays as a source delivers them; :func:`locexp.data.conversion.converted` says what is understood.

    Attributes:
        name: of the data set, e.g. ``"mnist"``.
        source: where it came from: ``cache``, ``download``, ``bundled`` or ``file``.
        train_images: grey, (n, height, width), or colour, (n, height, width, 3); best uint8, values 0 to 255.
        train_labels: (n,), whole numbers from 0 to 999.
        test_images, test_labels: the official test split, or ``None`` where there is none.
        notes: what a user must know about the source, e.g. that it is a substitute.
        validation_images, validation_labels: the official validation split, or ``None``.
        names: of the arrays of each part where the user knows them, images and labels, for messages.
        annotations: boxes and what else came with the images, by part; of none of the parts or of all that are there.
        class_names: of the labels 0, 1, …, where the data name them.
        problems: images and annotations that were left out or changed, which the run lists.
        leaks: what to do about images that are in two parts: ``warn``, ``drop`` (from the part to train on) or
            ``refuse``; ``None`` does not look for them.
        resize: how images came on the canvas, ``letterbox`` or ``stretch``; ``None`` where they are as they were given.
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
    annotations: Mapping[str, Annotations] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    leaks: str | None = None
    resize: str | None = None

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
        arrays: dict[str, Any] = {NAMES[part][index]: pair[index] for part, pair in parts.items() for index in (0, 1)}
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
        images: uint8, (n, height, width), or in colour (n, height, width, 3).
        labels: int64, (n,), classes from 0.
        indices: int64, (n,), where each image is in the source's array.
        name: of that array.
        annotations: what came with the images; ``None`` where nothing did.
    """

    images: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    name: str
    annotations: Annotations | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def taken(self, chosen: np.ndarray) -> Split:
        """Return some of the images, by their numbers in this part."""
        annotations = None if self.annotations is None else self.annotations.taken(chosen)
        return Split(self.images[chosen], self.labels[chosen], self.indices[chosen], self.name, annotations)


@dataclass(frozen=True)
class Leak:
    """An image of one part that is, or nearly is, an image of another one.

    Attributes:
        part, other_part: ``train``, ``validation`` or ``test``; ``part`` is the one that is trained on, or chosen with.
        index, other_index: where the image is in the source's array.
        file, other_file: of the images, relative to the data's folder; empty where they have none.
        difference: in the block where it is largest, as a share of the contrast; 0 where the images are equal.
        images: both of them, of some leaks, which are drawn.
    """

    part: str
    index: int
    file: str
    other_part: str
    other_index: int
    other_file: str
    difference: float
    images: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class Dataset:
    """A data set split into train, validation and test.

    Attributes:
        digest: sha256 over the arrays of all three parts, in hexadecimal.
        validation_is_test: the recipe validates on the test set, so selection and reporting are not separate.
        class_names: of each class, as the user knows it: a name, or the label as a number.
        problems, resize: see :class:`RawData`.
        leaks: images that are in two parts, as the data came; ``None`` where nobody looked.
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
    class_names: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    resize: str | None = None
    leaks: tuple[Leak, ...] | None = None

    @property
    def parts(self) -> dict[str, Split]:
        """The parts by their names; without ``validation`` where that is the test part."""
        names = [part for part in PARTS if part != "validation" or not self.validation_is_test]
        return {part: getattr(self, part) for part in names}


def digest_of(parts: Iterable[Split]) -> str:
    """Return the sha256 over the images and labels of parts, in hexadecimal."""
    return sha256(*(array for part in parts for array in (part.images, part.labels)))


def sha256(*arrays: np.ndarray) -> str:
    """Return the sha256 of the shapes, dtypes and bytes of arrays, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
