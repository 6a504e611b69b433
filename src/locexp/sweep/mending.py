"""Bringing runs whose process has gone to an end, in their folders and in the store."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from locexp.errors import RunFailedError, UserError
from locexp.process import is_alive
from locexp.record import RECORD, RunRecord
from locexp.sweep.progress import read_record
from locexp.sweep.stored import StoredSweep, finished_runs

if TYPE_CHECKING:
    from locexp.tracking.reading import Reader

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
"""How long a process that is told to end may take."""


def mend(reader: Reader, sweep: StoredSweep) -> list[str]:
    """Close the runs whose process died and log what has ended in folders alone; returns what was done, in words."""
    from locexp.run.relog import relog

    done = []
    for run in sweep.dead:
        directory = Path(run.tags.get("directory", ""))
        try:
            done.append(relog(str(directory), None))
        except (UserError, RunFailedError):
            reader.client.set_terminated(run.run_id, "KILLED")
            done.append(f"{run.name}: its process has gone; it is KILLED now.")
    for path in sorted(sweep.directory.glob(f"*/{RECORD}")):
        record = read_record(path.parent)
        if record is not None and record.status != "RUNNING" and not record.logged:
            done.append(relog(str(path.parent), None))
    if done:
        sweep.finished = finished_runs(reader.children(sweep.sweep_id))
    sweep.dead = []
    return done


def close_dead(places: Sequence[Path], *, stopped: bool) -> None:
    """Bring what was launched into these folders to an end, now that the launcher has returned.

    A run that was killed is logged as KILLED, and one that was killed before all of it was logged is logged whole.

    Args:
        places: the folders.
        stopped: the launcher was interrupted, so that what still runs is stopped first, whatever it does.
    """
    records = {place: read_record(place) for place in places}
    unlogged = {place: record for place, record in records.items() if record is not None and not record.logged}
    at_work = [record for record in unlogged.values() if record.status == "RUNNING" or stopped]
    _stop([record for record in at_work if is_alive(record.tags) and not _is_mine(record)])
    for place, record in unlogged.items():
        if record in at_work or not is_alive(record.tags):
            _log(place)


def _is_mine(record: RunRecord) -> bool:
    return int(record.tags["pid"]) == os.getpid()


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


def _log(place: Path) -> None:
    from locexp.run.relog import relog

    try:
        relog(str(place), None, ended=True)
    except (UserError, RunFailedError) as error:
        logger.info("%s", error)
        record = RunRecord.read(place)
        if record.status == "RUNNING":
            record.status, record.error = "KILLED", "ended without closing its record"
            record.write(place)
