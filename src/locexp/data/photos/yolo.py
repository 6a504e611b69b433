"""``data=yolo``: photos with a text file each, as darknet and Ultralytics have them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from locexp.bounds import checked
from locexp.data.arrays import RawData
from locexp.data.photos.folder import Match, stem_of, walked
from locexp.data.photos.gathering import Gathering, Spoilt
from locexp.data.photos.keys import PhotoKeys
from locexp.data.photos.listing import Listing, MarkedObject
from locexp.data.photos.part_names import part_of_word
from locexp.data.photos.pipeline import photos
from locexp.data.photos.recognised import is_yolo, nothing_found, recognised
from locexp.data.photos.yolo_description import Description, described, is_described_by, parts_of
from locexp.errors import UserError

LARGEST = 2**22
"""Bytes of the labels of one image."""
FARTHEST = 1.0
"""How far outside of the image, in its widths or heights, an edge may be that is a share of it, and not a pixel."""


@checked("data")
def load(**keys: Unpack[PhotoKeys]) -> RawData:
    """Read photos that are annotated as YOLO has them; see :func:`read` and :class:`PhotoKeys`.

    Raises:
        UserError: there are none, or they cannot be used.
    """
    return photos(read(Path(keys["path"]), keys["origin"]), keys)


def read(folder: Path, origin: str | int = "auto") -> Listing:
    """List the images of a folder that has a text file for each, beside it or in ``labels`` for those in ``images``.

    Each line is an object: its class, and the centre, width and height of its box in shares of the image, or the
    corners of its outline, whose box is read. An empty file is an image without an object. Class names and parts are
    those of a YAML file, if there is one; else names are in ``classes.txt`` or ``*.names``, and folders called train,
    valid or test are parts.

    Args:
        folder: of the data, or the YAML file in it.
        origin: ``auto`` or 0.

    Raises:
        UserError: there is no such folder, no labels, or none that can be used.
    """
    if origin == 1:
        raise UserError("data.origin=1: boxes of YOLO are shares of the image, which have no first pixel; give auto.")
    given = walked(folder)
    walk = replace(given, given=None)
    gathering = Gathering(walk, "yolo")
    description = described(gathering, given.given)
    labels: dict[str, Match] = {}
    lists: dict[str, str] = {}
    for file in walk.ending(".txt"):
        if is_described_by(file):
            continue
        partners = walk.partners(file)
        if len(partners) == 1:
            labels[file] = Match(partners[0], is_elsewhere=False)
        elif partners:
            gathering.leave_out(file, f"several images are called so: {', '.join(partners)}", image=None)
        elif is_yolo(walk.root / file):
            gathering.leave_out(file, "there is no image called so", image=None)
        elif part := part_of_word(stem_of(file)):
            lists.setdefault(part, file)
    is_other = recognised(walk) not in (None, "yolo")
    if (not labels and not gathering.problems) or (is_other and not any(is_yolo(walk.root / file) for file in labels)):
        raise nothing_found(walk, "yolo")
    if not description.parts and lists:
        description = replace(description, parts={part: [f"{walk.root.as_posix()}/{lists[part]}"] for part in lists})
    parts = parts_of(gathering, description)
    for file, match in labels.items():
        try:
            objects = _objects(gathering, file, description)
        except (Spoilt, UserError) as reason:
            gathering.refuse(file, str(reason), is_only=False, image=match.path)
            continue
        gathering.add(match, objects, where=file, part=parts.get(match.path) or gathering.folder.part_of(match.path))
    if description.names:
        gathering.note(f"class names are those of {description.file}")
    else:
        gathering.note("nothing names the classes (data.yaml, classes.txt), so they are called by their numbers")
    return gathering.listing([description.names[key] for key in sorted(description.names)])


def _objects(gathering: Gathering, file: str, description: Description) -> list[MarkedObject]:
    """Return the objects of a label file; raises :class:`Spoilt`, and :class:`UserError` where it cannot be read."""
    objects = []
    for line, text in enumerate(gathering.text(file, LARGEST).splitlines(), 1):
        if words := text.split():
            try:
                numbers = [float(word) for word in words]
            except ValueError:
                raise Spoilt(
                    f"line {line} is {text.strip()[:40]!r}; expected numbers: class, centre and size"
                ) from None
            label = _label(numbers[0], line, description)
            objects.append(MarkedObject(label, _box(gathering, file, numbers[1:], line, description), is_relative=True))
    return objects


def _label(number: float, line: int, description: Description) -> str:
    names: Mapping[int, str] = description.names
    if not (number >= 0 and number % 1 == 0):
        raise Spoilt(f"line {line}: class {number:g}; expected a whole number from 0")
    if names and int(number) not in names:
        raise Spoilt(f"line {line}: class {number:g} is none of the {len(names)} that {description.file} names")
    return names.get(int(number), str(int(number)))


def _box(
    gathering: Gathering, file: str, numbers: list[float], line: int, description: Description
) -> tuple[float, float, float, float]:
    """Return x1, y1, x2, y2 of the numbers behind the class; raises :class:`Spoilt`."""
    if len(numbers) < 4 or (len(numbers) > 5 and len(numbers) % 2 and not description.has_keypoints):
        raise Spoilt(f"line {line} has {len(numbers) + 1} numbers; expected class, centre x, centre y, width, height")
    if len(numbers) >= 6 and not description.has_keypoints:
        gathering.note("with outlines, read as their boxes", file)
        box = (min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2]))
    else:
        if len(numbers) > 4:
            what = "keypoints" if description.has_keypoints else "a sixth number, such as a confidence,"
            gathering.note(f"with {what} behind the box, not used", file)
        x, y, width, height = numbers[:4]
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    if any(math.isfinite(edge) and not -FARTHEST <= edge <= 1 + FARTHEST for edge in box):
        raise Spoilt(f"line {line}: {max(numbers, key=abs):g} is no share of the image; expected numbers from 0 to 1")
    return box
