"""Reading IDX files, the format of MNIST: http://yann.lecun.com/exdb/mnist."""

from __future__ import annotations

import io
import math
import struct
from pathlib import Path

import numpy as np

from locexp.data.files import check_is_file, check_size, opened, reading
from locexp.errors import UserError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 4


def is_idx(start: bytes) -> bool:
    """Return whether a file begins as an IDX file does."""
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in TYPES and 1 <= start[3] <= MOST_AXES


def read_idx(path: Path, key: str = "data.path") -> np.ndarray:
    """Read one IDX file of any type, compressed or not, whatever its name ends in.

    Raises:
        UserError: truncated, corrupt, too large, or not an IDX file.
    """
    check_is_file(path, key)
    with reading(path, key), opened(path) as file:
        start = file.read(4)
        if not is_idx(start):
            raise UserError(
                f"{key}={path}: is not an IDX file: it begins with {start.hex(' ') or 'nothing'}; expected 00 00, a "
                f"type from {' '.join(f'{code:02x}' for code in TYPES)}, and 1 to {MOST_AXES} axes."
            )
        header = file.read(4 * start[3])
        if len(header) < 4 * start[3]:
            raise UserError(f"{key}={path}: is truncated: it ends within its header.")
        shape, dtype = struct.unpack(f">{start[3]}I", header), np.dtype(TYPES[start[2]])
        expected = math.prod(shape) * dtype.itemsize
        plain = isinstance(file, io.BufferedReader)
        held = path.stat().st_size - file.tell() if plain else expected
        if held == expected:
            check_size(path, key, expected)
            content = file.read(expected)
            held = len(content) + len(file.read(1))
        if held != expected:
            more = "" if held < expected or plain else " or more"
            raise UserError(f"{key}={path}: is truncated or corrupt: {held}{more} bytes of data, expected {expected}.")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))
