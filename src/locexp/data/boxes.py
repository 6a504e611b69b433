"""Boxes that came with arrays of images: whether they fit these, and in which unit they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from locexp.bbox.annotations import Annotations
from locexp.data.arrays import RawData
from locexp.errors import UserError, listed, verb

TOLERANCE = 1e-3
"""How far shares may be beyond 0 and 1, by rounding."""
LEAST_PIXELS = 2
"""If no edge of any box is as far as this, boxes are no pixels."""
MOST_INVERTED = 0.05
"""If more boxes than this share end before they begin, their numbers mean something else."""
MOST_NUMBERS = 9
EXPECTED = "x1, y1, x2, y2 of each image, in pixels from 0 or in shares of its width and height"


def fitting(raw: RawData) -> dict[str, Annotations]:
    """Return the annotations of raw data, boxes as float64; what is with some parts must be with all.

    Raises:
        UserError: they are not (n, 4) numbers for n images, or parts lack them.
    """
    if not raw.annotations:
        return {}
    checked = {}
    for part, (images, _) in raw.parts.items():
        given, name = raw.annotations.get(part), raw.names[part][0]
        if given is None:
            raise UserError(
                f"{name}: has no boxes, but {listed(raw.names[one][0] for one in raw.annotations)} has; expected boxes "
                "for all parts, or for none."
            )
        boxes = np.asarray(given.boxes)
        if boxes.dtype.kind not in "uif" or boxes.shape != (len(images), 4):
            raise UserError(
                f"{name}: its boxes are {boxes.dtype} {boxes.shape}; expected numbers ({len(images)}, 4): {EXPECTED}."
            )
        for what, values in (("files", given.files), ("groups", given.groups)):
            if values is not None and values.shape != (len(images),):
                raise UserError(
                    f"{name}: its {what} have shape {values.shape}; expected ({len(images)},), one for each image."
                )
        checked[part] = replace(given, boxes=boxes.astype(np.float64))
    return checked


def in_pixels(raw: RawData) -> RawData:
    """Return converted data whose boxes are in pixels, clipped to the images; what was done is in the notes.

    Boxes from 0 to 1 are shares of the image's width and height.

    Raises:
        UserError: boxes are empty, outside, not finite, or neither pixels nor shares.
    """
    if not raw.annotations:
        return raw
    edges = np.concatenate([given.boxes for given in raw.annotations.values()])
    _check(raw)
    high = edges.max()
    are_shares = bool(edges.min() >= -TOLERANCE and high <= 1 + TOLERANCE)
    if not are_shares and high < LEAST_PIXELS:
        name = raw.names["train"][0]
        raise UserError(f"{name}: its boxes run from {edges.min():g} to {high:g}; expected {EXPECTED}.")
    unit = "shares of the image's width and height" if are_shares else "pixels, from 0"
    notes = [f"{listed(raw.names[part][0] for part in raw.annotations)}: boxes are x1, y1, x2, y2 in {unit}."]
    annotations = {}
    for part, given in raw.annotations.items():
        name, (height, width) = raw.names[part][0], raw.parts[part][0].shape[1:3]
        size = np.array([width, height, width, height])
        boxes = given.boxes * size if are_shares else given.boxes
        clipped = boxes.clip(0, size)
        empty = np.flatnonzero((clipped[:, 2:] <= clipped[:, :2]).any(axis=1))
        if len(empty):
            first = listed(f"{edge:g}" for edge in boxes[empty[0]])
            raise UserError(
                f"{name}: {len(empty)} of {len(boxes)} boxes {verb(len(empty), 'is', 'are')} outside of the image "
                f"({width}x{height}), {_numbered(empty)}; the first is {first}."
            )
        beyond = int((np.abs(clipped - boxes) > TOLERANCE).any(axis=1).sum())
        if beyond:
            reach = verb(beyond, "reaches beyond the image and is", "reach beyond the image and are")
            notes.append(f"{name}: {beyond} of {len(boxes)} boxes {reach} clipped.")
        annotations[part] = replace(given, boxes=clipped)
    return replace(raw, annotations=annotations, notes=(*raw.notes, *notes))


def _check(raw: RawData) -> None:
    """Raise :class:`UserError` if boxes are not finite, or end before they begin."""
    for part, given in raw.annotations.items():
        name, boxes = raw.names[part][0], given.boxes
        wrong = np.flatnonzero(~np.isfinite(boxes).all(axis=1))
        if len(wrong):
            are = verb(len(wrong), "is", "are")
            raise UserError(f"{name}: {len(wrong)} of {len(boxes)} boxes {are} not finite, {_numbered(wrong)}.")
        wrong = np.flatnonzero((boxes[:, 2:] <= boxes[:, :2]).any(axis=1))
        if len(wrong):
            remedy = ""
            if len(wrong) > MOST_INVERTED * len(boxes):
                remedy = (
                    " If they are x, y, width, height, save np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])."
                )
            are = verb(len(wrong), "is empty or ends before it begins", "are empty or end before they begin")
            raise UserError(
                f"{name}: {len(wrong)} of {len(boxes)} boxes {are}, {_numbered(wrong)}; expected {EXPECTED}.{remedy}"
            )


def _numbered(indices: np.ndarray) -> str:
    more = f" and {len(indices) - MOST_NUMBERS} more" if len(indices) > MOST_NUMBERS else ""
    return f"counted from 0: {listed(indices[:MOST_NUMBERS].tolist())}{more}"
