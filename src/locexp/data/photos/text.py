"""Reading annotation files: text in the encodings that people have, of a size that is one of a file of text."""

from __future__ import annotations

import codecs
from pathlib import Path

from locexp.data.files import reading
from locexp.errors import UserError

LARGEST = 2**26
"""Bytes of one annotation file, but for a COCO file, which holds those of a whole data set."""
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """Return what a regular file holds; raises :class:`UserError` where it cannot be read or is too large."""
    with reading(path, "data.path"):
        if not path.is_file():
            raise UserError(f"data.path={path}: is not a regular file.")
        size = path.stat().st_size
        if size > largest:
            raise UserError(f"data.path={path}: has {size} bytes; expected at most {largest} of an annotation file.")
        return path.read_bytes()


def decoded(content: bytes) -> tuple[str, bool]:
    """Return bytes as text, and whether they are Latin-1 since they are not UTF-8 (with a byte-order mark or not)."""
    if content.startswith(UTF_16):
        return content.decode("utf-16", "replace"), False
    try:
        return content.decode("utf-8-sig"), False
    except UnicodeDecodeError:
        return content.decode("latin-1"), True
