"""Bringing runs whose process has gone to an end, in their folders and in the store."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from locexp.errors import RunFailedError, UserError
from locexp.records.record import CUT_OFF, RECORD, RunRecord
from locexp.sweep.outcomes import read_record
from locexp.sweep.progress import POLL_SECONDS
from locexp.sweep.stored import StoredSweep, finished_runs
from locexp.system.process import is_alive

if TYPE_CHECKING:
    from locexp.tracking.store import MlflowStore

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
"""How long a process that is told to end may take."""


def mend(store: MlflowStore, sweep: StoredSweep) -> list[str]:
    """Close the runs whose process died and log what has ended in folders alone; returns what was done, in words."""
    from locexp.tracking.relog import relog

    done = []
    for run in sweep.dead:
        try:
            done.append(relog(run.tags.get("directory", "."), None))
        except (UserError, RunFailedError):
            store.client.set_terminated(run.run_id, "KILLED")
            done.append(f"{run.name}: its process has gone; it is KILLED now.")
    for path in sorted(sweep.directory.glob(f"*/{RECORD}")):
        record = read_record(path.parent)
        if record is not None and record.status != "RUNNING" and not record.logged:
            done.append(relog(str(path.parent), None))
    if done:
        sweep.finished = finished_runs(store.children(sweep.sweep_id))
    return done


def close_dead(places: Sequence[Path], *, stopped: bool, failed: bool = False) -> None:
    """Bring what was launched into these folders to an end, now that the launcher has returned.

    A run that was killed is logged as KILLED, and one that was killed before all of it was logged is logged whole.

    Args:
        places: the folders.
        stopped: the launcher was interrupted, so that what still runs is stopped first, whatever it does.
        failed: the launcher gave up, as it does when one of its workers is killed; the others are waited for.

    After both, runs of other machines are left as they are: whether they go on cannot be asked from here.
    """
    records = {place: read_record(place) for place in places}
    unlogged = {place: record for place, record in records.items() if record is not None and not record.logged}
    if stopped or failed:
        unlogged = {place: record for place, record in unlogged.items() if is_alive(record.tags) is not None}
    at_work = [record for record in unlogged.values() if record.status == "RUNNING" or stopped]
    others = [record for record in at_work if is_alive(record.tags) and int(record.tags["pid"]) != os.getpid()]
    if failed and not stopped:
        while any(is_alive(record.tags) for record in others):
            time.sleep(POLL_SECONDS)
    else:
        _stop(others)
    for place, record in unlogged.items():
        if record in at_work or not is_alive(record.tags):
            _log(place)


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
    from locexp.tracking.relog import relog

    try:
        relog(str(place), None, ended=True)
    except (UserError, RunFailedError, OSError) as error:
        logger.info("%s", error)
        record = RunRecord.read(place)
        if record.status == "RUNNING":
            record.status, record.error = "KILLED", CUT_OFF
            with contextlib.suppress(OSError):  # a full disk: the record that is there says so at least
                record.write(place)
