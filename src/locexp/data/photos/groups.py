"""Which photos belong together in one part: frames of one scene, copies of one photo."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from locexp.data.photos.listing import ListedImage
from locexp.errors import UserError, counted

COPY = re.compile(r"([^/]*)\.rf\.")
"""How Roboflow names the copies of a photo that it makes: the photo's name, ``.rf.`` and a digest."""


def groups(
    images: Sequence[ListedImage], files: Sequence[str], group: str | None
) -> tuple[np.ndarray | None, list[str]]:
    """Return the group of each image, str (n,), and what is to be said; ``None`` where each stands alone.

    Args:
        images: which may have groups of their own.
        files: their names, relative to the data's folder.
        group: ``auto`` for the images' own groups, or copies by their names where the data have no groups; a regular
            expression on the names; or ``None``.

    Raises:
        UserError: it is not a regular expression, or matches nowhere.
    """
    if group is None:
        return None, []
    if group == "auto" and any(image.group is not None for image in images):
        found, how = [image.group for image in images], "the data's own groups"
    elif group == "auto":
        found, how = _matches(COPY, files), "copies of one photo by their names, before .rf."
    else:
        found, how = _matches(_compiled(group), files), f"data.group={group}"
        if len(files) > 1 and len(set(found)) == 1 and found[0] is not None:
            raise UserError(
                f"data.group={group}: matches {found[0]!r} in all {len(files)} file names, so all are one group; "
                "expected a pattern whose match tells groups apart, auto, or null for none."
            )
        if not any(key is not None for key in found):
            raise UserError(
                f"data.group={group}: matches none of {counted(len(files), 'file name')}; the first is {files[0]!r}."
            )
    keys = [file if key is None else key for key, file in zip(found, files, strict=True)]
    count = len(set(keys))
    if count == len(keys):
        return None, []
    alone = sum(key is None for key in found)
    rest = f"; {counted(alone, 'image')} in none" if alone else ""
    together = f"{counted(len(keys) - alone, 'image')} are in {counted(count - alone, 'group')}"
    return np.array(keys), [f"{together}, each kept together in one part ({how}){rest}."]


def _compiled(group: str) -> re.Pattern[str]:
    try:
        return re.compile(group)
    except (re.error, RecursionError, OverflowError) as error:
        raise UserError(
            f"data.group={group}: is not a regular expression ({error}); expected one, auto or null."
        ) from None


def _matches(pattern: re.Pattern[str], files: Sequence[str]) -> list[str | None]:
    """Return what a pattern matches in each name, its first group if it has one; ``None`` where it does not match."""
    found = (pattern.search(file) for file in files)
    return [None if match is None else match[1 if pattern.groups else 0] for match in found]
