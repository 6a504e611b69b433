"""A sweep's folder: it belongs to one sweep, and one command at a time works in it. Each attempt at a job has its own,
which shows how the job ended: the one account for later stages, the screen and the counts.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from locexp.errors import RunFailedError, UserError
from locexp.evaluation.metrics import metrics_so_far
from locexp.records.files import CHECKPOINT
from locexp.records.format import MalformedError, NewerFormatError
from locexp.records.history import HISTORY, read_history
from locexp.records.record import CUT_OFF, RECORD, RunRecord
from locexp.records.sweep_list import LIST, SweepList
from locexp.system.files import locked
from locexp.system.process import is_alive

logger = logging.getLogger(__name__)

LOCK = LIST.with_name("lock")
"""The file in a sweep's folder that the command at work holds."""
FLOORS = {"scenes/floor_accuracy": "floor/accuracy", "scenes/floor_mean_iou": "floor/mean_iou"}
"""What a run measures of its data before it trains, and what plans see it as."""
POLL_SECONDS = 0.5
"""Between two looks at what runs leave in their folders."""
PATIENCE_SECONDS = 10.0
"""How long a process that is asked to end may take."""


def check_free(directory: Path) -> None:
    """Check that a folder holds no sweep yet; raises :class:`UserError`."""
    if not os.path.exists(directory / LIST):
        return
    try:
        known = f" ({SweepList.read(directory).sweep_id})"
    except (OSError, UserError):
        known = ""
    raise UserError(
        f"hydra.sweep.dir={directory}: holds a sweep already{known}; continue that one with sweep.resume, or give "
        "another folder."
    )


@contextlib.contextmanager
def held(directory: Path, key: str) -> Iterator[None]:
    """Hold a sweep's folder, which is made where there is none.

    Args:
        directory: of the sweep.
        key: what names it in the message.

    Raises:
        UserError: another command holds it.
    """
    refusal = f"{key}: another command is still running this sweep in {directory}; wait for it or stop it first."
    with locked(directory / LOCK, refusal):
        yield


def folder_for(directory: Path, index: int, *, goes_on: bool) -> Path:
    """Return the folder for the next attempt at a job of the sweep in ``directory``: ``3``, ``3-2`` for a second.

    Args:
        directory: of the sweep.
        index: of the job.
        goes_on: a run that was stopped goes on in the folder that it has, from its checkpoint.
    """
    attempts = attempts_at(directory, index)
    if attempts and goes_on and _can_go_on(attempts[-1]):
        return attempts[-1]
    return directory / (f"{index}-{len(attempts) + 1}" if attempts else str(index))


def attempts_at(directory: Path, index: int) -> list[Path]:
    """Return the folders of all attempts at a job of the sweep in ``directory``, the last one last."""
    found, folder = [], directory / str(index)
    while folder.exists():
        found.append(folder)
        folder = directory / f"{index}-{len(found) + 1}"
    return found


def _can_go_on(folder: Path) -> bool:
    """Whether a run that was stopped can be continued in its folder; it can begin there where it has no epoch yet."""
    record = read_record(folder)
    has_checkpoint, has_epochs = (folder / CHECKPOINT).is_file(), (folder / HISTORY).is_file()
    return record is not None and record.status == "KILLED" and (has_checkpoint or not has_epochs)


def is_open(folder: Path, until: int | None) -> bool:
    """Whether there is something left to do for an attempt at a job.

    There is not where its run has ended by itself, has paused where it was to, or is at work in another process. One
    whose process was lost, with its machine or by a signal, goes on.

    Args:
        folder: of the attempt.
        until: the epochs after which the run is to pause; ``None`` for its end.
    """
    record = read_record(folder)
    if record is None:
        return True
    if record.status == "RUNNING":
        return not is_alive(record.tags) or int(record.tags["pid"]) == os.getpid()
    if record.paused_after is not None:
        return until is None or record.paused_after < until
    return record.status == "KILLED"


def index_of(folder: Path) -> int:
    """Return the index of the job whose folder this is."""
    return int(folder.name.partition("-")[0])


@dataclass(frozen=True)
class JobEnd:
    """How a job ended, in this command or before; a job that was not started has none.

    Attributes:
        record: of its run where that has finished, or has paused; or ``None``.
        folder: the folder of the attempt, in this command, that did not finish; or ``None``.
        reason: why that failed; ``None`` where it was stopped with the sweep.
        cut_off: the process of the run ended before it could say how.
        queued: in words, where a scheduler still has the job, which was left to it.
    """

    record: RunRecord | None = None
    folder: Path | None = None
    reason: str | None = None
    cut_off: bool = False
    queued: str = ""

    @property
    def was_started(self) -> bool:
        """Whether the job has been at work at all."""
        return self.record is not None or self.folder is not None

    @property
    def has_finished(self) -> bool:
        """Whether its run has results."""
        return self.record is not None and self.record.status == "FINISHED"

    def has_reached(self, until: int | None) -> bool:
        """Whether its run has finished, or has paused after so many epochs at least."""
        if self.record is None or until is None:
            return self.has_finished
        return self.has_finished or (self.record.paused_after or 0) >= until

    def results(self, until: int | None, monitor: str, *, with_test: bool = False) -> dict[str, float] | None:
        """Return what a plan may see: validation metrics by their bare names, of the kept epoch, or of the best one up
        to a pause; the run's mean effective weights so far, ``mean_weights/…``; and what needs no network, as far as it
        is known: ``floor/accuracy`` and ``floor/mean_iou``. ``None`` where the run failed.

        Args:
            until: the epochs after which the run was to pause; ``None`` for its end.
            monitor: the metric that picks the best epoch.
            with_test: the test metrics, too, ``test/…``.
        """
        if self.record is None or not self.has_reached(until):
            return None
        metrics = self.record.metrics
        known = {floor: metrics[name] for name, floor in FLOORS.items() if name in metrics}
        if until is not None:
            rows = read_history(self.record.directory or Path(self.record.tags["directory"]))[:until]
            if rows:
                return metrics_so_far(rows, monitor) | known
        prefixes = ("mean_weights/", "test/") if with_test else ("mean_weights/",)
        kept = {name.removeprefix("kept/"): value for name, value in metrics.items() if name.startswith("kept/")}
        return kept | known | {name: value for name, value in metrics.items() if name.startswith(prefixes)}


