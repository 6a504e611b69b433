"""Where folders are, and whether one can be written, found out without leaving anything."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from locexp.errors import UserError
from locexp.system.surroundings import is_text

BELOW = 256
"""Bytes that the longest path of a file below a folder of a run may add to it."""


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


def expanded(path: str | Path, key: str) -> Path:
    """Return a path with its ``~`` as the home folder.

    Raises:
        UserError: there is no such home, or it is the address of something else than a folder.
    """
    if "://" in str(path):
        raise UserError(f"{key}={path}: is an address; expected the path of a folder.")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UserError(f"{key}={path}: {error} Give the folder's whole path.") from None


def check_writable(folder: Path, key: str) -> None:
    """Check that a folder can be made, or written to where it is there; raises :class:`UserError`.

    A file without a name is opened in the nearest folder that exists: permissions alone do not tell (root may do
    anything, but not on a read-only file system).
    """
    existing = folder
    if not is_text(folder):
        shown = str(folder).encode(errors="surrogateescape").decode(errors="backslashreplace")
        raise UserError(f"{key}={shown}: is not text in this locale, in which the system keeps names; give another.")
    try:
        existing = whole = folder.absolute()
        while not os.path.lexists(existing):
            existing = existing.parent
        reason = _obstacle(existing, whole)
        if not reason:
            with tempfile.TemporaryFile(dir=existing):
                pass
    except OSError as error:
        reason = f"{existing}: {error.strerror or error}"
    if reason:
        shown = str(folder) if len(str(folder)) < BELOW else f"{str(folder)[:60]}…"
        raise UserError(f"{key}={shown}: cannot be written ({reason}).")


def _obstacle(existing: Path, whole: Path) -> str:
    """Return, in words, why ``whole`` cannot be a folder below ``existing``, the first of its parents that exists."""
    if not existing.is_dir():
        if existing.is_symlink():
            target = os.readlink(existing)
            return f"{existing} is a link to {target}, which is not there; remove the link, or make its target"
        return f"{existing}: Not a directory"
    longest = os.pathconf(existing, "PC_NAME_MAX")
    for name in whole.relative_to(existing).parts:
        if len(os.fsencode(name)) > longest:
            return f"a name of {len(os.fsencode(name))} bytes; the file system takes {longest} at most"
    if len(os.fsencode(whole)) + BELOW > os.pathconf(existing, "PC_PATH_MAX"):
        return f"a path of {len(os.fsencode(whole))} bytes; the system takes {os.pathconf(existing, 'PC_PATH_MAX')}"
    return ""
