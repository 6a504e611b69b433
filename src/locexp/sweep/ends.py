"""How the jobs of a sweep have ended so far, against how far its plan wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from locexp.errors import verb
from locexp.records.record import RunRecord
from locexp.records.sweep_list import CONFIRMATION
from locexp.run.prepare import monitor
from locexp.sweep.folder import JobEnd, log_missing, read_record, runs_in
from locexp.sweep.jobs import RunKey, StagedJobs, SweepJob
from locexp.tracking.location import Location, answers


@dataclass(frozen=True)
class Tally:
    """How many jobs of a sweep have come how far. Those that are not pursued have not failed, nor are they missing.

    Attributes:
        jobs: that are pursued, or have ended otherwise.
        finished: of these.
        paused: of these, and not finished.
        missing: of these: not as far as they are wanted.
        failed: in this command.
        not_pursued: the others, given up where they had paused.
    """

    jobs: int
    finished: int
    paused: int
    missing: int
    failed: int
    not_pursued: int

    @property
    def metrics(self) -> dict[str, float]:
        """What the record of the sweep says of it, ``sweep/…``."""
        counts = {"jobs": self.jobs, "finished": self.finished, "failed": self.failed}
        counts |= {"not_pursued": self.not_pursued} if self.not_pursued else {}
        return {f"sweep/{name}": float(count) for name, count in counts.items()}

    def __str__(self) -> str:
        """What a sweep that is resumed has, and how many jobs are missing."""
        done = [f"{self.finished} {verb(self.finished, 'has', 'have')} finished before"]
        done += [f"{self.paused} {verb(self.paused, 'has', 'have')} paused"] if self.paused else []
        done += [f"{self.not_pursued} {verb(self.not_pursued, 'is', 'are')} not pursued"] if self.not_pursued else []
        return f"{', '.join(done)}, {self.missing} {verb(self.missing, 'is', 'are')} missing"


class Ends:
    """The ends of the jobs that have been at work, in this command or before.

    Args:
        staged: the jobs.
    """

    def __init__(self, staged: StagedJobs) -> None:
        self._staged = staged
        self._ends: dict[RunKey, JobEnd] = {}

    def of(self, job: SweepJob) -> JobEnd:
        """Return how a job ended."""
        return self._ends.get(job.key, JobEnd())

    def set(self, job: SweepJob, end: JobEnd) -> None:
        """Take in how a job ended."""
        self._ends[job.key] = end

    def take(self, runs: Mapping[RunKey, RunRecord]) -> None:
        """Take in runs that have finished or paused before."""
        self._ends |= {key: JobEnd(record) for key, record in runs.items()}

    def missing(self, jobs: Iterable[SweepJob]) -> list[SweepJob]:
        """Return the jobs that are pursued, and have neither finished nor paused where they were to."""
        course = self._staged.course
        pursued = [job for job in jobs if job.index not in course.not_pursued]
        return [job for job in pursued if not self.of(job).has_reached(course.until(job.index))]

    def results(self) -> dict[RunKey, dict[str, float] | None]:
        """Return what the plan may see of the jobs: of the test metrics those of planned confirmations alone."""
        return {
            job.key: self.of(job).results(
                self._staged.course.until(job.index),
                monitor(job.composition.cfg),
                with_test=job.role == CONFIRMATION,
            )
            for job in self._staged.jobs
        }

    def log_rest(self, location: Location, directory: Path, sweep_id: str, say: Callable[[str], None]) -> None:
        """Log what a store missed while it was lost, if it answers again.

        Args:
            location: of the store.
            directory, sweep_id: of the sweep.
            say: see :func:`~locexp.sweep.folder.log_missing`.
        """
        own = runs_in(directory, sweep_id)
        if all(record.logged for record in own) or not answers(location):
            return
        log_missing(own, say)
        for key, end in self._ends.items():
            folder = end.record.directory if end.record is not None and not end.record.logged else None
            if folder is not None and (record := read_record(folder)) is not None:
                self._ends[key] = replace(end, record=record)

    @property
    def records(self) -> list[RunRecord]:
        """Those of the runs that have finished or paused."""
        return [end.record for end in self._ends.values() if end.record is not None]

    @property
    def failures(self) -> int:
        """How many jobs have failed in this command."""
        return sum(end.reason is not None for end in self._ends.values())

    @property
    def tally(self) -> Tally:
        """How many jobs have come how far."""
        jobs, not_pursued = self._staged.jobs, self._staged.course.not_pursued
        ends = [(job.index in not_pursued, self.of(job)) for job in jobs]
        unfinished = [(is_lost, end) for is_lost, end in ends if not end.has_finished]
        lost = sum(is_lost and end.reason is None for is_lost, end in unfinished)
        paused = sum(end.record is not None and not is_lost for is_lost, end in unfinished)
        finished = len(ends) - len(unfinished)
        return Tally(len(ends) - lost, finished, paused, len(self.missing(jobs)), self.failures, lost)

    def pairs(self) -> Sequence[tuple[SweepJob, JobEnd]]:
        """Return all jobs, and how each ended; without those that were given up after they had failed before."""
        ends = [(job, self.of(job)) for job in self._staged.jobs]
        return [(job, end) for job, end in ends if end.was_started or job.index not in self._staged.course.not_pursued]
