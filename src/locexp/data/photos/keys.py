"""The keys that every format of annotated photos has; ``conf/data/voc.yaml`` and its siblings hold their defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypedDict

from annotated_types import Interval, Len, doc

from locexp.data.arrays import PARTS

Part = Literal["train", "validation", "test"]
assert PARTS == ("train", "validation", "test")


class PhotoKeys(TypedDict):
    """Where annotated photos are, and what is done with them between their files and the canvas.

    Attributes:
        source: only ``auto``.
        path: the folder, or the annotation file in it.
        size: of the canvas, [width, height] in pixels; ``auto`` for a default from the data.
        resize: ``letterbox`` keeps the shape of each photo and pads it with grey, ``stretch`` fills the canvas.
        channels: 3 for colour, 1 for grey, ``auto`` for grey only where all photos are.
        origin: what the first pixel of a row is in the annotations, and whether the last one is inclusive: 0 for
            half-open edges from 0, 1 for 1-based inclusive ones, ``auto`` for what the format says.
        classes: the names of the classes to use, in this order; ``null`` for all that are found.
        objects: which images have the one object that a network answers with: ``only`` those with exactly one, or the
            ``largest`` of each.
        group: a regular expression on the file's name: what it matches (its first group, if it has one) is equal for
            images that belong together in one part, such as frames of one scene; ``auto`` for the groups that the data
            name, else copies of one photo that an exporter made (the name before ``.rf.``); ``null`` for none.
        test_parts: which of the data's own parts are the test part; ``[validation, test]`` where the test part is too
            small alone.
        leaks: what to do with photos that are in two parts: ``warn``, ``drop`` (them from the part to train on, never
            from the test part) or ``refuse``.
        on_bad: what to do with files and boxes that cannot be used: ``drop`` them or ``stop``.
    """

    source: Annotated[Literal["auto"], doc("auto (photos are read from data.path)")]
    path: str
    size: Annotated[
        Literal["auto"] | Annotated[Sequence[Annotated[int, Interval(ge=8, le=4096)]], Len(2, 2)],
        doc("[width, height], each from 8 to 4096, or auto"),
    ]
    resize: Literal["letterbox", "stretch"]
    channels: Literal["auto", 1, 3]
    origin: Literal["auto", 0, 1]
    classes: Sequence[str | int] | None
    objects: Literal["only", "largest"]
    group: str | None
    test_parts: Sequence[Part]
    leaks: Literal["warn", "drop", "refuse"]
    on_bad: Literal["drop", "stop"]
