"""Whether a folder can be written, found out without leaving anything."""

from __future__ import annotations

import tempfile
from pathlib import Path

from locexp.errors import UserError


def check_writable(folder: Path, key: str) -> None:
    """Check that a folder can be made, or written to where it is there; raises :class:`UserError`.

    A file without a name is opened in the nearest folder that exists: permissions alone do not tell (root may do
    anything, but not on a read-only file system).
    """
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise UserError(f"{key}={folder}: cannot be written ({place}: {error.strerror or error}).") from None
