"""Reading ``.npz`` and IDX files without executing anything that they contain."""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from locexp.data.arrays import checked
from locexp.errors import UserError, listed, nearest

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, RuntimeError, MemoryError, ValueError)
"""What reading a spoilt archive can raise: its headers may ask for a password or terabytes."""
KEYS = ("x_train", "y_train", "x_test", "y_test")
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]


def read_npz(path: Path, key: str = "data.path") -> Arrays:
    """Read a Keras-style archive: x_train, y_train and, if there, x_test, y_test.

    Returns:
        Checked arrays (:func:`locexp.data.arrays.checked`); the test ones ``None`` where absent.

    Raises:
        UserError: missing, truncated or corrupt, or it holds pickled objects (they are never unpickled).
    """
    try:
        if not path.is_file():
            raise UserError(f"{key}={path}: there is no such file.")
        if not zipfile.is_zipfile(path):
            raise UserError(f"{key}={path}: is not an .npz archive, or a truncated one.")
        with np.load(path, allow_pickle=False) as archive:
            names = archive.files
            found = {name: archive[name] for name in KEYS if name in names}
    except BROKEN as error:
        if isinstance(error, ValueError) and "pickle" in str(error).lower():
            raise UserError(
                f"{key}={path}: holds pickled objects, which could run code; expected plain arrays. Not read."
            ) from None
        raise UserError(f"{key}={path}: is truncated or corrupt ({error}).") from None
    for name in KEYS[:2]:
        if name not in found:
            raise UserError(
                f"{key}={path}: has no array {name}; it holds {listed(names)}; expected {listed(KEYS)}."
                f"{nearest(name, set(names) - set(KEYS))}"
            )
    if ("x_test" in found) != ("y_test" in found):
        raise UserError(f"{key}={path}: has only one of x_test and y_test; expected both or neither.")
    train = checked(found["x_train"], found["y_train"], f"{key}={path} (x_train, y_train)")
    if "x_test" not in found:
        return (*train, None, None)
    return (*train, *checked(found["x_test"], found["y_test"], f"{key}={path} (x_test, y_test)"))


def read_idx(path: Path, key: str = "data.path") -> np.ndarray:
    """Read one IDX file of unsigned bytes (the MNIST format), gzip-compressed if its name ends in ``.gz``.

    Raises:
        UserError: truncated, corrupt, or not an IDX file of unsigned bytes.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{key}: {path} is truncated or corrupt ({error}).") from None
    if len(content) < 4 or content[:3] != b"\x00\x00\x08" or content[3] not in (1, 3):
        raise UserError(f"{key}: {path} is not an IDX file of unsigned bytes with 1 or 3 axes.")
    axes = content[3]
    header = 4 + 4 * axes
    if len(content) < header:
        raise UserError(f"{key}: {path} is truncated: it ends within its header.")
    shape = struct.unpack(f">{axes}I", content[4:header])
    expected = math.prod(shape)
    if len(content) - header != expected:
        raise UserError(
            f"{key}: {path} is truncated or corrupt: {len(content) - header} bytes of data, expected {expected}."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()


def read_idx_folder(folder: Path, key: str = "data.path") -> Arrays:
    """Read the four IDX files of a folder: {train,t10k}-{images-idx3,labels-idx1}-ubyte, ``.gz`` or not.

    The test pair may be absent. Raises :class:`UserError` as :func:`read_idx` does, or for a missing file.
    """
    parts: list[tuple[np.ndarray, np.ndarray] | None] = []
    for prefix in ("train", "t10k"):
        names = [f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"]
        paths = [_existing(folder, name) for name in names]
        if prefix == "t10k" and paths == [None, None]:
            parts.append(None)
            continue
        for name, path in zip(names, paths, strict=True):
            if path is None:
                raise UserError(f"{key}={folder}: has no {name}[.gz].")
        images, labels = (read_idx(path, key) for path in paths if path is not None)
        parts.append(checked(images, labels, f"{key}={folder} ({prefix})"))
    train, test = parts
    assert train is not None
    return (*train, *(test if test is not None else (None, None)))


def _existing(folder: Path, name: str) -> Path | None:
    candidates = [folder / name, folder / f"{name}.gz", folder / name.replace("-idx", ".idx")]
    return next((path for path in candidates if path.is_file()), None)
