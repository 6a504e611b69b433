"""Where folders are, and whether one can be written, found out without leaving anything."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from locexp.errors import UserError
from locexp.system.surroundings import is_text


def cache_folder() -> Path:
    """Return locexp's cache: ``$XDG_CACHE_HOME/locexp`` or ``~/.cache/locexp``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or home_folder() / ".cache") / "locexp"


def keras_folder() -> Path:
    """Return the folder of Keras's settings and data sets: ``$KERAS_HOME`` or ``~/.keras``."""
    return Path(os.environ.get("KERAS_HOME") or home_folder() / ".keras")


def home_folder() -> Path:
    """Return the user's own folder; the one for temporary files where there is none, as for a user without a name."""
    with contextlib.suppress(RuntimeError):
        return Path.home()
    return Path(tempfile.gettempdir())


def check_temporary() -> None:
    """Check that there is a folder for temporary files, as saving a network needs; raises :class:`UserError`."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise UserError(f"TMPDIR={os.environ.get('TMPDIR', '')}: {error.strerror}; set it to one.") from None


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
