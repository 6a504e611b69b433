"""Logging a run later, from the files in its directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from locexp.errors import RunFailedError, UserError, counted, first_line, listed
from locexp.models.saving import load_model
from locexp.records.files import logged_files
from locexp.records.record import CUT_OFF, RECORD, RunRecord
from locexp.system.process import is_alive
from locexp.tracking.location import check, locate, location_in


def relog(directory: str, uri: str | None, say: Callable[[str], None], *, ended: bool = False) -> None:
    """Log the directory of a run or a whole sweep to its own store, or to another.

    A run that is already there in part is taken up and completed; one that ended without closing its record (it was
    killed) is logged as KILLED.

    Args:
        directory: of the run or the sweep.
        uri: of another store; ``None`` for its own.
        say: receives a line for each run: what was done with it.
        ended: the caller knows that a run has ended, though its process, which may be the caller's, still runs.

    Raises:
        UserError: no run there, it is still going on, or the store does not answer.
        RunFailedError: the store refused, or a job of the sweep could not be logged; the others are.
    """
    folder = Path(directory).absolute()
    say(_relog_one(folder, directory, uri, None, ended))
    parent = RunRecord.read(folder)
    failed = []
    for child in sorted(folder.glob(f"*/{RECORD}")) if parent.is_sweep else []:
        try:
            if RunRecord.read(child.parent).tags.get("sweep_id") != parent.tags.get("sweep_id"):
                continue  # of another sweep, or a run by itself, that somebody keeps there
            say(_relog_one(child.parent, str(Path(directory) / child.parent.name), uri, parent.run_id, ended))
        except (UserError, RunFailedError, OSError) as error:
            say(f"not logged: {error}")
            failed.append(child.parent.name)
    if parent.is_sweep:
        from locexp.tracking.store import present_sweep

        for note in present_sweep(location_in(RunRecord.read(folder)), parent.tags["sweep_id"]).notes:
            say(note)
    if failed:
        raise RunFailedError(f"{directory}: {counted(len(failed), 'job')} could not be logged: {listed(failed)}")


def _relog_one(folder: Path, directory: str, uri: str | None, parent_run_id: str | None, ended: bool) -> str:
    try:
        record = RunRecord.read(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{directory}: holds no {RECORD}; expected the folder of a run.") from None
    if record.status == "RUNNING":
        if not ended and is_alive(record.tags):
            raise UserError(f"{directory}: this run is still going on (process {record.tags['pid']}).")
        record.status, record.error = "KILLED", CUT_OFF
        # The time of a file is that of the machine whose disk it is, which may be behind.
        record.end_time = record.end_time or max(record.start_time, (folder / RECORD).stat().st_mtime)
    if parent_run_id is not None:
        record.tags["mlflow.parentRunId"] = parent_run_id
    location = locate(
        record.tracking_uri if uri is None else uri, record.artifact_root if uri is None else None, record.experiment
    )
    if location.uri != record.tracking_uri:
        record.run_id = record.experiment_id = None
        record.tracking_uri, record.artifact_root = location.uri, location.artifact_root
    logged_files(folder, record)  # raises
    check(location)
    from locexp.tracking.store import has_run, has_samples
    from locexp.tracking.tracker import log_directory

    model, lacking, unsampled = None, "", ""
    try:
        model = load_model(folder)
    except UserError as error:
        lacking = f", without its model: {error}" if record.paused_after is None else ""
    try:
        if record.logged and has_run(location, record):
            return f"{directory}: is in {location.uri} already, as run {record.run_id}."
        record.logged = False  # of another store it was true
        log_directory(location, folder, record, model)
        if record.parameters.get("tracking.system_metrics") == "True" and not has_samples(location, record):
            unsampled = " It has no system/ metrics there: they are sampled while a run trains, and kept in no file."
    except UserError:
        raise
    except Exception as error:
        raise RunFailedError(f"{directory}: not everything reached {location.uri} ({first_line(error)}).") from error
    record.logged = True
    record.write(folder)
    return f"{directory}: logged to {location.uri} as run {record.run_id} ({record.status}){lacking or '.'}{unsampled}"
