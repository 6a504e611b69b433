"""Which files in a folder are those of a run or a sweep: the folder may hold others, which are left alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from locexp.errors import UserError
from locexp.models.saving import MODEL
from locexp.records.history import HISTORY
from locexp.records.record import RECORD, RunRecord
from locexp.records.sweep_list import LIST

LOG = "train.log"
PICTURES = (
    *("scenes", "leaks", "sample", "gallery_random", "worst_cases", "iou_groups", "reliability"),
    *("learning_curves", "confusion_matrix", "weighting"),
)
SAMPLES = ("samples.webp", "samples.csv")
TABLES = (
    *("predictions", "confusion_matrix", "per_class", "four_way"),
    *("iou_by_size", "iou_by_position", "reliability"),
    *("problems", "leaks"),
)
OF_RUN = {
    "": (RECORD, HISTORY, LOG),
    "config": ("config.yaml", "hydra.yaml", "overrides.yaml", "resolved.yaml"),
    "pictures": (*(f"{name}.png" for name in PICTURES), *SAMPLES),
    "tables": tuple(f"{name}.csv" for name in TABLES),
}
"""The files of a run that are logged as they are, by their folder. Another is ``trainer.save_h5``."""
REPLACED = ("pictures", "tables", "comparison")
"""The folders whose files are written whole and replaced, never edited: one that is linked into another place stays as
it was there. Of the others, the log and the history grow while the run goes on, and a full disk has the record edited.
"""
CHECKPOINT = "checkpoint.npz"
NOT_LOGGED = (MODEL, CHECKPOINT)
"""The model is logged as a model of MLflow; a checkpoint is gone when the run has finished."""
FREED = "freed"
"""The tag of a run that says which kinds of its files were freed, such as ``models, pictures``."""
EXPORT = "export"
"""The folder in a run's, or elsewhere, that ``python -m locexp.export`` makes; it can be made again."""
COMPARISON = "comparison"
OF_SWEEP = {
    "": (RECORD,),
    str(LIST.parent): (LIST.name,),
    COMPARISON: (
        *(f"comparison.{kind}" for kind in ("csv", "json", "md")),
        *(f"{name}.png" for name in ("front", "weights", "settings", "learning_curves")),
        "report.html",
    ),
}
"""The files of a sweep that are logged with its parent run, by their folder."""


def logged_files(directory: Path, record: RunRecord) -> list[Path]:
    """Return the files of a run, or of a sweep, that are to be logged and are there, relative to its folder.

    Raises:
        UserError: one of them leads out of the folder, as it would in one that was tampered with.
    """
    own = _names(OF_SWEEP if record.is_sweep else OF_RUN)
    found = [Path(name) for name in dict.fromkeys([*own, *record.files])]
    h5 = record.parameters.get("trainer.save_h5", "None")
    if h5 != "None" and not record.is_sweep:
        found.append(Path(h5))
    found = [path for path in found if os.path.isfile(directory / path)]
    for path in found:
        if file_within(directory, str(path)) is None:
            raise UserError(f"{directory / path}: leads out of the folder of the run, so it is not logged.")
    return found


def is_replaced(path: Path) -> bool:
    """Whether a logged file, relative to its folder, is never edited, see :data:`REPLACED`; saved networks are not."""
    return str(path.parent) in REPLACED or path.suffix == ".h5"


def file_within(directory: Path, path: str) -> Path | None:
    """Return a file of a folder; ``None`` where there is none at this path, or the path or a link leads out of it."""
    file = directory / path
    return file if os.path.isfile(file) and file.resolve().is_relative_to(directory.resolve()) else None


def check_unused(directory: Path, key: str, *, sweep: bool, others: Sequence[str] = ()) -> None:
    """Check that a run or a sweep would overwrite nothing in a folder, whatever else that holds.

    Args:
        directory: of the run or the sweep; need not be there.
        key: that gives it.
        sweep: whether it is for a sweep.
        others: its files by names that the user chose.

    Raises:
        UserError: it holds a file by a name of theirs.
    """
    folders = OF_SWEEP if sweep else OF_RUN
    names = [*_names(folders), *(() if sweep else NOT_LOGGED), *others]
    taken = [name for name in names if os.path.lexists(directory / name)]
    taken += [name for name in folders if os.path.lexists(directory / name) and not _is_own_folder(directory / name)]
    if taken:
        what = "sweep" if sweep else "run"
        raise UserError(f"{key}={directory}: holds {taken[0]}, which the {what} would overwrite; give another folder.")


def _names(folders: dict[str, tuple[str, ...]]) -> list[str]:
    return [str(Path(folder, name)) for folder, names in folders.items() for name in names]


def _is_own_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
