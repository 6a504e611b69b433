"""Which trained network is meant: a folder, a run or a model of MLflow, a sweep, or the last one."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locexp.errors import UserError, counted, listed
from locexp.models.saving import MODEL
from locexp.records.files import FREED
from locexp.records.folder_store import FolderStore
from locexp.records.format import MalformedError
from locexp.records.record import NOT_PURSUED, RECORD, RunRecord
from locexp.records.store import Store
from locexp.system.commands import command, for_shell, typed
from locexp.tracking.location import check, location_of

if TYPE_CHECKING:
    from locexp.tracking.store import MlflowStore

EXPECTED = (
    "expected the folder of a run or of a sweep, the id of one, runs:/ID, models:/NAME@ALIAS, or last for the last in "
    "this folder"
)
LAST = "last"
RUN_ID = re.compile(r"[0-9a-f]{32}")
MOST_NAMED = 5


@dataclass(frozen=True)
class FoundModel:
    """A model's file and the run that left it.

    Attributes:
        record: of the run, whole.
        file: the Keras model.
        what: which it is, in words.
    """

    record: RunRecord
    file: Path
    what: str


@contextlib.contextmanager
def found_model(which: str, tracking: Any, metric: str) -> Iterator[FoundModel]:
    """Find a trained network; a model that is fetched from a store is gone afterwards.

    Args:
        which: as a user names it, see :data:`EXPECTED`. Of a sweep, it is the best run of the chosen setting.
        tracking: the ``tracking`` configuration: the store to look into, but for folders.
        metric: by which the setting of a sweep and its run are chosen, on validation.

    Raises:
        UserError: there is no such run, or it has no model.
        RunFailedError: the store cannot be read.
    """
    if is_folder(which):
        yield _in_folder(which, metric)
        return
    location = location_of(tracking)
    if location.database is not None and not location.database.exists():
        near = _near([Path("multirun"), Path()])
        raise UserError(f"{which}: there is no store in {location.database.parent} to look for it; {EXPECTED}.{near}")
    check(location)
    from locexp.tracking.store import MlflowStore, store_errors

    with store_errors(location), tempfile.TemporaryDirectory() as folder:
        yield _in_store(MlflowStore(location), which, metric, Path(folder))


def is_folder(which: str) -> bool:
    """Whether a folder is meant: no id contains a slash, and no address is one."""
    if which == LAST or re.match(r"(runs|models):/", which):
        return False
    return os.sep in which or which[:1] in (".", "~") or Path(which).exists()


def _in_folder(given: str, metric: str) -> FoundModel:
    folder = Path(os.path.abspath(Path(given).expanduser()))
    if folder.is_file() and folder.name in (RECORD, MODEL):
        folder = folder.parent
    try:
        record = RunRecord.read(folder)
    except (FileNotFoundError, NotADirectoryError):
        exists = "is a file" if folder.exists() else "there is no such folder"
        lacks = f"holds no {RECORD}" if folder.is_dir() else exists
        near = _near([folder, folder.parent, Path("multirun")])
        raise UserError(f"{given}: {lacks}; {EXPECTED}.{near}") from None
    if not record.is_sweep:
        return _of_run(record, given)
    return _of_sweep(FolderStore(str(folder)), record, metric)


def _of_run(record: RunRecord, what: str) -> FoundModel:
    """Return the model in the folder of a run."""
    assert record.directory is not None
    file = record.directory / MODEL
    if not file.is_file():
        raise UserError(f"{what}: {_without_model(record)}")
    return FoundModel(record, file, what)


def _without_model(record: RunRecord) -> str:
    if "models" in record.tags.get(FREED, ""):
        return f"its model was freed by {command('clean')}; name a run of another setting, or train it again."
    if record.status == "FINISHED":
        tracked = f" MLflow's run {record.run_id} may have it." if record.run_id else ""
        return f"this run has finished, but its {MODEL} is gone.{tracked}"
    if NOT_PURSUED in record.tags:
        return (
            f"this run was not pursued ({record.tags[NOT_PURSUED]}), so it has no {MODEL}; name one that has finished."
        )
    if record.paused_after is not None:
        return f"this run paused after {counted(record.paused_after, 'epoch')}; its sweep goes on with it when resumed."
    ended = {"RUNNING": "is still running, or was killed", "KILLED": "was stopped"}.get(record.status, "failed")
    why = f" ({record.error})" if record.error else ""
    return f"this run {ended}{why}, and has left no {MODEL}; name one that has finished."


def _of_sweep(store: Store, parent: RunRecord, metric: str, folder: Path | None = None) -> FoundModel:
    """Return the model of a sweep's chosen run."""
    from locexp.analysis.chosen import chosen_run

    chosen = chosen_run(store, parent, metric)
    run = chosen.run
    what = f"sweep {parent.tags['sweep_id']}: {chosen.setting.label}, chosen by {metric} on validation"
    what += f", seed {run.tags['seed']}" if len(chosen.setting.runs) > 1 else ""
    if run.directory is not None:
        return _of_run(run, f"{what}: {typed(run.directory)}")
    assert folder is not None
    return _stored(store, run, what, folder)  # type: ignore[arg-type]


