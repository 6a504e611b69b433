"""Runs of a sweep that its plan gives up."""

from __future__ import annotations

from locexp.records.files import CHECKPOINT
from locexp.records.record import NOT_PURSUED
from locexp.sweep.ends import Ends
from locexp.sweep.folder import JobEnd, attempts_at, read_record
from locexp.sweep.jobs import StagedJobs
from locexp.sweep.parent import Parent


def give_up(staged: StagedJobs, parent: Parent, ends: Ends) -> None:
    """Mark the runs that are not pursued by now; what they would go on from is removed."""
    for index, reason in staged.course.not_pursued.items():
        job = staged.jobs[index]
        for folder in attempts_at(parent.directory, index):
            record = read_record(folder)
            if record is None or record.status == "RUNNING":
                continue
            if record.tags.get(NOT_PURSUED) != reason:
                record.tags[NOT_PURSUED] = reason
                parent.amend(record, folder)
            (folder / CHECKPOINT).unlink(missing_ok=True)
            last = ends.of(job).record
            if last is not None and last.start_time == record.start_time:
                ends.set(job, JobEnd(record))
