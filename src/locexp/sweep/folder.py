"""A sweep's folder: it belongs to one sweep, one command at a time works in it, and each attempt has its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from locexp.errors import UserError
from locexp.records.sweep_list import LIST, SweepList

LOCK = LIST.with_name("lock")
"""The file in a sweep's folder that the command at work holds; the system lets go of it if the command is killed."""


def check_free(directory: Path) -> None:
    """Check that a folder holds no sweep yet; raises :class:`UserError`."""
    path = directory / LIST
    if not os.path.exists(path):
        return
    try:
        known = f" ({SweepList.parse(path.read_bytes(), path).sweep_id})"
    except (OSError, UserError):
        known = ""
    raise UserError(
        f"hydra.sweep.dir={directory}: holds a sweep already{known}; continue that one with sweep.resume, or give "
        "another folder."
    )


@contextlib.contextmanager
def held(directory: Path, key: str) -> Iterator[None]:
    """Hold a sweep's folder, which is made where there is none.

    Args:
        directory: of the sweep.
        key: what names it in the message.

    Raises:
        UserError: another command holds it.
    """
    path = directory / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(path).acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"{key}: another command is still running this sweep in {directory}; wait for it or stop it first."
        ) from None
    with lock:
        yield


def next_attempt(directory: Path, index: int) -> Path:
    """Return the folder for the next attempt at a job of the sweep in ``directory``: ``3``, ``3-2`` for a second."""
    place, attempt = directory / str(index), 1
    while place.exists():
        attempt += 1
        place = directory / f"{index}-{attempt}"
    return place


def index_of(place: Path) -> int:
    """Return the index of the job whose folder this is."""
    return int(place.name.partition("-")[0])
