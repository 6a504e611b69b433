"""Running a sweep: the jobs stage by stage, and the end, however it comes."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from locexp.configuration.compose import whole
from locexp.configuration.hydra_internals import Callbacks, configure_log
from locexp.configuration.overrides import key_of
from locexp.errors import RunFailedError, Terminated, first_line
from locexp.records.sweep_list import SweepCommand, next_attempt
from locexp.sweep.ending import conclude
from locexp.sweep.foreign import ForeignLauncher
from locexp.sweep.guard import check_free, held, new_sweep_id
from locexp.sweep.launching import end_workers, is_stacked, launch_plan
from locexp.sweep.mending import close_dead, mend, was_cut_off
from locexp.sweep.outcomes import Outcomes
from locexp.sweep.parent import Parent
from locexp.sweep.plan import Plan, SweepJob
from locexp.sweep.progress import Progress
from locexp.sweep.stacks import Stacks
from locexp.sweep.stored import StoredSweep
from locexp.system.screen import Screen
from locexp.tracking.location import Location, location_of

logger = logging.getLogger(__name__)

Launch = Callable[[Sequence[tuple[SweepJob, Path]]], None]
"""Runs jobs, each in its folder; how each ended is in its record."""
Compare = Callable[[Location, str, bool], Sequence[str]]
"""Compares the sweep of an id in a store, mixed runs too where that is allowed; returns what is shown of it."""


class Conductor:
    """Runs the jobs of a plan with one of Hydra's launchers.

    Args:
        plan: of which the first stage is known.
        command: that began the sweep, as it is stored for a resume.
        screen: where the sweep is shown.
        compare: compares the sweep when its jobs have ended.
        stored: what an earlier command left of this sweep.

    Attributes:
        notes: to be said before the first job.

    Raises:
        UserError: the launcher cannot be used as it is asked for.
    """

    def __init__(
        self,
        plan: Plan,
        command: SweepCommand,
        *,
        screen: Screen,
        compare: Compare,
        stored: StoredSweep | None = None,
    ) -> None:
        self.plan, self.stored, self._screen, self._compare = plan, stored, screen, compare
        folder = command.config_dir
        self._command = replace(command, config_dir=folder and str(Path(folder).absolute()))
        self._began = time.time()
        self._how = launch_plan(plan.launcher)
        self.location = location_of(plan.base.tracking)
        self.directory = (stored.directory if stored and stored.directory.is_dir() else plan.directory).absolute()
        named = any(key_of(override) == "hydra.sweep.dir" for override in command.overrides)
        self.sweep_id = stored.sweep_id if stored else new_sweep_id(self.directory, is_default=not named)
        self.notes: list[str] = []
        self._said: set[str] = set()
        self._outcomes = Outcomes()
        if stored:
            self._outcomes.take(stored)

    def say(self, text: str) -> None:
        """Show a note while the jobs run; the same one once."""
        if text not in self._said:
            self._said.add(text)
            self._screen.line(f"note     {text}")

    def missing(self, jobs: Sequence[SweepJob]) -> list[SweepJob]:
        """Return the jobs that have not finished."""
        return self._outcomes.missing(jobs)

    def conduct(self) -> None:
        """Run what is missing.

        Raises:
            UserError: the store cannot be opened, or another command holds the folder.
            RunFailedError: a job failed, or results did not reach the store.
            KeyboardInterrupt, Terminated: the sweep was stopped; it can be resumed.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._screen)
            if self.stored is None or self.directory != self.stored.directory:
                stack.enter_context(held(self.directory, f"hydra.sweep.dir={self.directory}"))
                check_free(self.directory)
            self._parent = Parent(
                self.plan,
                self.sweep_id,
                self.directory,
                command=self._command,
                stored=self.stored,
            )
            launch = stack.enter_context(self._launcher())
            self._conduct(launch)

    @contextlib.contextmanager
    def _launcher(self) -> Iterator[Launch]:
        """Make what runs the jobs; Hydra's callbacks are told of the whole sweep meanwhile."""
        base, place = self.plan.base_job, self.directory / "0"
        config = whole(base.cfg, base.hydra(place, index=0))
        configure_log(config.hydra.hydra_logging, config.hydra.verbose)
        callbacks = Callbacks(config)
        callbacks.on_multirun_start(config=config, config_name=config.hydra.job.config_name)
        if is_stacked(self.plan.launcher):
            yield Stacks(
                callbacks=callbacks,
                link=self._parent.link,
                note=self.say,
                max_members=self.plan.launcher.get("max_members"),
            )
        else:
            yield ForeignLauncher(base, self.directory, self._how.threads, callbacks)
        callbacks.on_multirun_end(config=config, config_name=config.hydra.job.config_name)

    def _conduct(self, launch: Launch) -> None:
        status = "FAILED"
        try:
            self._open()
            self._introduce()
            self._run_stages(launch)
            if self._outcomes.done:
                mixed = bool(self.plan.base.sweep.allow_mixed)
                for line in self._compare(self.location, self.sweep_id, mixed):
                    self._screen.line(line)
            status = "FAILED" if self._outcomes.failures else "FINISHED"
        except (KeyboardInterrupt, Terminated):
            status = "KILLED"
            raise
        finally:
            if status == "KILLED" or self._parent.is_open:
                self._end(status)
        if self._outcomes.failures:
            raise RunFailedError(f"{len(self._outcomes.failures)} of {len(self.plan.jobs)} jobs did not finish")
        if self._outcomes.unlogged or not self._parent.record.logged:
            raise RunFailedError(f"not all results reached the tracking store {self.location.uri}")

    def _open(self) -> None:
        """Open the parent run and mend what an earlier command left."""
        self._parent.open()
        if self.stored:
            from locexp.tracking.store import MlflowStore

            for line in mend(MlflowStore(self.location), self.stored):
                self._screen.line(f"note     {line}")
            self._outcomes.take(self.stored)

    def _introduce(self) -> None:
        jobs = self.plan.jobs
        missing = len(self.missing(jobs))
        later = ", more stages follow from their results" if self.plan.more else ""
        self._screen.line(f"sweep    {self.sweep_id}: {len(jobs)} jobs{later}")
        if self.stored:
            self._screen.line(f"resumed  {len(jobs) - missing} have finished before, {missing} are missing")
        for note in [*self.notes, *self.plan.unlike(), *([self._how.note] if self._how.note and missing else [])]:
            self._screen.line(f"note     {note}")

    def _run_stages(self, launch: Launch) -> None:
        jobs = self.plan.jobs
        progress = Progress(self._screen, len(jobs), len(jobs) - len(self.missing(jobs)))
        while jobs:
            left = self._run_jobs(launch, self.missing(jobs), progress)
            if self._stops and (left or self.plan.more):
                later = ", and no later stage" if self.plan.more else ""
                self._screen.line(f"note     sweep.on_error=stop: {left} jobs were not started{later}")
            if self._stops:
                return
            jobs = self.plan.next_stage(self._outcomes.results)
            if jobs:
                self._parent.list_jobs()
                progress.add(len(jobs), len(jobs) - len(self.missing(jobs)))
                self._screen.line(f"stage    {jobs[0].stage + 1}: {len(jobs)} more jobs")

    @property
    def _stops(self) -> bool:
        """Whether a job has failed that ends the sweep."""
        return bool(self._outcomes.failures) and self.plan.base.sweep.on_error == "stop"

    def _run_jobs(self, launch: Launch, jobs: list[SweepJob], progress: Progress) -> int:
        """Run jobs; returns how many were left after a failure that ends the sweep."""
        waiting = list(jobs)
        alone: list[SweepJob] = []
        size = self._how.width if self.plan.base.sweep.on_error == "stop" else self._how.batch
        while (waiting or alone) and not self._stops:
            if alone:
                batch, alone = alone[:1], alone[1:]
            else:
                batch, waiting = waiting[:size], waiting[size:] if size else []
            places = [(job, next_attempt(self.directory, job.index)) for job in batch]
            progress.watch(places)
            error: Exception | None = None
            stopped = False
            unstarted = cut_off = []
            try:
                launch(places)
            except Exception as failed:  # a worker was killed, or the launcher itself failed
                logger.info("the launcher failed", exc_info=True)
                error = failed
            except (KeyboardInterrupt, Terminated):
                stopped = True
                end_workers()
                raise
            finally:
                close_dead([place for _, place in places], stopped=stopped, failed=error is not None)
                progress.end()
                if error is not None and len(batch) > 1:
                    # Which of them took the others with it is not known: each is tried again by itself.
                    cut_off = [job for job, place in places if was_cut_off(place)]
                settled = [(job, place) for job, place in places if job not in cut_off]
                unstarted = [job for job, place in settled if not self._outcomes.settle(job, place, stopped=stopped)]
            if cut_off:
                names = ", ".join(job.name for job in cut_off)
                self.say(f"a worker was killed; what was at work is tried again, one by one: {names}")
                alone += cut_off
            reason = first_line(error) if error else "no reason known"
            if unstarted and error is not None and self._how.queued:
                self._give_up(places, unstarted, f"had not begun, and may still wait in the queue: {reason}")
            elif unstarted and len(unstarted) == len(batch):
                self._give_up(places, unstarted, f"the launcher did not start it: {reason}")
            else:
                waiting = unstarted + waiting  # the launcher gave up on them when another job was killed
        return len(waiting) + len(alone)

    def _give_up(self, places: Sequence[tuple[SweepJob, Path]], unstarted: Sequence[SweepJob], reason: str) -> None:
        for job, place in places:
            if job in unstarted:
                self._outcomes.fail(job, place, reason)

    def _end(self, status: str) -> None:
        try:
            self._close(status)
        except (KeyboardInterrupt, Terminated):  # while it was being closed: it ends as asked, but not half closed
            self._close("KILLED")
            raise

    def _close(self, status: str) -> None:
        end_workers()
        jobs, outcomes, parent = self.plan.jobs, self._outcomes, self._parent
        parent.close(status, outcomes.counts(jobs))
        unlogged = bool(outcomes.unlogged) or not parent.record.logged
        conclude(
            self._screen,
            self.location,
            parent.record,
            self.directory,
            self.plan.base.tracking,
            outcomes.ends(jobs),
            began=self._began,
            unlogged=unlogged,
        )
