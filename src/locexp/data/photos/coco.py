"""``data=coco``: photos annotated in one JSON file, or in one for each part, as COCO and Roboflow have them."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Unpack

from locexp.bounds import checked
from locexp.data.arrays import RawData
from locexp.data.files import check_size
from locexp.data.photos.folder import Unmatched, stem_of, walked
from locexp.data.photos.gathering import Gathering, Spoilt
from locexp.data.photos.keys import PhotoKeys
from locexp.data.photos.listing import Listing, MarkedObject
from locexp.data.photos.part_names import part_of_name
from locexp.data.photos.pipeline import photos
from locexp.data.photos.recognised import nothing_found
from locexp.errors import UserError, first_line

MEMORY = 12
"""Times the size of a JSON file that it takes as objects, about."""
Json = Mapping[str, object]


@checked("data")
def load(**keys: Unpack[PhotoKeys]) -> RawData:
    """Read photos that are annotated as COCO has them; see :func:`read` and :class:`PhotoKeys`.

    Raises:
        UserError: there are none, or they cannot be used.
    """
    return photos(read(Path(keys["path"]), keys["origin"]), keys)


def read(folder: Path, origin: str | int = "auto") -> Listing:
    """List the images of a folder with COCO's JSON files, or of one of these.

    A file that is called train, val or test, or lies in such a folder, is a part. Where there are ``instances_*.json``,
    captions and keypoints beside them are not read.

    Args:
        folder: of the data, or a JSON file in it.
        origin: 1 for boxes (x, y, width, height) from 1; ``auto`` and 0 for those from 0.

    Raises:
        UserError: there is no such folder, no annotation, or none that can be used.
    """
    walk = walked(folder)
    gathering = Gathering(walk, "coco")
    files = walk.ending(".json")
    sets = {file: one for file in files if (one := _parsed(gathering, file, is_only=len(files) == 1)) is not None}
    if instances := [file for file in sets if posixpath.basename(file).startswith("instances_")]:
        for file in sorted(set(sets) - set(instances)):
            gathering.note("beside instances_*.json, not used", file)
            del sets[file]
    if not sets and not gathering.problems:
        raise nothing_found(walk, "coco")
    names: list[str] = []
    for file, read_set in sets.items():
        categories = _categories(gathering, file, read_set)
        names += [name for name in categories.values() if name not in names]
        _images(gathering, file, read_set, categories, offset=1 if origin == 1 else 0)
    if origin == 1:
        gathering.note("boxes count from 1 (data.origin=1), and are read as x-1, y-1, width, height")
    else:
        gathering.note("boxes are read as x, y, width, height from 0, as written")
    return gathering.listing(names)


def _parsed(gathering: Gathering, file: str, *, is_only: bool) -> Json | None:
    """Return a COCO file; ``None`` for another JSON file, and for a spoilt one: an error where it is the only one."""
    path = gathering.folder.root / file
    try:
        check_size(path, "data.path", MEMORY * path.stat().st_size)
        content = json.loads(gathering.text(file, largest=path.stat().st_size))
    except (UserError, ValueError, RecursionError, OSError) as error:
        reason = str(error) if isinstance(error, UserError) else f"is not JSON ({first_line(error)})"
        gathering.refuse(file, reason, is_only=is_only)
        return None
    if not (isinstance(content, dict) and "images" in content and (is_only or "annotations" in content)):
        gathering.note("of JSON without images and annotations, not used", file)
        return None
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key), list):
            found = f"has no {key}" if key not in content else f"{key} is a {type(content[key]).__name__}"
            gathering.refuse(file, f"{found}; expected a list, as COCO has it", is_only=is_only)
            return None
    return content


def _categories(gathering: Gathering, file: str, content: Json) -> dict[object, str]:
    """Return the names of the categories by their ids, in the order of the file."""
    found: dict[object, str] = {}
    for number, one in enumerate(_entries(content, "categories")):
        try:
            name = str(_needed(one, "name", str, int, float)).strip()
            key = _needed(one, "id", int, str)
            if not name:
                raise Spoilt("has an empty name")
        except Spoilt as reason:
            gathering.leave_out(file, f"categories[{number}]: {reason}", image=None)
            continue
        if name in found.values():
            gathering.note("of several ids, read as one class", name, "category")
        if found.setdefault(key, name) != name:
            gathering.leave_out(file, f"categories[{number}]: id {key} is both {found[key]} and {name}", image=None)
    return found


def _images(gathering: Gathering, file: str, content: Json, categories: Mapping[object, str], offset: int) -> None:
    by_image: dict[object, list[object]] = {}
    for number, one in enumerate(_entries(content, "annotations")):
        try:
            by_image.setdefault(_needed(one, "image_id", int, str), []).append(one)
        except Spoilt as reason:
            gathering.leave_out(file, f"annotations[{number}]: {reason}", image=None)
    folder = posixpath.dirname(file)
    part_of_file = gathering.folder.part_of(file) or part_of_name(stem_of(file))
    for number, image in enumerate(_entries(content, "images")):
        where = f"{file}, images[{number}]"
        try:
            name, key = str(_needed(image, "file_name", str)), _needed(image, "id", int, str)
        except Spoilt as reason:
            gathering.leave_out(file, f"images[{number}]: {reason}", image=None)
            continue
        entries = by_image.pop(key, ())
        try:
            match = gathering.folder.find(name, folder, part_of_file)
        except Unmatched as reason:
            gathering.leave_out(name or file, f"{where}: {reason}", image=None)
            continue
        try:
            objects = [_object(one, categories, offset) for one in entries]
        except Spoilt as reason:
            gathering.leave_out(match.path, f"{where}: {reason}", match.path)
            continue
        gathering.add(
            match,
            objects,
            where=where,
            part=part_of_file or gathering.folder.part_of(match.path),
            size=_size(image),
        )
    for key in by_image:
        gathering.leave_out(file, f"annotations of image_id {key!r:.40}, which is not in images", image=None)


def _entries(content: Json, key: str) -> Iterator[object]:
    entries = content[key]
    assert isinstance(entries, list)
    yield from entries


def _needed(entry: object, key: str, *kinds: type) -> object:
    """Return a value of an entry; raises :class:`Spoilt` where it is not there or of another kind."""
    if not isinstance(entry, dict):
        raise Spoilt(f"is {entry!r:.40}; expected an object with {key}")
    value = entry.get(key)
    if not isinstance(value, kinds) or isinstance(value, bool):
        found = "has no" if key not in entry else f"has {value!r:.40} as"
        raise Spoilt(f"{found} {key}")
    return value


def _object(entry: object, categories: Mapping[object, str], offset: int) -> MarkedObject:
    category = _needed(entry, "category_id", int, str)
    assert isinstance(entry, dict)
    name = f"annotation {entry.get('id')!r:.40}"
    if category not in categories:
        raise Spoilt(f"{name}: category_id {category!r:.40} is not in categories")
    box = entry.get("bbox")
    try:
        if not isinstance(box, Sequence) or isinstance(box, str) or len(box) != 4:
            raise ValueError
        x, y, width, height = (float(edge) for edge in box)
    except (ValueError, TypeError, OverflowError):
        raise Spoilt(f"{name}: bbox is {box!r:.60}; expected [x, y, width, height]") from None
    x, y = x - offset, y - offset
    return MarkedObject(
        categories[category], (x, y, x + width, y + height), is_crowd=entry.get("iscrowd") in (1, True, "1")
    )


def _size(image: object) -> tuple[int, int] | None:
    assert isinstance(image, dict)
    width, height = image.get("width"), image.get("height")
    if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
        return width, height
    return None
