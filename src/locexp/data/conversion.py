"""Arrays as people save them, turned into uint8 images and whole-number labels where their meaning is certain."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from locexp.data.arrays import NAMES, RawData
from locexp.data.boxes import fitting
from locexp.errors import UserError, listed

RANGES = ((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5))
"""What black and white are in floats, if not 0 and 255. Negative black must occur: else images are standardised."""
TOLERANCE = 1e-3
FAINTEST = 1.5 / 255
"""Floats up to this are not from 0 to 1: they were divided by 255 twice."""
BLOCK_PIXELS = 2**22
"""Pixels that are converted at a time, so that memory does not grow with n."""
EXPECTED = (
    "(n, height, width) grey images, or (n, height, width, 3) in colour, n >= 1, also with an axis of one channel or "
    "as rows of a square of pixels"
)
Say = Callable[[str], None]


def converted(raw: RawData) -> RawData:
    """Return images as uint8 (n, height, width), or (n, height, width, 3) in colour, and labels as int64 (n,).

    How others were understood is in the notes.

    Raises:
        UserError: shapes, types or values whose meaning is not certain.
    """
    if not isinstance(raw, RawData):
        raise UserError(f"data._target_: gives a {type(raw).__name__}; expected locexp.data.arrays.RawData.")
    if raw.resize is not None:  # photos: they are on their canvas as they are to be
        return raw
    arrays: dict[str, np.ndarray] = {}
    notes: dict[str, list[str]] = {}
    for part, (images, labels) in raw.parts.items():
        images, labels = np.asarray(images), np.asarray(labels)
        for kind, array in (("images", images), ("labels", labels)):
            if array.dtype.kind not in "buif":
                raise UserError(
                    f"{raw.names[part][kind == 'labels']}: {kind} are {array.dtype}; expected numbers."
                    + (" np.unique(labels, return_inverse=True)[1] numbers them." if kind == "labels" else "")
                )

        def note(index: int, text: str, part: str = part) -> None:
            notes.setdefault(text, []).append(raw.names[part][index])

        where = listed(raw.names[part])
        images = _shaped(images, labels, where, lambda text: note(0, text))
        arrays[NAMES[part][0]] = _grey_levels(images, where, lambda text: note(0, text))
        arrays[NAMES[part][1]] = _whole_numbers(labels, len(images), where, lambda text: note(1, text))
    annotations = fitting(raw)
    understood = tuple(f"{listed(names)}: {text}" for text, names in notes.items())
    return replace(raw, notes=raw.notes + understood, annotations=annotations, **arrays)  # type: ignore[arg-type]


@contextlib.contextmanager
def naming(path: str | None) -> Iterator[None]:
    """Add to an error which of the user's files its images are from."""
    try:
        yield
    except UserError as error:
        if path is None:
            raise
        raise UserError(f"{error} The images are those of data.path={path}.") from error


def _shaped(images: np.ndarray, labels: np.ndarray, where: str, say: Say) -> np.ndarray:
    shape = images.shape
    if labels.shape[:1] == shape[-1:] != shape[:1]:
        raise UserError(
            f"{where}: images have shape {shape} for {len(labels)} labels, so their last axis counts them; expected "
            f"{EXPECTED}: save np.moveaxis(images, -1, 0)."
        )
    for axis in (-1, 1):
        if images.ndim == 4 and shape[axis] == 3 and (images == images.take([0], axis)).all():
            say("the three channels are equal, so one is read.")
            images = images.take(0, axis)
    if images.ndim == 4 and shape[-1] == 3 and 0 not in shape:
        return np.ascontiguousarray(images)
    if images.ndim == 4 and shape[1] == 3 and 0 not in shape and shape[-1] > 4:
        say("colour is moved from the first axis of each image to its last.")
        return np.ascontiguousarray(np.moveaxis(images, 1, -1))
    sides = [side for side in images.shape[1:] if side != 1]  # an axis of one channel says nothing
    root = math.isqrt(sides[0]) if len(sides) == 1 else 0
    if root and root**2 == sides[0]:
        sides = [root, root]
        say(f"rows of {root**2} values are read as images of {root}x{root}.")
    elif images.ndim == 3:
        sides = list(images.shape[1:])
    if len(sides) != 2 or 0 in shape:
        remedy = ""
        if images.ndim == 4 and shape[-1] == 4:
            remedy = " Save images[..., :3], without what is transparent."
        elif images.ndim == 4 and shape[1] == 4:
            remedy = " Save np.moveaxis(images[:, :3], 1, -1), without what is transparent."
        raise UserError(f"{where}: images have shape {shape}; expected {EXPECTED}.{remedy}")
    return np.ascontiguousarray(images.reshape(shape[0], *sides))


