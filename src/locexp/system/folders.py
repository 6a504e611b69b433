"""Where folders are, and whether one can be written, found out without leaving anything."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from locexp.errors import UserError
from locexp.system.surroundings import is_text


def cache_folder() -> Path:
    """Return locexp's cache: ``$XDG_CACHE_HOME/locexp`` or ``~/.cache/locexp``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "locexp"


def keras_folder() -> Path:
    """Return the folder of Keras's settings and data sets: ``$KERAS_HOME`` or ``~/.keras``."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def check_home() -> None:
    """Make the folder for temporary files the user's own where there is none, as for a user without a name.

    Raises:
        UserError: there is none for temporary files either, as saving a network needs one.
    """
    try:
        temporary = tempfile.gettempdir()
    except FileNotFoundError as error:
        raise UserError(f"TMPDIR={os.environ.get('TMPDIR', '')}: {error.strerror}; set it to one.") from None
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = temporary  # libraries look there for their settings, and fail where there is nothing


def check_writable(folder: Path, key: str) -> None:
    """Check that a folder can be made, or written to where it is there; raises :class:`UserError`.

    A file without a name is opened in the nearest folder that exists: permissions alone do not tell (root may do
    anything, but not on a read-only file system).
    """
    place = folder.absolute()
    if not is_text(place):
        shown = str(place).encode(errors="surrogateescape").decode(errors="backslashreplace")
        raise UserError(f"{key}={shown}: is not text in this locale, in which the system keeps names; give another.")
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise UserError(f"{key}={folder}: cannot be written ({place}: {error.strerror or error}).") from None
