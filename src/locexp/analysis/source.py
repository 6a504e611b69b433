"""Where the runs of a sweep are read from: a store, or the sweep's folder where a server that was lost lacks some."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from locexp.errors import UserError, counted
from locexp.records.folder_store import FolderStore
from locexp.records.record import RunRecord
from locexp.records.store import Store
from locexp.records.sweep_list import SweepList
from locexp.system.commands import command


@dataclass(frozen=True)
class Source:
    """What a comparison is made from.

    Attributes:
        store: with the files.
        parent: the parent run of the sweep.
        children: all runs of it, the latest first.
        notes: what a reader of the comparison must know about its source.
    """

    store: Store
    parent: RunRecord
    children: list[RunRecord]
    notes: list[str]


def source_of(store: Store, which: str) -> Source:
    """Return where a sweep is read from.

    A store that was lost for a time lacks runs, or has them as failed, which have finished by their files: a comparison
    of what it has would be one of a part of the sweep, and would look like one of all.

    Args:
        store: which has the sweep.
        which: see :meth:`locexp.records.store.Store.sweep`.

    Raises:
        UserError: there is no such sweep.
    """
    parent = store.sweep(which)
    sweep_id = parent.tags["sweep_id"]
    children = store.children(sweep_id)
    notes = [store.note] if store.note else []
    own = Source(store, parent, children, notes)
    folder = folder_of(parent)
    finished = parent.metrics.get("sweep/finished", math.inf)  # by the files, when the sweep ended
    if parent.directory is not None or len(_finished(children)) >= finished or not is_of(folder, sweep_id):
        return own
    try:
        files = FolderStore(str(folder), note="")
        here = files.children(sweep_id)
    except (OSError, UserError):  # the store is not worse for it
        return own
    known = _finished(children)
    lacking = _finished([run for run in here if not run.logged]) - known  # others somebody may have deleted there
    if not lacking:
        return own
    what = f"{counted(len(lacking), 'finished run')} of this sweep, whose files are in {folder}"
    log = f"{command('log', str(folder))} logs what is missing"
    if known <= _finished(here):
        notes = [f"Compared from the files in the sweep's folder: {store.label} lacks {what}; {log}."]
        return Source(files, files.sweep(sweep_id), here, notes)
    notes.append(f"Not all that has finished is compared: {store.label} lacks {what}; {log}, and then compare again.")
    return own


def folder_of(parent: RunRecord) -> Path:
    """Return where the files of a sweep are, or were; a folder of its id where its parent run does not say (now)."""
    return parent.directory or Path(parent.tags.get("directory") or f"sweep-{parent.tags['sweep_id']}")


def is_of(folder: Path, sweep_id: str) -> bool:
    """Whether a folder that a store names still holds the sweep: by now it may hold something else."""
    try:
        return SweepList.read(folder).sweep_id == sweep_id
    except (OSError, UserError):
        return False


def _finished(runs: Sequence[RunRecord]) -> set[tuple[str, str]]:
    """Return setting and seed of the runs that have finished."""
    return {(run.tags.get("config_hash", ""), run.tags.get("seed", "")) for run in runs if run.status == "FINISHED"}