def _grey_levels(images: np.ndarray, where: str, say: Say) -> np.ndarray:
    low, high = images.min(), images.max()
    if images.dtype.kind == "f":
        return _from_floats(images, float(low), float(high), where, say)
    if low >= 0 and high == 1:
        say("holds only 0 and 1, read as black and white: multiplied by 255.")
        return images.astype(np.uint8) * np.uint8(255)
    if low < 0 or high > 255:
        remedy = " Divide by 257 if 65535 is white." if low >= 0 else ""
        raise UserError(
            f"{where}: images are {images.dtype} from {low} to {high}; expected uint8 values from 0 to 255.{remedy}"
        )
    return images.astype(np.uint8, copy=False)


def _from_floats(images: np.ndarray, low: float, high: float, where: str, say: Say) -> np.ndarray:
    for black, white in RANGES:
        lowest = black - TOLERANCE <= low if black == 0 else abs(low - black) <= TOLERANCE
        if lowest and high <= white + TOLERANCE and not 0 < high <= FAINTEST:
            say(f"floats from {black:g} (black) to {white:g} (white) are read as 0 to 255.")
            return _scaled(images, black, white)[0]
    if low >= 0 and high <= 255:  # NaN is neither
        levels, exact = _scaled(images, 0, 255)
        if exact:
            return levels
        if high >= 128:
            say("floats from 0 to 255 are rounded to whole numbers.")
            return levels
    spread = "with NaN among them" if math.isnan(low) else f"from {low:g} to {high:g}"
    raise UserError(
        f"{where}: images are {images.dtype} {spread}; expected uint8 values from 0 to 255, or floats, "
        f"black to white {', '.join(f'{black:g} to {white:g}' for black, white in (*RANGES, (0, 255)))}."
    )


def _scaled(images: np.ndarray, black: float, white: float) -> tuple[np.ndarray, bool]:
    """Return images with black at 0 and white at 255, and whether nothing was rounded."""
    made, exact = np.empty(images.shape, np.uint8), True
    size = max(1, BLOCK_PIXELS // math.prod(images.shape[1:]))
    for part in (slice(start, start + size) for start in range(0, len(images), size)):
        levels = (images[part].astype(np.float64) - black) * (255 / (white - black))
        made[part] = np.clip(np.rint(levels), 0, 255)
        exact = exact and bool((made[part] == levels).all())
    return made, exact


def _whole_numbers(labels: np.ndarray, count: int, where: str, say: Say) -> np.ndarray:
    if labels.ndim == 2 and len(labels) == count and labels.shape[1] > 1:
        hot = labels == 1
        if (hot.sum(axis=1) == 1).all() and (labels[~hot] == 0).all():
            say(f"one-hot rows of {labels.shape[1]} are read as the position of their 1.")
            labels = hot.argmax(axis=1)
    if labels.size == count and count in labels.shape:
        labels = labels.reshape(-1)
    if labels.shape != (count,):
        raise UserError(
            f"{where}: labels have shape {labels.shape}; expected ({count},), one per image, or one-hot rows."
        )
    low, high = labels.min(), labels.max()
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and (labels == np.rint(labels)).all()):
        raise UserError(f"{where}: labels are {labels.dtype}, not all whole; expected whole numbers from 0.")
    if low < 0 or high > 999:
        raise UserError(f"{where}: labels run from {low} to {high}; expected whole numbers from 0 to 999.")
    return labels.astype(np.int64)