def _in_store(store: MlflowStore, which: str, metric: str, folder: Path) -> FoundModel:
    from locexp.tracking.fetching import fetch_model, run_id_of

    if which.startswith("models:"):
        record, file = fetch_model(store, which, folder)
        return FoundModel(record, file, f"{which}: run {record.name}")
    if which == LAST:
        return _last(store, metric, folder)
    run_id = run_id_of(which) or which
    if RUN_ID.fullmatch(run_id) or which.startswith("runs:"):
        run = store.run(run_id)
        if run.is_sweep:
            return _of_sweep(store, run, metric, folder)
        return _stored(store, run, f"run {run.name}", folder)
    return _of_sweep(store, store.sweep(which), metric, folder)


def _last(store: MlflowStore, metric: str, folder: Path) -> FoundModel:
    """Return the model of the last sweep, or of the last run by itself if that began later."""
    sweeps = store.sweeps()
    single = next((run for run in store.finished() if "sweep_id" not in run.tags), None)
    if single is not None and not (sweeps and sweeps[0].start_time > single.start_time):
        return _stored(store, single, f"the last run, {single.name}", folder)
    if not sweeps:
        raise UserError(
            f"last: there is neither a sweep nor a finished run in experiment {store.location.experiment} of "
            f"{store.location.uri}; python -m locexp.train makes one."
        )
    return _of_sweep(store, sweeps[0], metric, folder)


def _stored(store: MlflowStore, run: RunRecord, what: str, folder: Path) -> FoundModel:
    """Return the model of a run in a store: from the run's own folder if that is still there, else fetched."""
    own = _own_folder(run)
    if own is not None and own.directory is not None and (own.directory / MODEL).is_file():
        return _of_run(own, f"{what}: {typed(own.directory)}")
    from locexp.tracking.fetching import fetch_of_run

    fetched = fetch_of_run(store, run, folder)
    if fetched is None:
        raise UserError(f"{what}: {_without_model(run)}")
    return FoundModel(*fetched, f"{what}: from {store.location.uri}")


def _own_folder(run: RunRecord) -> RunRecord | None:
    """Return the record in the folder that a store names, if it is still that of the run."""
    with contextlib.suppress(OSError, UserError, KeyError):
        record = RunRecord.read(Path(run.tags["directory"]))
        return record if record.run_id == run.run_id else None
    return None


def _near(folders: Iterable[Path]) -> str:
    """Return, in words, the latest sweeps and runs by themselves in the first of some folders that holds any."""
    for folder in folders:
        found: dict[Path, RunRecord] = {}
        for path in (*folder.glob(f"*/{RECORD}"), *folder.glob(f"*/*/{RECORD}")):
            with contextlib.suppress(OSError, MalformedError):
                found[path.parent] = RunRecord.read(path.parent)
        tops = [place for place in found if place.parent not in found]
        if tops:
            tops.sort(key=lambda place: -found[place].start_time)
            return f" There is: {listed(for_shell(typed(place.absolute())) for place in tops[:MOST_NAMED])}."
    return ""
