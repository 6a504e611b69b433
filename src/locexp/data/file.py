"""``data=file``: the user's own images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from annotated_types import doc

from locexp.bounds import checked
from locexp.data.arrays import RawData
from locexp.data.files import read_idx_folder, read_npz
from locexp.errors import UserError


def _needs_path(path: str | None) -> None:
    if path is None:
        raise UserError("data.path is required: give it as data.path=FILE_OR_FOLDER.")


@checked("data", _needs_path)
def load(
    source: Annotated[Literal["auto"], doc("auto (data=file reads data.path)")] = "auto", path: str | None = None
) -> RawData:
    """Read a Keras-style ``.npz`` or a folder of IDX files.

    Raises:
        UserError: another source than ``auto``, no path, or a file that cannot be read.
    """
    assert path is not None
    place = Path(path).expanduser().resolve()
    arrays = read_idx_folder(place) if place.is_dir() else read_npz(place)
    return RawData(place.stem, "file", *arrays)
