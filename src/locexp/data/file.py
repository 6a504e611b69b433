"""``data=file``: the user's own images."""

from __future__ import annotations

from pathlib import Path

from locexp.data.arrays import RawData
from locexp.data.files import read_idx_folder, read_npz
from locexp.errors import UserError


def load(source: str = "auto", path: str | None = None) -> RawData:
    """Read a Keras-style ``.npz`` or a folder of IDX files.

    Raises:
        UserError: another source than ``auto``, no path, or a file that cannot be read.
    """
    check_ranges(source, path)
    assert path is not None
    place = Path(path).expanduser().resolve()
    arrays = read_idx_folder(place) if place.is_dir() else read_npz(place)
    return RawData(place.stem, "file", *arrays)


def check_ranges(source: str, path: str | None) -> None:
    """Check the keys without reading anything; raises :class:`UserError`."""
    if source != "auto":
        raise UserError(f"data.source={source}: data=file reads data.path; expected auto.")
    if path is None:
        raise UserError("data.path is required: give it as data.path=FILE_OR_FOLDER.")
