"""What a reader of annotations finds: images, not opened yet, and the objects that are marked in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LEFT_OUT = "left out"
"""The action of a problem because of which an image is not used."""


@dataclass(frozen=True)
class MarkedObject:
    """An object that is marked in an image.

    Attributes:
        label: the name of its class.
        box: half-open x1, y1, x2, y2, as written: it may be outside the image, empty or inverted.
        is_relative: the box is in shares of the image's width and height, else in its pixels.
        is_crowd: it marks a crowd of objects, which is no example of one.
    """

    label: str
    box: tuple[float, float, float, float]
    is_relative: bool = False
    is_crowd: bool = False


@dataclass(frozen=True)
class ListedImage:
    """An image with the objects marked in it; none where its annotation says so.

    Attributes:
        path: of its file, which may not exist.
        objects: in the order of the annotation.
        part: ``train``, ``validation`` or ``test``, where the data say so.
        where: the annotation, for messages: a file and, where it helps, a line: ``"train/gt.csv, line 12"``.
        size: width and height as the annotation has them, else ``None``.
        group: what it belongs together with, where the data say so.
    """

    path: Path
    objects: tuple[MarkedObject, ...]
    part: str | None = None
    where: str = ""
    size: tuple[int, int] | None = None
    group: str | None = None


@dataclass(frozen=True)
class Problem:
    """Something about one file that a user should know.

    Attributes:
        file: relative to the data's folder.
        problem: what was found, e.g. ``"box 1: x2=10 is left of x1=30"``.
        action: what was done: :data:`LEFT_OUT`, or e.g. ``"clipped to the image"``.
    """

    file: str
    problem: str
    action: str


@dataclass(frozen=True)
class Listing:
    """What a folder of annotated images holds.

    Attributes:
        name: of the data set: that of its folder.
        images: in the order of their paths.
        class_names: in the data's own order where it has a list, unused ones too; else empty.
        problems: found while reading, one for each image or annotation that was left out.
        notes: what the run has to say about how the data were understood, e.g. the origin of coordinates.
    """

    name: str
    images: tuple[ListedImage, ...]
    class_names: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
