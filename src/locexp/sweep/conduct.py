"""Running a sweep: the jobs stage by stage, and the end, however it comes."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence

from locexp.configuration.compose import whole
from locexp.configuration.hydra_internals import Callbacks, set_up_logging
from locexp.errors import RunFailedError, Terminated, UserError, counted, first_line, verb
from locexp.records.sweep_list import SweepList
from locexp.sweep.display import show_end
from locexp.sweep.folder import JobEnd, check_free, close_dead, end_of, held, next_attempt
from locexp.sweep.jobs import PlacedJob, RunKey, StagedJobs, SweepJob
from locexp.sweep.launchers import Launch, capacity_of, end_workers, is_stacked, launch_with_hydra
from locexp.sweep.parent import Parent
from locexp.sweep.progress import Progress
from locexp.sweep.stacks import Stacks
from locexp.sweep.stored import StoredSweep
from locexp.sweep.swept import incomparable_keys
from locexp.system.screen import Screen
from locexp.tracking.environment import unread_variables
from locexp.tracking.location import Location, unused_root

logger = logging.getLogger(__name__)

Compare = Callable[[Location, str, bool], Sequence[str]]
"""Compares the sweep of an id in a store, mixed runs too where that is allowed; returns what is shown of it.

Raises :class:`RunFailedError` where that fails, which costs the sweep nothing but its exit status."""


class Conductor:
    """Runs the jobs of a sweep with one of Hydra's launchers.

    Args:
        staged: the jobs, of which the first stage is known.
        command: that began the sweep, as it is stored for a resume.
        screen: where the sweep is shown.
        compare: compares the sweep when its jobs have ended.
        stored: what an earlier command left of this sweep, or ``None``.

    Raises:
        UserError: the launcher cannot be used as it is asked for, or the code has changed since the sweep began.
    """

    def __init__(
        self, staged: StagedJobs, command: SweepList, *, screen: Screen, compare: Compare, stored: StoredSweep | None
    ) -> None:
        self._staged, self._stored, self._screen, self._compare = staged, stored, screen, compare
        self._began = time.time()
        self._capacity = capacity_of(staged.launcher)
        self._parent = Parent(staged, command, stored)
        self._ends: dict[RunKey, JobEnd] = {}
        self._take_stored()
        self._mixed: list[str] = []
        self._uncompared: RunFailedError | None = None
        if stored and (staged.more or self.missing(staged.jobs)):
            self._mixed = stored.check_code(self._parent.record.tags, allowed=staged.base.sweep.allow_mixed)

    def _take_stored(self) -> None:
        if self._stored:
            self._ends |= {key: JobEnd(record) for key, record in self._stored.finished.items()}

    def missing(self, jobs: Sequence[SweepJob]) -> list[SweepJob]:
        """Return the jobs that have not finished."""
        return [job for job in jobs if self._end_of(job).record is None]

    def _end_of(self, job: SweepJob) -> JobEnd:
        return self._ends.get(job.key, JobEnd())

    def conduct(self) -> None:
        """Run what is missing.

        Raises:
            UserError: the store cannot be opened, or another command holds the folder.
            RunFailedError: a job failed, or results did not reach the store.
            KeyboardInterrupt, Terminated: the sweep was stopped; it can be resumed.
        """
        staged, directory = self._staged, self._parent.directory
        config = whole(staged.base, staged.base_job.hydra(directory / "0", index=0))
        name = config.hydra.job.config_name
        set_up_logging(config.hydra.hydra_logging, config.hydra.verbose)
        callbacks = Callbacks(config)  # what is wrong with these and with launchers shows before the folder is made
        if is_stacked(staged.launcher):
            most = staged.launcher.get("max_members")
            launch: Launch = Stacks(config.hydra, callbacks, note=self._screen.note, max_members=most)
        else:
            launch = launch_with_hydra(config, directory, self._capacity.threads, callbacks)
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._screen)
            if self._stored is None or directory != self._stored.directory:
                stack.enter_context(held(directory, f"hydra.sweep.dir={directory}"))
                check_free(directory)
            callbacks.on_multirun_start(config=config, config_name=name)
            self._run_to_end(launch)
            callbacks.on_multirun_end(config=config, config_name=name)

    def _run_to_end(self, launch: Launch) -> None:
        status, parent = "FAILED", self._parent
        try:
            parent.open()
            with _begun():
                self._mend()
                self._introduce()
                self._run_stages(launch)
            if any(end.record for end in self._ends.values()):
                self._show_comparison()
            status = "FAILED" if self._failures else "FINISHED"
        except (KeyboardInterrupt, Terminated):
            status = "KILLED"
            raise
        finally:
            if status == "KILLED" or parent.is_open:
                self._close_in_any_case(status)
        if self._failures:
            raise RunFailedError(f"{self._failures} of {counted(len(self._staged.jobs), 'job')} did not finish")
        if not self._is_logged:
            raise RunFailedError(f"not all results reached the tracking store {parent.location.uri}")
        if self._uncompared is not None:
            raise self._uncompared

    def _show_comparison(self) -> None:
        try:
            mixed = bool(self._staged.base.sweep.allow_mixed)
            for line in self._compare(self._parent.location, self._parent.sweep_id, mixed):
                kind, _, note = line.partition("note     ")
                if note and not kind:  # which may be said again with the links
                    self._screen.note(note)
                else:
                    self._screen.line(line)
        except RunFailedError as error:
            self._uncompared = error

    @property
    def _failures(self) -> int:
        return sum(end.reason is not None for end in self._ends.values())

    @property
    def _is_logged(self) -> bool:
        """Whether the store has the sweep and every run of it that has finished."""
        records = [self._parent.record, *(end.record for end in self._ends.values())]
        return all(record.logged for record in records if record is not None)

    def _mend(self) -> None:
        """Mend what an earlier command left."""
        if self._stored:
            from locexp.tracking.store import MlflowStore

            for line in self._stored.mend(MlflowStore(self._parent.location)):
                self._screen.note(line)
            self._take_stored()

    def _introduce(self) -> None:
        jobs = self._staged.jobs
        missing = len(self.missing(jobs))
        later = ", more stages follow from their results" if self._staged.more else ""
        self._screen.line(f"sweep    {self._parent.sweep_id}: {counted(len(jobs), 'job')}{later}")
        if self._stored:
            done = len(jobs) - missing
            have, are = verb(done, "has", "have"), verb(missing, "is", "are")
            self._screen.line(f"resumed  {done} {have} finished before, {missing} {are} missing")
        mixed = [f"mixed code, as sweep.allow_mixed asks: {what}" for what in self._mixed]
        location, tracking = self._parent.location, self._parent.tracking
        unread = unread_variables(location, tracking.uri) + unused_root(location, tracking.artifact_root)
        name, waiting = self._staged.base.name, [self._capacity.note] if self._capacity.note and missing else []
        named = [f"name={name} names the sweep; its runs are named by what varies, and their seeds"] if name else []
        for note in [*named, *mixed, *unread, *incomparable_keys(self._staged.jobs), *waiting]:
            self._screen.note(note)

    def _run_stages(self, launch: Launch) -> None:
        staged, jobs = self._staged, self._staged.jobs
        progress = Progress(self._screen, staged.typed)
        while jobs:
            missing = self.missing(jobs)
            progress.add(jobs, {key: end.record for key, end in self._ends.items() if end.record is not None})
            left = self._run_jobs(launch, missing, progress)
            if self._stops:
                if left or staged.more:
                    what = f"{counted(left, 'job')} {verb(left, 'was', 'were')} not started"
                    later = ", and no later stage" if staged.more else ""
                    self._screen.note(f"sweep.on_error=stop: {what}{later}")
                return
            jobs = staged.next_stage({key: end.results for key, end in self._ends.items()})
            if jobs:
                self._parent.list_jobs()
                self._screen.line(f"stage    {jobs[0].stage + 1}: {counted(len(jobs), 'more job')}")

    @property
    def _stops(self) -> bool:
        """Whether a job has failed that ends the sweep."""
        return self._failures > 0 and self._staged.base.sweep.on_error == "stop"

    def _run_jobs(self, launch: Launch, waiting: list[SweepJob], progress: Progress) -> int:
        """Run jobs; returns how many were left after a failure that ends the sweep."""
        size = (
            self._capacity.width
            if self._staged.base.sweep.on_error == "stop"
            else self._capacity.batch or max(1, len(waiting))
        )
        batches = [waiting[start : start + size] for start in range(0, len(waiting), size)]
        while batches and not self._stops:
            batches = self._run_batch(launch, batches[0], progress) + batches[1:]
        return sum(map(len, batches))

    def _run_batch(self, launch: Launch, jobs: list[SweepJob], progress: Progress) -> list[list[SweepJob]]:
        """Run jobs; returns the batches in which some of them are to be tried again."""
        placed = [(job, next_attempt(self._parent.directory, job.index)) for job in jobs]
        progress.watch(placed)
        error: Exception | None = None
        stopped = False
        cut_off: list[list[SweepJob]] = []
        unstarted: list[PlacedJob] = []
        try:
            launch(placed)
        except Exception as failed:  # a worker was killed, or the launcher itself failed
            logger.info("the launcher failed", exc_info=True)
            error = failed
        except (KeyboardInterrupt, Terminated):
            stopped = True
            end_workers()
            raise
        finally:
            close_dead([folder for _, folder in placed], stopped=stopped, failed=error is not None)
            progress.end()
            for job, folder in placed:
                end = end_of(folder, stopped=stopped)
                if end is None:
                    unstarted.append((job, folder))
                elif end.cut_off and error is not None and len(jobs) > 1:
                    cut_off.append([job])  # which took the others with it is not known: each is tried by itself
                else:
                    self._ends[job.key] = end
        if cut_off:
            names = ", ".join(job.name for (job,) in cut_off)
            self._screen.note(f"a worker was killed; what was at work is tried again, one by one: {names}")
        reason = first_line(error) if error else "no reason known"
        if error is not None and self._capacity.queued:
            reason = f"had not begun, and may still wait in the queue: {reason}"
        elif len(unstarted) == len(jobs):
            reason = f"the launcher did not start it: {reason}"
        elif unstarted:
            return [*cut_off, [job for job, _ in unstarted]]  # the launcher gave up on them when another job was killed
        for job, folder in unstarted:
            self._ends[job.key] = JobEnd(folder=folder, reason=reason)
        return cut_off

    def _close_in_any_case(self, status: str) -> None:
        try:
            self._close_sweep(status)
        except (KeyboardInterrupt, Terminated):  # while it was being closed: it ends as asked, but not half closed
            self._close_sweep("KILLED")
            raise

    def _close_sweep(self, status: str) -> None:
        end_workers()
        jobs = self._staged.jobs
        ends = [(job, self._end_of(job)) for job in jobs]
        counts = {"jobs": len(jobs), "finished": len(jobs) - len(self.missing(jobs)), "failed": self._failures}
        self._parent.close(status, {f"sweep/{name}": float(count) for name, count in counts.items()})
        show_end(self._screen, self._parent, ends, began=self._began, all_logged=self._is_logged)


@contextlib.contextmanager
def _begun() -> Iterator[None]:
    """Turn bad input that shows late, in a later stage, into a failure: something has been written by now."""
    try:
        yield
    except UserError as error:
        raise RunFailedError(str(error)) from error
