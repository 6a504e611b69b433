"""Opening the user's files: what they are, and whether what they hold would fit into memory."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from locexp.errors import UserError, listed
from locexp.system.memory import available_memory

BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError, struct.error),
    *(EOFError, OSError, KeyError, RuntimeError, MemoryError, ValueError, OverflowError, SyntaxError, TypeError),
)
"""What reading a spoilt archive can raise: its headers may ask for a password or terabytes."""
Unpacked = gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
COMPRESSED: dict[bytes, Callable[[Path], Unpacked]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
"""How compressed files begin, whatever their names end in."""
MEMORY_SHARE = 0.5
"""Of the memory that is free, what an array in a file may take."""
UNSUSPECTED_BYTES, MOST_EXPANSION = 2**30, 200
"""What compressed data may always unpack to, and otherwise how many times their size: more is a bomb."""
MOST_NAMES = 9


def check_is_file(path: Path, key: str) -> None:
    """Raise :class:`UserError` unless a path is that of a regular file that can be read."""
    with reading(path, key):
        if not path.exists():
            raise UserError(f"{key}={path}: there is no such file.")
        if not path.is_file():
            raise UserError(f"{key}={path}: is a device, a pipe or a socket; expected a regular file or a folder.")
        with path.open("rb"):
            pass


def check_size(path: Path, key: str, size: int) -> None:
    """Raise :class:`UserError` if the ``size`` bytes that a file holds, unpacked, are too many to be read."""
    free, packed = available_memory(), path.stat().st_size
    if size > MEMORY_SHARE * free:
        raise UserError(
            f"{key}={path}: holds {_readable(size)} of data; expected at most half of the free memory, which is "
            f"{_readable(free)}. Give fewer images, or uint8 ones."
        )
    if size > max(UNSUSPECTED_BYTES, MOST_EXPANSION * packed):
        raise UserError(
            f"{key}={path}: {_readable(packed)} unpack to {_readable(size)}; expected at most {MOST_EXPANSION} times "
            "as much. Not read; save it uncompressed if it is what you want."
        )


def _readable(size: float) -> str:
    return f"{size / 2**30:.3g} GiB" if size >= 2**30 else f"{size / 2**20:.3g} MiB"


@contextlib.contextmanager
def reading(path: Path, key: str) -> Iterator[None]:
    """Turn what a spoilt or unreadable file raises into a :class:`UserError`; nothing is ever unpickled."""
    try:
        yield
    except PermissionError as error:
        raise UserError(f"{key}={path}: cannot be read ({error.strerror}).") from None
    except BROKEN as error:
        if isinstance(error, ValueError) and "pickle" in str(error).lower():
            raise UserError(
                f"{key}={path}: holds pickled objects, which could run code; expected plain arrays. Not read."
            ) from None
        raise UserError(f"{key}={path}: is truncated or corrupt ({error}).") from None


def opened(path: Path) -> BinaryIO | Unpacked:
    """Open a file to read, unpacked if it is compressed; raises one of :data:`BROKEN`."""
    with path.open("rb") as file:
        start = file.read(8)
    unpack = next((unpack for magic, unpack in COMPRESSED.items() if start.startswith(magic)), None)
    return path.open("rb") if unpack is None else unpack(path)


def read_npy(path: Path, key: str) -> np.ndarray:
    """Read one array from an ``.npy`` file, or from an ``.npz`` that holds no other.

    Raises:
        UserError: truncated or corrupt, too large, pickled objects, or several arrays.
    """
    with reading(path, key):
        if not zipfile.is_zipfile(path):
            check_size(path, key, path.stat().st_size)
            return np.asarray(np.load(path, allow_pickle=False))
        with np.load(path, allow_pickle=False) as archive:
            if len(archive.files) != 1:
                raise UserError(f"{key}={path}: holds {named(archive.files)}; expected one array.")
            check_size(path, key, member_sizes(path)[archive.files[0]])
            return np.asarray(archive[archive.files[0]])


def member_sizes(path: Path) -> dict[str, int]:
    """Return the bytes of each array of an ``.npz``, unpacked, without reading them; raises one of :data:`BROKEN`."""
    with zipfile.ZipFile(path) as archive:
        return {entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.infolist()}


def named(names: Sequence[str]) -> str:
    """Join names for a message, the first of many."""
    most = names[:MOST_NAMES]
    return (
        listed(most) + (f" and {len(names) - len(most)} more" if len(names) > len(most) else "") if names else "nothing"
    )


def remedy(path: Path) -> str:
    """Return what to do with a file that is not an ``.npz``, by how it begins, unpacked."""
    with contextlib.suppress(*BROKEN), opened(path) as file:
        start = file.read(6)
        if start[:2] == b"\0\0" and start[2:3] > b"\0":
            return "It may be one IDX file: give the folder of images and labels."
        if start == b"\x93NUMPY":
            return "It is one array: give the folder of images and labels, x_train.npy and y_train.npy."
        if start[:2] == b"PK":
            return "It is compressed: unpack it."
    return "Save np.savez_compressed('images.npz', x_train=images, y_train=labels) and give that."
