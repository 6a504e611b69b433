"""Images that are trained on and tested on: results on copies say nothing about new images."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from locexp.data.arrays import Dataset, Leak, Split, digest_of
from locexp.data.class_names import without_examples
from locexp.data.copies import Copies, Images, find_copies
from locexp.errors import UserError, counted, listed, verb

ACTIONS = ("warn", "drop", "refuse")
DRAWN = 24
"""How many leaks, evenly spread over all, keep their images."""
NAMED = 3
"""How many leaks a message names."""
Found = Mapping[tuple[str, str], Copies]
"""Copies by two parts, in the order train, validation, test."""


def checked_for_leaks(dataset: Dataset, action: str) -> Dataset:
    """Look for images that are in two parts.

    Args:
        dataset: split.
        action: ``warn``; ``drop`` (those to train on, and those to validate on that are in the test part); or
            ``refuse``.

    Returns:
        The data set with its leaks, a note about each two parts that share images, and without what was dropped.

    Raises:
        UserError: there are leaks and ``refuse`` was asked for, or none of a class is left to train on; or there is no
            such action.
    """
    if action not in ACTIONS:
        raise UserError(f"data.leaks={action}: is not one of {listed(ACTIONS)}.")
    parts = dataset.parts
    looked_at = {name: Images(part) for name, part in parts.items()}
    found = {pair: find_copies(*(looked_at[name] for name in pair)) for pair in itertools.combinations(parts, 2)}
    found = {pair: copies for pair, copies in found.items() if len(copies.first)}
    leaks = _leaks(found, parts)
    if not leaks:
        return replace(dataset, leaks=())
    if action == "refuse":
        raise UserError(_refusal(leaks))
    if action == "drop":
        dataset = _without(dataset, found)
    else:
        dataset = replace(dataset, notes=(*dataset.notes, *(_warning(pair, found[pair], parts) for pair in found)))
    return replace(dataset, leaks=leaks)


def _leaks(found: Found, parts: Mapping[str, Split]) -> tuple[Leak, ...]:
    """Return the leaks, those of the test part first."""
    count = sum(len(copies.first) for copies in found.values())
    drawn = set(np.linspace(0, count - 1, min(DRAWN, count)).round().astype(int).tolist())
    leaks: list[Leak] = []
    for pair in sorted(found, key=lambda pair: (pair[1] != "test", pair[0] != "train")):
        one, other = (parts[name] for name in pair)
        copies = found[pair]
        for i, j, difference in zip(copies.first, copies.second, copies.difference.tolist(), strict=True):
            images = (one.images[i].copy(), other.images[j].copy()) if len(leaks) in drawn else None
            here, there = (int(one.indices[i]), _file(one, i)), (int(other.indices[j]), _file(other, j))
            leaks.append(Leak(pair[0], *here, pair[1], *there, difference, images))
    return tuple(leaks)


def _file(part: Split, number: int) -> str:
    files = None if part.annotations is None else part.annotations.files
    return "" if files is None else str(files[number])


def named(leak: Leak) -> tuple[str, str]:
    """Return what to call the two images of a leak: their files, or their numbers in the source's arrays."""
    one = leak.file or f"image {leak.index} of {leak.part}"
    other = leak.other_file or f"image {leak.other_index} of {leak.other_part}"
    return one, other


def summary(leaks: Sequence[Leak]) -> str:
    """Return how many images of which parts are in another one, in short; empty where none are."""
    images: dict[tuple[str, str], set[int]] = {}
    for leak in leaks:
        images.setdefault((leak.other_part, leak.part), set()).add(leak.other_index)
    return listed(f"{counted(len(some), f'{other} image')} in {part}" for (other, part), some in images.items())


def _refusal(leaks: Sequence[Leak]) -> str:
    first = listed(" = ".join(named(leak)) for leak in leaks[:NAMED])
    more = f" and {counted(len(leaks) - NAMED, 'more pair')}" if len(leaks) > NAMED else ""
    parts = listed(dict.fromkeys(f"{leak.part} and {leak.other_part}" for leak in leaks))
    return (
        f"data.leaks=refuse: images are in two parts ({parts}), the same or nearly so: {first}{more}. Take them out of "
        "one, or use data.leaks=drop, which does not train on them."
    )


def _warning(pair: tuple[str, str], copies: Copies, parts: Mapping[str, Split]) -> str:
    one, other = pair
    count, whole = len(np.unique(copies.second)), len(parts[other])
    use = "to train on" if one == "train" else "to validate on"
    return (
        f"{count} of {whole} {other} images ({count / whole:.1%}) {verb(count, 'is', 'are')} among the images {use}, "
        f"too, the same or nearly so: results on {other} are better than on new images. pictures/leaks.png shows them; "
        f"data.leaks=drop leaves their copies out of {one}."
    )


def _without(dataset: Dataset, found: Found) -> Dataset:
    """Return the data set without the leaks: the test part stays whole."""
    notes, parts = [], dict(dataset.parts)
    gone: dict[str, np.ndarray] = {name: np.array([], np.int64) for name in parts}
    for one in ("validation", "train"):
        for (part, other), copies in found.items():
            if part == one:
                counts = ~np.isin(copies.second, gone[other])  # what was dropped there need not be dropped here
                gone[one] = np.union1d(gone[one], copies.first[counts])
        if len(gone.get(one, ())):
            whole = parts[one]
            parts[one] = whole.taken(np.delete(np.arange(len(whole)), gone[one]))
            others = listed(name for name in parts if (one, name) in found)
            are, they_are = verb(len(gone[one]), "is", "are"), verb(len(gone[one]), "it is", "they are")
            notes.append(
                f"data.leaks=drop: {len(gone[one])} of {len(whole)} {one} images {are} left out, since {they_are} in "
                f"{others}, too, the same or nearly so (pictures/leaks.png, tables/leaks.csv)."
            )
            if len(parts[one]) == 0:
                raise UserError(f"data.leaks=drop: leaves no image in {one}; all are in {others}, too.")
    lost = {one: np.setdiff1d(whole.labels, parts[one].labels) for one, whole in dataset.parts.items()}
    called = {one: listed(dataset.class_names[label] for label in labels) for one, labels in lost.items()}
    if len(lost.get("validation", ())):
        notes.append(without_examples("validation", called["validation"]))
    if len(lost["train"]):
        raise UserError(
            f"data.leaks=drop: leaves no training image of class {called['train']}; all of them are in other parts, "
            "too. Give more of it, or leave it out everywhere."
        )
    return replace(
        dataset,
        train=parts["train"],
        validation=parts.get("validation", parts["test"]),
        digest=digest_of(parts.values()),
        notes=(*dataset.notes, *notes),
    )
