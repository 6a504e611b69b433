"""The folder of an export."""

from __future__ import annotations

from pathlib import Path

from locexp.errors import UserError, listed
from locexp.exporting.formats import FORMATS
from locexp.system.folders import check_writable

ABOUT, README = "model.json", "README.md"


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Check that an export can be put into a folder, which need not be there.

    Raises:
        UserError: it cannot be written, it holds an export that may not be replaced, or anything else.
    """
    check_writable(folder, "out")
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    own = {ABOUT, README, *(form.file for form in FORMATS.values())}
    others = [name for name in there if name not in own]
    if others or (there and ABOUT not in there):
        raise UserError(
            f"out={folder}: holds {listed((others or there)[:3])}, so it is not an export's folder; give a new one."
        )
    if there and not overwrite:
        raise UserError(f"out={folder}: holds an export; give another folder, or overwrite=true to replace it.")
