"""What is known of the jobs of a sweep: which have finished, with what, and which have failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from locexp.sweep.ending import End
from locexp.sweep.mending import goes_on, has_begun
from locexp.sweep.plan import RunKey, SweepJob
from locexp.sweep.progress import read_record
from locexp.sweep.stored import StoredSweep, validation


@dataclass
class Outcomes:
    """The outcomes of jobs.

    Attributes:
        results: what a plan may see of each job that has ended; ``None`` where it failed.
        done: MLflow's ids of the runs that have finished, empty where the store did not take one.
        failures: where and why jobs failed in this command.
        stopped: where jobs were at work when the sweep was stopped.
        unlogged: how many finished runs have not reached the store.
    """

    results: dict[RunKey, dict[str, float] | None] = field(default_factory=dict)
    done: dict[RunKey, str] = field(default_factory=dict)
    failures: dict[RunKey, tuple[Path, str]] = field(default_factory=dict)
    stopped: dict[RunKey, Path] = field(default_factory=dict)
    unlogged: int = 0

    def take(self, stored: StoredSweep) -> None:
        """Take in what has finished before."""
        for key, run in stored.finished.items():
            self.done[key] = run.run_id or ""
            self.results[key] = validation(run.metrics)

    def missing(self, jobs: Sequence[SweepJob]) -> list[SweepJob]:
        """Return the jobs that have not finished."""
        return [job for job in jobs if job.key not in self.done]

    def settle(self, job: SweepJob, place: Path, *, stopped: bool) -> bool:
        """Take the outcome of a job that was launched into a folder; returns whether it had started at all.

        Args:
            job: that was launched.
            place: its folder.
            stopped: the whole sweep was, so that a job which ended with it did not fail.
        """
        record = read_record(place)
        if record is None:
            if not has_begun(place):
                return False
            status, reason = "KILLED", "ended before it left a record"
        else:
            status, reason = record.status, f"{record.status}: {record.error}"
        host = goes_on(place)
        if host is not None:
            reason = f"may still run on {host}; once it has ended, resume with sweep.presume_dead=true"
        if record is not None and status == "FINISHED":
            self.done[job.key] = record.run_id or ""
            self.results[job.key] = validation(record.metrics)
            self.unlogged += not record.logged
        elif (status == "KILLED" or host is not None) and stopped:
            self.stopped[job.key] = place
        else:
            self.fail(job, place, reason)
        return True

    def fail(self, job: SweepJob, place: Path, reason: str) -> None:
        """Note that a job failed, where and why."""
        self.failures[job.key] = place, reason
        self.results[job.key] = None

    def ends(self, jobs: Sequence[SweepJob]) -> list[End]:
        """Return how each job ended."""
        ends = []
        for job in jobs:
            place, reason = self.failures.get(job.key, (self.stopped.get(job.key), None))
            ends.append(End(job.name, job.seed, self.done.get(job.key), place, reason))
        return ends

    def counts(self, jobs: Sequence[SweepJob]) -> dict[str, float]:
        """Return how many jobs there are and how they ended, as metrics of the parent run."""
        numbers = {"jobs": len(jobs), "finished": len(self.done), "failed": len(self.failures)}
        return {f"sweep/{name}": float(number) for name, number in numbers.items()}
