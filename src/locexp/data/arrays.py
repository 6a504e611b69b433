"""What travels between the rooms: raw arrays as a source delivers them, and the split data set of a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from locexp.errors import UserError


@dataclass(frozen=True)
class RawData:
    """Arrays as a source delivers them.

    Attributes:
        name: of the data set, e.g. ``"mnist"``.
        source: where it came from: ``cache``, ``download``, ``bundled`` or ``file``.
        train_images: uint8, (n, height, width), values 0 to 255.
        train_labels: int64, (n,), values 0 to classes - 1.
        test_images, test_labels: the official test split, or ``None`` where there is none.
        notes: what a user must know about the source, e.g. that it is a substitute.
    """

    name: str
    source: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """Images (uint8, (n, height, width)) and labels (int64, (n,)) of one part of a data set."""

    images: np.ndarray
    labels: np.ndarray

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


def checked(images: np.ndarray, labels: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images as uint8 (n, height, width) and labels as int64 (n,).

    A trailing axis of one channel is dropped; integer images of another dtype are taken if their values fit.

    Raises:
        UserError: wrong shapes, dtypes or ranges; ``where`` names the arrays in the message.
    """
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim != 3 or 0 in images.shape:
        raise UserError(f"{where}: images have shape {images.shape}; expected (n, height, width) grey images, n >= 1.")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (len(images),):
        raise UserError(f"{where}: labels have shape {labels.shape}; expected ({len(images)},), one an image.")
    if images.dtype != np.uint8:
        fits = np.issubdtype(images.dtype, np.integer) and images.min() >= 0 and images.max() <= 255
        if not fits:
            raise UserError(f"{where}: images are {images.dtype}; expected uint8 values from 0 to 255.")
        images = images.astype(np.uint8)
    if not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"{where}: labels are {labels.dtype}; expected whole numbers from 0.")
    if labels.min() < 0 or labels.max() > 999:
        raise UserError(
            f"{where}: labels run from {labels.min()} to {labels.max()}; expected whole numbers from 0 to 999."
        )
    return np.ascontiguousarray(images), labels.astype(np.int64)
