"""What would be freed of a sweep: the files of its losing settings, one by one, here and among MLflow's artifacts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from locexp.models.saving import MODEL
from locexp.records.files import FREED, file_within
from locexp.records.record import RunRecord

if TYPE_CHECKING:
    from locexp.tracking.store import MlflowStore
    from locexp.tracking.stored_files import Artifacts

MODELS, PICTURES, PREDICTIONS = KINDS = ("models", "pictures", "predictions")
"""What can be freed."""
Keep = Literal["settings", "best"]
"""What keeps its models: settings that the answer needs, or only those of their runs that are the best by a metric."""
PICTURES_FREED = (
    *("sample", "worst_cases", "iou_groups", "reliability"),
    *("learning_curves", "confusion_matrix", "weighting"),
)
"""Those that no report shows."""


@dataclass(frozen=True)
class File:
    """A file that would be freed.

    Attributes:
        kind: one of :data:`KINDS`.
        size: in bytes.
        remove: removes it.
        node: what tells whether two names on this machine are one file, with the number of its names.
    """

    kind: str
    size: int
    remove: Callable[[], None]
    node: tuple[int, int, int] | None = None


@dataclass
class RunFiles:
    """What would be freed of one run.

    Attributes:
        folder: the run's, where it is here.
        run: of the store, where that is reached.
        kinds: that are freed of it.
        files: one by one; none where all has been freed.
        model_ids: of its models in MLflow, which are deleted there with their files.
    """

    folder: Path | None
    run: RunRecord | None
    kinds: tuple[str, ...]
    files: list[File] = field(default_factory=list)
    model_ids: list[str] = field(default_factory=list)

    @property
    def holds_any(self) -> bool:
        """Whether there is anything to free: files, or models in MLflow whose files an interrupted command removed."""
        return bool(self.files) or (bool(self.model_ids) and self.run is not None and FREED in self.run.tags)


def files_of(own: RunRecord | None, run: RunRecord | None, kinds: Sequence[str], store: MlflowStore | None) -> RunFiles:
    """List what would be freed of a run; nothing is changed.

    Args:
        own: the run as its folder has it, where that is here.
        run: as the store has it, where that is reached.
        kinds: to free.
        store: which has the run.
    """
    record = run or own
    assert record is not None
    names = _names(record, kinds)
    folder = None if own is None else own.directory
    found = RunFiles(folder, run, tuple(kinds))
    if folder is not None:
        found.files += _in_folder(folder, names | ({MODEL: MODELS} if MODELS in kinds else {}))
    if run is not None and store is not None:
        from locexp.tracking.stored_files import OF_MODEL, artifacts_of, models_of

        found.files += _among(artifacts_of(store, run), names)
        for model in models_of(store, run) if MODELS in kinds else []:
            found.files += _among(model, dict.fromkeys(OF_MODEL, MODELS))
            found.model_ids.append(model.owner)
    return found


def _names(record: RunRecord, kinds: Sequence[str]) -> dict[str, str]:
    """Return the kind of each file that may be freed, by its path in the run's folder and among its artifacts."""
    names = {f"pictures/{name}.png": PICTURES for name in PICTURES_FREED}
    names["tables/predictions.csv"] = PREDICTIONS
    h5 = record.parameters.get("trainer.save_h5", "None")
    if h5 != "None" and Path(h5).name == h5:
        names[h5] = MODELS
    return {name: kind for name, kind in names.items() if kind in kinds}


def _in_folder(folder: Path, names: dict[str, str]) -> list[File]:
    """Return those files that are in a folder; a link, or what it leads to, is not one of them."""
    found = []
    for name, kind in names.items():
        file = file_within(folder, name)
        if file is not None and not file.is_symlink():
            status = file.stat()
            node = status.st_dev, status.st_ino, status.st_nlink
            found.append(File(kind, status.st_size, file.unlink, node))
    return found


def _among(artifacts: Artifacts, names: dict[str, str]) -> list[File]:
    """Return those files that are among artifacts, here or elsewhere."""
    if artifacts.folder is not None:
        return _in_folder(artifacts.folder, names)
    found = []
    for name, kind in names.items() if artifacts.is_elsewhere else ():
        size = artifacts.size(name)
        if size is not None:
            found.append(File(kind, size, lambda name=name: artifacts.delete(name)))  # type: ignore[misc]
    return found


def bytes_freed(files: Sequence[File]) -> dict[str, int]:
    """Return how many bytes each kind would free: of a file with several names, only where all of them go."""
    removed = Counter(file.node for file in files if file.node is not None)
    freed = dict.fromkeys(dict.fromkeys(file.kind for file in files), 0)
    seen = set()
    for file in files:
        if file.node is None:
            freed[file.kind] += file.size
        elif file.node not in seen and removed[file.node] == file.node[2]:
            seen.add(file.node)
            freed[file.kind] += file.size
    return freed
