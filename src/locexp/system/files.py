"""Files that are there whole or not at all, and files that one process holds at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from locexp.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to, beside the one that is meant, and let it take that one's place when it is whole.

    Raises:
        OSError: it cannot be written; nothing of it is left, and what was there before is still there.
    """
    partial = path.with_name(f"{path.stem}.partial{path.suffix}")  # some writers choose a format by the suffix
    try:
        yield partial
        partial.replace(path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)  # of what is meant; a full disk names none
        raise


@contextmanager
def locked(path: Path, held: str, *, wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold a lock file, which is made where there is none; the system lets go of it if the process is killed.

    Args:
        path: of the file.
        held: what is said where another process holds it.
        wait: is told so before the other process is waited for; ``None`` raises it.

    Raises:
        UserError: another process holds it; or the file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        try:
            lock = FileLock(path).acquire(timeout=0)
        except Timeout:
            if wait is None:
                raise UserError(held) from None
            wait(held)
            lock = FileLock(path).acquire()
    except OSError as error:
        raise UserError(
            f"{path}: cannot be locked ({error.strerror or error}), so that two commands could work in its folder at "
            "once; give a folder on a file system with locks (NFS without `nolock`, Lustre with `flock`)."
        ) from error
    with lock:
        yield


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file all at once, a text in UTF-8; see :func:`replacing`."""
    with replacing(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def share(source: Path, target: Path) -> None:
    """Put a file into another place, too, whole or not at all: by a hard link, or a copy where there can be none.

    Only for a file that is replaced by a new one rather than edited: linked names are one file, with its bytes once on
    the disk, until one of them is replaced or removed; the other stays.

    Raises:
        OSError: it cannot be written; what was at the target before is still there.
    """
    with replacing(target) as partial:
        partial.unlink(missing_ok=True)
        try:
            os.link(source.resolve(), partial)
        except OSError:  # another disk, or a file system without links
            shutil.copy2(source, partial)
    partial.unlink(missing_ok=True)  # to rename one link to another of the same file does nothing


def move_folder(source: Path, target: Path) -> None:
    """Copy a folder to a place, on whatever file system, where it is whole or not at all; a folder there goes.

    Raises:
        OSError: it cannot be written; nothing of it is left, and what was there before is still there.
    """
    target = target.resolve()
    new, old = (target.with_name(f".{target.name}.{word}-{os.getpid()}") for word in ("new", "old"))
    missing = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, new)
        if target.exists():
            target.rename(old)
        new.rename(target)
    except BaseException as error:
        shutil.rmtree(new, ignore_errors=True)
        if old.exists():
            old.rename(target)
        for parent in missing:
            with contextlib.suppress(OSError):
                parent.rmdir()
        if isinstance(error, shutil.Error):  # copytree's own list of what went wrong
            raise OSError(error.args[0][0][2]) from error
        raise
    shutil.rmtree(old, ignore_errors=True)
