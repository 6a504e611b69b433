"""Which part each photo is in: train, validation or test, where the data say so."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from locexp.data.photos.listing import ListedImage
from locexp.errors import UserError, counted, listed


def parts(
    images: Sequence[ListedImage], test_parts: Sequence[str], where: str
) -> tuple[list[ListedImage], list[str], list[str]]:
    """Return the images that are in a part, the part of each, and what is to be said.

    Images of no part are for training, of which split() takes what is missing.

    Args:
        images: with the data's own parts.
        test_parts: the data's parts that are the test part together.
        where: the key of the data, for messages.

    Raises:
        UserError: there is nothing to train on.
    """
    if "train" in test_parts:
        raise UserError(f"data.test_parts=[{listed(test_parts)}]: train cannot be the test part; expected the others.")
    own = [image.part or "train" for image in images]
    roles: list[str | None] = ["test" if part in test_parts else None if part == "test" else part for part in own]
    if "train" not in roles:
        raise UserError(
            f"{where}: no image to use is in the part to train on; the parts are {listed(sorted(set(own)))}."
        )
    notes = []
    if roles.count(None):
        notes.append(f"{counted(roles.count(None), 'image')} of the data's test part: not used (data.test_parts).")
    joined = [part for part in test_parts if part in own]
    if len(joined) > 1:
        notes.append(f"The test part is the data's {' and '.join(joined)} (data.test_parts).")
    missing = [part for part in test_parts if part not in own]
    if missing and list(test_parts) != ["test"]:
        notes.append(f"data.test_parts: the data have no part {listed(missing)}.")
    used = [(image, role) for image, role in zip(images, roles, strict=True) if role is not None]
    return [image for image, _ in used], [role for _, role in used], notes


def name_of(part: str, files: Sequence[str], folder: Path) -> str:
    """Return what the photos of a part are called in messages: the folder that all of them are in, or the data's."""
    try:
        shared = os.path.commonpath([os.path.dirname(file) for file in files])
    except ValueError:  # some are in the data's folder, and some are not
        shared = ""
    return shared or f"{folder.name} ({part})"
