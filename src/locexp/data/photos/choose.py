"""Which images and objects are used: the classes that were asked for, and one object for each image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from locexp.data.photos.listing import ListedImage, Listing
from locexp.errors import UserError, counted, nearest, verb

MOST_NAMED = 12


def choose(
    listing: Listing, folder: Path, classes: Sequence[str] | None, objects: str
) -> tuple[list[ListedImage], list[str]]:
    """Return the images to use, with the objects that one is chosen from, and what is to be said.

    Crowds are no objects. With ``objects="only"`` each image that is returned has one object, with ``largest`` one or
    more.

    Args:
        listing: of all images.
        folder: of the data.
        classes: names of those to use, or ``None`` for all.
        objects: ``only`` or ``largest``.

    Raises:
        UserError: a class that is not there, or no image is left.
    """
    if classes is not None:
        _check_classes(classes, listing)
    kept, without, several, crowds = [], 0, 0, 0
    for image in listing.images:
        crowds += sum(one.is_crowd for one in image.objects)
        wanted = [one for one in image.objects if not one.is_crowd and (classes is None or one.label in classes)]
        if not wanted:
            without += 1
        elif len(wanted) > 1 and objects == "only":
            several += 1
        else:
            kept.append(replace(image, objects=tuple(wanted)))
    of_these = "" if classes is None else " of data.classes"
    notes = []
    if crowds:
        notes.append(f"{counted(crowds, 'mark')} of crowds are no objects.")
    if without:
        notes.append(f"{counted(without, 'image')} without an object{of_these}: left out.")
    if several:
        notes.append(
            f"{counted(several, 'image')} with several objects{of_these}: left out (data.objects=only; largest uses "
            "the largest of each)."
        )
    if not kept:
        have, have_several = verb(without, "has", "have"), verb(several, "has", "have")
        raise UserError(
            f"data.path={folder}: no image is left of {len(listing.images):,}: {without:,} {have} no object{of_these}, "
            f"and {several:,} {have_several} several (data.objects={objects})."
        )
    return kept, notes


def class_names(labels: Sequence[str], listing: Listing, classes: Sequence[str] | None) -> tuple[str, ...]:
    """Return the classes that are found, in the order that was asked for, else that of the data's list, else sorted."""
    found = set(labels)
    ordered = [name for name in (classes or listing.class_names) if name in found]
    return (*dict.fromkeys(ordered), *sorted(found.difference(ordered), key=_numbers_first))


def _numbers_first(name: str) -> tuple[bool, int, str]:
    return (False, int(name), name) if name.isdecimal() else (True, 0, name)


def _check_classes(classes: Sequence[str], listing: Listing) -> None:
    counts = Counter(one.label for image in listing.images for one in image.objects if not one.is_crowd)
    if not classes:
        raise UserError("data.classes=[]: expected at least one name, or null for all classes.")
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise UserError(f"data.classes: names {twice[0]!r} twice; expected different names.")
    for name in classes:
        if not counts[name]:
            known = [*dict.fromkeys([*class_names(list(counts), listing, None)])]
            what = "no object is of this class" if name in listing.class_names else "there is no such class"
            more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
            raise UserError(
                f"data.classes: {name!r}: {what}; expected some of {', '.join(known[:MOST_NAMED])}{more}."
                + nearest(name, known)
            )
