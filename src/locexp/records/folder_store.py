"""A sweep read from the files in its folder alone, wherever that was copied: no server, no MLflow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from locexp.errors import UserError, listed
from locexp.records.files import file_within
from locexp.records.format import MalformedError
from locexp.records.record import RECORD, RunRecord, finite_metrics, milliseconds
from locexp.records.store import Describe
from locexp.records.sweep_list import LIST
from locexp.system.commands import command, for_shell, typed

MOST_NAMED = 5
"""How many sweeps a message names."""


def names_folder(which: str) -> bool:
    """Return whether the folder of a sweep is meant, rather than an id, ``last`` or ``list``: no id has a slash."""
    return which not in ("", "last", "list") and (os.sep in which or which[:1] in (".", "~") or Path(which).is_dir())


class FolderStore:
    """The folder of a sweep: its own record, and one folder per run.

    Args:
        given: the folder, as the user named it.
        note: another one than the usual, see :class:`~locexp.records.store.Store`.

    Raises:
        UserError: it is not the folder of a sweep; the message names that if it is near.
    """

    label = "the folder"
    note = "Compared from the files in the sweep's folder alone; nothing was read from MLflow or written to it."

    def __init__(self, given: str, note: str | None = None) -> None:
        self.note = self.note if note is None else note
        self.folder = Path(os.path.abspath(Path(given).expanduser()))
        self._parent = _as_tracked(_parent_record(self.folder, given))

    def sweep(self, which: str) -> RunRecord:
        """Return the parent run; raises :class:`UserError` where ``which`` names another."""
        if which not in ("last", self._parent.tags["sweep_id"], self._parent.run_id):
            raise UserError(f"{which}: {self.folder} holds the sweep {self._parent.tags['sweep_id']}.")
        return self._parent

    def children(self, sweep_id: str) -> list[RunRecord]:
        """Return every run of the sweep, finished or not, the latest first."""
        records = [_as_tracked(RunRecord.read(path.parent)) for path in self.folder.glob(f"*/{RECORD}")]
        own = [record for record in records if not record.is_sweep and record.tags.get("sweep_id") == sweep_id]
        # MLflow breaks ties by the id of the run.
        return sorted(own, key=lambda record: (-record.start_time, record.run_id or "", str(record.directory)))

    def content(self, run: RunRecord, path: str) -> bytes | None:
        """Return a file of a run; ``None`` where there is none at this path."""
        assert run.directory is not None
        file = file_within(run.directory, path)
        return None if file is None else file.read_bytes()

    def keep_comparison(
        self, parent: RunRecord, runs: Sequence[RunRecord], folder: Path, describe: Describe
    ) -> list[str]:
        """Do nothing: what is kept with a run here is what is in its directory."""
        assert folder.parent == parent.directory
        return []


def _as_tracked(record: RunRecord) -> RunRecord:
    """Return a record with the numbers that MLflow has of it: finite metrics, and times in whole milliseconds."""
    return replace(
        record,
        metrics=finite_metrics(record.metrics),
        start_time=milliseconds(record.start_time) / 1000,
        end_time=milliseconds(record.end_time) / 1000 if record.end_time else None,
    )


def _parent_record(folder: Path, given: str) -> RunRecord:
    """Read the record of a sweep's folder.

    Raises:
        UserError: it holds none; the message names one that is near.
    """
    if not folder.exists():
        raise UserError(
            f"{given}: there is no such folder; expected the folder of a sweep, the id of a sweep, last or list."
        )
    try:
        record: RunRecord | None = RunRecord.read(folder)
    except (FileNotFoundError, NotADirectoryError):
        record = None
    if record is not None and record.is_sweep:
        if "sweep_id" not in record.tags:
            raise UserError(f"{folder / RECORD}: is the record of a sweep, but names no sweep_id.")
        return record
    around = next((one.directory for one in _readable(folder.parents) if one.is_sweep), None)
    if around is not None:
        what = "is not the folder of a sweep, but inside one" if record is None else "is one run of a sweep"
        raise UserError(f"{given}: {what}; compare the whole: {command('compare', typed(around))}")
    if record is not None:
        sweep_id = record.tags.get("sweep_id")
        what = f"is one run of the sweep {sweep_id}, without the others" if sweep_id else "is a run by itself"
        raise UserError(f"{given}: {what}, so there is nothing to compare; expected the folder of a sweep.")
    below = list(_readable(path.parent for path in sorted(folder.glob(f"*/{RECORD}"))))
    orphans = sorted({one.tags["sweep_id"] for one in below if not one.is_sweep and "sweep_id" in one.tags})
    if orphans or (folder / LIST).is_file():
        store = f", or compare it from its store: {command('compare', orphans[0])}" if orphans else ""
        raise UserError(
            f"{given}: holds runs of a sweep, but not the record of the sweep itself, {RECORD}; copy that, too{store}."
        )
    sweeps = [for_shell(typed(one.directory)) for one in below if one.is_sweep and one.directory is not None]
    if sweeps:
        more = f" and {len(sweeps) - MOST_NAMED} more" if len(sweeps) > MOST_NAMED else ""
        raise UserError(f"{given}: holds sweeps; name one of them: {listed(sweeps[:MOST_NAMED])}{more}.")
    raise UserError(f"{given}: holds no {RECORD}; expected the folder of a sweep.")


def _readable(folders: Iterable[Path]) -> Iterator[RunRecord]:
    """Yield the records of those folders that have one; what cannot be read may be the file of another program."""
    for folder in folders:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, MalformedError):
            yield RunRecord.read(folder)
