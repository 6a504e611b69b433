"""The one way from a listing of annotated photos to arrays: which are used, and how they come on the canvas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from locexp.bbox.annotations import Annotations
from locexp.data.arrays import PARTS, RawData
from locexp.data.photos import boxes, cache, canvas, read
from locexp.data.photos.choose import choose, class_names
from locexp.data.photos.decode import Header, UnusableError
from locexp.data.photos.folder import root_of
from locexp.data.photos.groups import groups
from locexp.data.photos.keys import PhotoKeys
from locexp.data.photos.listing import LEFT_OUT, ListedImage, Listing, Problem
from locexp.data.photos.own_parts import name_of, parts
from locexp.data.photos.problems import Problems, shown
from locexp.data.photos.read import Photos
from locexp.errors import UserError, counted
from locexp.images import channels_of


@dataclass(frozen=True)
class Marked:
    """A photo with the one object in it that is used.

    Attributes:
        row: of the photo among all that are read.
        label: name of the object's class.
        box: float64 (4,), xyxy in pixels of the upright photo, inside of it.
    """

    row: int
    label: str
    box: np.ndarray


def photos(listing: Listing, keys: PhotoKeys) -> RawData:
    """Return the photos of a listing on a canvas, each with the box and the class of its one object.

    Args:
        listing: what a reader found.
        keys: of ``data``; names of files are relative to the folder of its ``path``.

    Raises:
        UserError: a key does not fit the data, too many files cannot be used, or the photos do not fit into memory.
    """
    folder = root_of(keys["path"])
    problems = Problems(folder, keys["on_bad"])
    problems.extend(listing.problems)
    asked = None if keys["classes"] is None else [str(name) for name in keys["classes"]]
    chosen, notes = choose(listing, folder, asked, keys["objects"])
    images, roles, part_notes = parts(chosen, keys["test_parts"], f"data.path={folder}")
    names = [shown(image.path, folder) for image in images]
    whole, marked = _read(images, names, folder, keys, problems)
    if not any(roles[one.row] == "train" for one in marked):
        raise UserError(f"data.path={folder}: no photo of the part to train on can be used; data.on_bad=stop says why.")
    rows = np.array([one.row for one in marked])
    names = [names[row] for row in rows]
    labels = [one.label for one in marked]
    classes = class_names(labels, listing, asked)
    numbers = np.array([classes.index(label) for label in labels], np.int64)
    group, group_notes = groups([images[row] for row in rows], names, keys["group"])
    placement = whole.placement.taken(rows)
    annotations = Annotations(
        placement.to_canvas(np.array([one.box for one in marked])), np.array(names), group, placement
    )
    notes += [*part_notes, *_notes(whole, rows, annotations, keys), *group_notes]
    arrays, given, called = {}, {}, {}
    for part in PARTS:
        of_part = np.array([index for index, row in enumerate(rows) if roles[row] == part], np.int64)
        if len(of_part):
            arrays[part] = whole.images[rows[of_part]], numbers[of_part]
            given[part] = annotations.taken(of_part)
            name = name_of(part, [names[index] for index in of_part], folder)
            called[part] = name, name
    return replace(
        RawData.of_parts(listing.name, arrays, called, (*listing.notes, *notes)),
        annotations=given,
        class_names=classes,
        problems=tuple(sorted(problems.found, key=lambda problem: problem.file)),
        leaks=keys["leaks"],
        resize=keys["resize"],
    )


def _read(
    images: Sequence[ListedImage], names: Sequence[str], folder: Path, keys: PhotoKeys, problems: Problems
) -> tuple[Photos, list[Marked]]:
    """Return all photos, from the cache if it has them, and those of them that can be used."""
    where = f"data.path={folder}"
    paths = [image.path for image in images]
    given = keys["size"]
    asked = None if given == "auto" else (int(given[0]), int(given[1]))
    read.check_memory(len(paths), asked or canvas.LEAST, keys["channels"], where)  # before gigabytes are hashed
    entry = cache.key(read.contents(paths), keys["size"], keys["resize"], keys["channels"])
    whole = cache.load(entry)
    if whole is None:
        known = read.headers(paths)
        early = Problems(folder, keys["on_bad"])  # what the headers tell, before any pixel is read
        early.found += problems.found
        _marked(images, names, known, early)
        early.check(names)
        size = asked or canvas.default_size(read.sizes(known)[_usable(known)])
        read.check_memory(len(paths), size, keys["channels"], where)
        whole = read.photos(paths, known, size, keys["resize"], keys["channels"])
        cache.keep(entry, whole)
    marked = _marked(images, names, whole.headers, problems)
    problems.check(names)
    for row in (one.row for one in marked):
        problems.found += [Problem(names[row], *remark) for remark in whole.remarks[row]]
    return whole, marked


def _usable(known: Sequence[Header | UnusableError]) -> list[int]:
    return [row for row, one in enumerate(known) if isinstance(one, Header)]


def _marked(
    images: Sequence[ListedImage],
    names: Sequence[str],
    known: Sequence[Header | UnusableError],
    problems: Problems,
) -> list[Marked]:
    """Return the photos that can be used, as far as their headers and boxes tell; the largest of several objects."""
    marked = []
    for row, (image, name, header) in enumerate(zip(images, names, known, strict=True)):
        if isinstance(header, UnusableError):
            problems.add(name, str(header), LEFT_OUT)
            continue
        try:
            placed = boxes.on_photo(image, header)
        except UnusableError as error:
            problems.add(name, str(error), LEFT_OUT)
            continue
        if placed.other_size:
            problems.add(name, placed.other_size, "the boxes are scaled")
        if placed.is_turned:  # worth a word, and no problem
            problems.found.append(Problem(name, "annotated as it lies in its file", "the boxes are turned upright"))
        several = len(placed.boxes) > 1
        usable: list[Marked] = []
        for one, box in zip(image.objects, placed.boxes, strict=True):
            try:
                clipped, outside = boxes.inside(box, one, header.size)
            except UnusableError as error:
                problems.add(name, str(error), "this box is left out" if several else LEFT_OUT)
                continue
            if outside:
                problems.add(name, outside, "clipped to the photo")
            usable.append(Marked(row, one.label, clipped))
        if usable:
            marked.append(max(usable, key=lambda one: np.prod(one.box[2:] - one.box[:2])))
        elif several:
            problems.add(name, "none of its boxes can be used", LEFT_OUT)
    return marked


def _notes(whole: Photos, rows: np.ndarray, annotations: Annotations, keys: PhotoKeys) -> list[str]:
    """Return what a run says of its photos: their sizes, their canvas, what is unusual about some."""
    placement = annotations.placement
    assert placement is not None
    count = len(placement.sizes)
    areas = placement.sizes.prod(axis=1)
    low, high = (f"{width}x{height}" for width, height in placement.sizes[[areas.argmin(), areas.argmax()]])
    height, width = whole.images.shape[1:3]
    colour = "in colour" if channels_of(whole.images) == 3 else "grey"
    asked = " (data.size=auto)" if keys["size"] == "auto" else ""
    notes = [
        f"{counted(count, 'photo')} of {low if low == high else f'{low} to {high}'} pixels, {colour}, on a canvas of "
        f"{width}x{height}{asked} by {keys['resize']}."
    ]
    if whole.grey and keys["channels"] == "auto":
        verb = "is" if whole.grey == 1 else "are"
        notes.append(f"{counted(whole.grey, 'photo')} among them {verb} grey (data.channels=auto).")
    remarks = Counter(remark for row in rows for remark in whole.remarks[row])
    notes += [f"{counted(times, 'photo')}: {problem}; {action}." for (problem, action), times in remarks.items()]
    tiny = int((annotations.boxes[:, 2:] - annotations.boxes[:, :2] < 1).any(axis=1).sum())
    if tiny:
        notes.append(
            f"{counted(tiny, 'photo')}: the box is less than a pixel wide or high on the canvas; see data.size."
        )
    return notes