def end_of(folder: Path, *, stopped: bool) -> JobEnd | None:
    """Return how a job that was launched into a folder ended; ``None`` where it was not started.

    Args:
        folder: of the job.
        stopped: the whole sweep was, so that a job which ended with it did not fail.
    """
    record = read_record(folder)
    if record is None:
        log = log_of(folder)
        if log is None or log.stat().st_size == 0:
            return None
        return JobEnd(folder=folder, reason=None if stopped else "ended before it left a record", cut_off=True)
    if record.status == "FINISHED" or record.paused_after is not None:
        return JobEnd(record)
    reason = f"{record.status}: {record.error or 'the record could not be written'}"
    is_elsewhere = record.status == "RUNNING" and is_alive(record.tags) is None
    if is_elsewhere:
        host = record.tags.get("host", "another machine")
        reason = f"may still run on {host}; once it has ended, resume with sweep.presume_dead=true"
    was_stopped = stopped and (is_elsewhere or record.status == "KILLED")
    cut_off = (record.status, record.error) == ("KILLED", CUT_OFF)
    return JobEnd(folder=folder, reason=None if was_stopped else reason, cut_off=cut_off)


def log_of(folder: Path) -> Path | None:
    """Return the log of an attempt, as ``hydra.job.name`` calls it: in its folder it is the one file of its kind."""
    return next(folder.glob("*.log"), None)


def read_record(directory: Path) -> RunRecord | None:
    """Return the record of a run's folder; ``None`` where there is none yet, or none that can be read.

    One that a newer locexp wrote is that of a run which failed: this one cannot tell what became of it, nor log it.
    """
    try:
        return RunRecord.read(directory)
    except (FileNotFoundError, NotADirectoryError, MalformedError):
        return None
    except NewerFormatError as error:
        return RunRecord(name=directory.name, status="FAILED", error=str(error), logged=True)


def close_dead(folders: Sequence[Path], *, stopped: bool, failed: bool = False, gone: bool = False) -> None:
    """Bring what was launched into these folders to an end, now that the launcher has returned.

    A run that was killed is logged as KILLED, and one that was killed before all of it was logged is logged whole.
    After an interruption or a failed launcher, runs on other machines, which cannot be checked, are left as they are.

    Args:
        folders: of the runs.
        stopped: the launcher was interrupted, so that what still runs is stopped first, whatever it does.
        failed: the launcher gave up, as it does when one of its workers is killed; the others are waited for.
        gone: none of the runs goes on elsewhere, so that it need not be checked.
    """
    unlogged = {
        folder: record for folder in folders if (record := read_record(folder)) is not None and not record.logged
    }
    if (stopped or failed) and not gone:
        unlogged = {folder: record for folder, record in unlogged.items() if is_alive(record.tags) is not None}
    at_work = [record for record in unlogged.values() if record.status == "RUNNING" or stopped]
    others = [record for record in at_work if is_alive(record.tags) and int(record.tags["pid"]) != os.getpid()]
    if failed and not stopped:
        while any(is_alive(record.tags) for record in others):
            time.sleep(POLL_SECONDS)
    else:
        _stop(others)
    for folder, record in unlogged.items():
        if record in at_work or not is_alive(record.tags):
            _log(folder)


def runs_in(directory: Path, sweep_id: str) -> list[RunRecord]:
    """Return the records of a sweep's runs that its folder holds; it may hold others."""
    found = (read_record(path.parent) for path in sorted(directory.glob(f"*/{RECORD}")))
    return [record for record in found if record is not None and record.tags.get("sweep_id") == sweep_id]


def log_missing(records: Iterable[RunRecord], say: Callable[[str], None]) -> None:
    """Log the runs that have ended, but are in their sweep's folder alone, since a store was lost.

    Args:
        records: of these and others.
        say: receives a line for each: what was done, or why it was not.
    """
    from locexp.tracking.relog import relog

    for record in records:
        if not record.logged and (record.status != "RUNNING" or is_alive(record.tags) is False):
            try:
                relog(str(record.directory), None, say)
            except (UserError, RunFailedError, OSError) as error:  # the sweep can do without this one's run
                say(f"not logged: {error}")


def _stop(records: Sequence[RunRecord]) -> None:
    processes = []
    for pid in {int(record.tags["pid"]) for record in records}:
        try:
            processes.append(psutil.Process(pid))
            processes[-1].terminate()
        except psutil.NoSuchProcess:
            continue
    for process in psutil.wait_procs(processes, timeout=PATIENCE_SECONDS)[1]:
        process.kill()  # submitit's jobs do not listen to SIGTERM
        process.wait()


def _log(folder: Path) -> None:
    from locexp.tracking.relog import relog

    try:
        relog(str(folder), None, logger.debug, ended=True)
    except (UserError, RunFailedError, OSError) as error:
        logger.info("%s", error)
        record = RunRecord.read(folder)
        if record.status == "RUNNING":
            record.status, record.error = "KILLED", CUT_OFF
            with contextlib.suppress(OSError):  # a full disk: the record that is there says so at least
                record.write(folder)
