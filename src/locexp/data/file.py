"""``data=file``: the user's own images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import doc

from locexp.bounds import checked
from locexp.data.arrays import RawData
from locexp.data.boxes import in_pixels
from locexp.data.conversion import converted, naming
from locexp.data.csv_table import is_csv, read_csv
from locexp.data.folder import read_folder
from locexp.data.npz import read_npz
from locexp.data.photos.recognised import other_format
from locexp.errors import UserError

EMNIST = (
    "EMNIST's files hold images transposed. They are read as they are, boxes with them: save "
    "images.transpose(0, 2, 1) for upright ones."
)


def _needs_path(path: str | None) -> None:
    if path is None:
        raise UserError("data.path is required: give it as data.path=FILE_OR_FOLDER.")


@checked("data", _needs_path)
def load(
    source: Annotated[Literal["auto"], doc("auto (data=file reads data.path)")] = "auto",
    path: str | None = None,
    leaks: Literal["warn", "drop", "refuse"] = "warn",
) -> RawData:
    """Read an ``.npz``, a CSV file, or a folder of IDX, ``.npy`` or CSV files; docs/runs.md lists the layouts.

    An ``.npz`` may hold boxes, too.

    Raises:
        UserError: another source than ``auto``, no path, or a file that cannot be read.
    """
    assert path is not None
    resolved = Path(path).expanduser().resolve()
    read = read_folder if resolved.is_dir() else _read_table if is_csv(resolved) else read_npz
    try:
        raw = read(resolved)
    except UserError as error:
        if other := other_format(resolved, "file"):
            raise UserError(f"{error}{other}") from error
        raise
    if any("emnist" in name.lower() for pair in raw.names.values() for name in pair):
        raw = replace(raw, notes=(*raw.notes, EMNIST))
    with naming(str(resolved)):
        return replace(in_pixels(converted(raw)), leaks=leaks)


def _read_table(path: Path) -> RawData:
    table = read_csv(path)
    if table.labels is None:
        raise UserError(f"data.path={path}: has no column label, so there is nothing to learn; expected one.")
    parts = {"train": (table.images, table.labels)}
    return RawData.of_parts(path.stem, parts, {"train": (path.name, path.name)}, table.notes)
