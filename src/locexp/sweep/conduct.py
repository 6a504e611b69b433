"""Running a sweep: the jobs stage by stage, and the end, however it comes."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import DictConfig

from locexp.configuration.compose import whole
from locexp.configuration.hydra_internals import Callbacks, configure_log
from locexp.errors import RunFailedError, Terminated, counted, first_line
from locexp.records.sweep_list import SweepCommand
from locexp.sweep.capacity import capacity_of, end_workers, is_stacked
from locexp.sweep.ending import conclude
from locexp.sweep.folder import check_free, held, next_attempt
from locexp.sweep.hydra_launcher import Launch, launch_with_hydra
from locexp.sweep.mending import close_dead, mend
from locexp.sweep.outcomes import Outcome, outcome_of, was_cut_off
from locexp.sweep.parent import Parent
from locexp.sweep.plan import Plan, RunKey, SweepJob
from locexp.sweep.progress import Progress
from locexp.sweep.stacks import Stacks
from locexp.sweep.stored import StoredSweep
from locexp.system.screen import Screen
from locexp.tracking.location import Location

logger = logging.getLogger(__name__)

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

    Raises:
        UserError: the launcher cannot be used as it is asked for, or the code has changed since the sweep began.
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
        self._plan, self._stored, self._screen, self._compare = plan, stored, screen, compare
        self._began = time.time()
        self._how = capacity_of(plan.launcher)
        self._parent = Parent(plan, command, stored)
        self._outcomes: dict[RunKey, Outcome] = {}
        self._take_stored()
        self._mixed: list[str] = []
        if stored and (plan.more or self.missing(plan.jobs)):
            self._mixed = stored.check_code(self._parent.record.tags, allowed=plan.base.sweep.allow_mixed)

    def _take_stored(self) -> None:
        if self._stored:
            self._outcomes |= {key: Outcome(record) for key, record in self._stored.finished.items()}

    def missing(self, jobs: Sequence[SweepJob]) -> list[SweepJob]:
        """Return the jobs that have not finished."""
        return [job for job in jobs if self._outcomes.get(job.key, Outcome()).record is None]

    def conduct(self) -> None:
        """Run what is missing.

        Raises:
            UserError: the store cannot be opened, or another command holds the folder.
            RunFailedError: a job failed, or results did not reach the store.
            KeyboardInterrupt, Terminated: the sweep was stopped; it can be resumed.
        """
        directory = self._parent.directory
        config, callbacks, launch = self._launcher()  # what is wrong with these shows before the folder is made
        name = config.hydra.job.config_name
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._screen)
            if self._stored is None or directory != self._stored.directory:
                stack.enter_context(held(directory, f"hydra.sweep.dir={directory}"))
                check_free(directory)
            callbacks.on_multirun_start(config=config, config_name=name)
            self._conduct(launch)
            callbacks.on_multirun_end(config=config, config_name=name)

    def _launcher(self) -> tuple[DictConfig, Callbacks, Launch]:
        """Return the whole configuration of the sweep, the user's callbacks, and what runs the jobs."""
        base, directory = self._plan.base_job, self._parent.directory
        config = whole(base.cfg, base.hydra(directory / "0", index=0))
        configure_log(config.hydra.hydra_logging, config.hydra.verbose)
        callbacks = Callbacks(config)
        if is_stacked(self._plan.launcher):
            most = self._plan.launcher.get("max_members")
            return config, callbacks, Stacks(config.hydra, callbacks, note=self._screen.note, max_members=most)
        return config, callbacks, launch_with_hydra(config, directory, self._how.threads, callbacks)

    def _conduct(self, launch: Launch) -> None:
        status, parent = "FAILED", self._parent
        try:
            self._open()
            self._introduce()
            self._run_stages(launch)
            if any(outcome.record for outcome in self._outcomes.values()):
                mixed = bool(self._plan.base.sweep.allow_mixed)
                for line in self._compare(parent.location, parent.sweep_id, mixed):
                    self._screen.line(line)
            status = "FAILED" if self._failures else "FINISHED"
        except (KeyboardInterrupt, Terminated):
            status = "KILLED"
            raise
        finally:
            if status == "KILLED" or parent.is_open:
                self._end(status)
        if self._failures:
            raise RunFailedError(f"{self._failures} of {counted(len(self._plan.jobs), 'job')} did not finish")
        if not self._is_logged:
            raise RunFailedError(f"not all results reached the tracking store {parent.location.uri}")

    @property
    def _failures(self) -> int:
        return sum(outcome.reason is not None for outcome in self._outcomes.values())

    @property
    def _is_logged(self) -> bool:
        """Whether the store has the sweep and every run of it that has finished."""
        records = [self._parent.record, *(outcome.record for outcome in self._outcomes.values())]
        return all(record.logged for record in records if record is not None)

    def _open(self) -> None:
        """Open the parent run and mend what an earlier command left."""
        self._parent.open()
        if self._stored:
            from locexp.tracking.store import MlflowStore

            for line in mend(MlflowStore(self._parent.location), self._stored):
                self._screen.note(line)
            self._take_stored()

    def _introduce(self) -> None:
        jobs = self._plan.jobs
        missing = len(self.missing(jobs))
        later = ", more stages follow from their results" if self._plan.more else ""
        self._screen.line(f"sweep    {self._parent.sweep_id}: {counted(len(jobs), 'job')}{later}")
        if self._stored:
            self._screen.line(f"resumed  {len(jobs) - missing} have finished before, {missing} are missing")
        mixed = [f"mixed code, as sweep.allow_mixed asks: {what}" for what in self._mixed]
        name = self._plan.base.name
        named = [f"name={name} names the sweep; its runs are named by what varies, and their seeds"] if name else []
        for note in [*named, *mixed, *self._plan.unlike(), *([self._how.note] if self._how.note and missing else [])]:
            self._screen.note(note)

    def _run_stages(self, launch: Launch) -> None:
        plan, jobs = self._plan, self._plan.jobs
        progress = Progress(self._screen)
        while jobs:
            missing = self.missing(jobs)
            progress.add(len(jobs), len(jobs) - len(missing))
            left = self._run_jobs(launch, missing, progress)
            if self._stops:
                if left or plan.more:
                    what = f"{counted(left, 'job')} {'was' if left == 1 else 'were'} not started"
                    later = ", and no later stage" if plan.more else ""
                    self._screen.note(f"sweep.on_error=stop: {what}{later}")
                return
            jobs = plan.next_stage({key: outcome.results for key, outcome in self._outcomes.items()})
            if jobs:
                self._parent.list_jobs()
                self._screen.line(f"stage    {jobs[0].stage + 1}: {counted(len(jobs), 'more job')}")

    @property
    def _stops(self) -> bool:
        """Whether a job has failed that ends the sweep."""
        return self._failures > 0 and self._plan.base.sweep.on_error == "stop"

    def _run_jobs(self, launch: Launch, waiting: list[SweepJob], progress: Progress) -> int:
        """Run jobs; returns how many were left after a failure that ends the sweep."""
        size = self._how.width if self._plan.base.sweep.on_error == "stop" else self._how.batch or len(waiting)
        alone: list[SweepJob] = []
        while (waiting or alone) and not self._stops:
            if alone:
                batch, alone = alone[:1], alone[1:]
            else:
                batch, waiting = waiting[:size], waiting[size:]
            cut_off, unstarted = self._run_batch(launch, batch, progress)
            alone, waiting = alone + cut_off, unstarted + waiting
        return len(waiting) + len(alone)

    def _run_batch(
        self, launch: Launch, jobs: list[SweepJob], progress: Progress
    ) -> tuple[list[SweepJob], list[SweepJob]]:
        """Run jobs; returns those to be tried again one by one, and those that were not started."""
        places = [(job, next_attempt(self._parent.directory, job.index)) for job in jobs]
        progress.watch(places)
        error: Exception | None = None
        stopped = False
        cut_off: list[SweepJob] = []
        unstarted: list[tuple[SweepJob, Path]] = []
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
            for job, place in places:
                outcome = outcome_of(place, stopped=stopped)
                if error is not None and len(jobs) > 1 and was_cut_off(place):
                    cut_off.append(job)  # which took the others with it is not known: each is tried by itself
                elif outcome is not None:
                    self._outcomes[job.key] = outcome
                else:
                    unstarted.append((job, place))
        if cut_off:
            names = ", ".join(job.name for job in cut_off)
            self._screen.note(f"a worker was killed; what was at work is tried again, one by one: {names}")
        reason = first_line(error) if error else "no reason known"
        if error is not None and self._how.queued:
            reason = f"had not begun, and may still wait in the queue: {reason}"
        elif len(unstarted) == len(jobs):
            reason = f"the launcher did not start it: {reason}"
        else:
            return cut_off, [job for job, _ in unstarted]  # the launcher gave up on them when another job was killed
        for job, place in unstarted:
            self._outcomes[job.key] = Outcome(place=place, reason=reason)
        return cut_off, []

    def _end(self, status: str) -> None:
        try:
            self._close(status)
        except (KeyboardInterrupt, Terminated):  # while it was being closed: it ends as asked, but not half closed
            self._close("KILLED")
            raise

    def _close(self, status: str) -> None:
        end_workers()
        jobs, outcomes = self._plan.jobs, [self._outcomes.get(job.key, Outcome()) for job in self._plan.jobs]
        numbers = {"jobs": len(jobs), "finished": len(jobs) - len(self.missing(jobs)), "failed": self._failures}
        self._parent.close(status, {f"sweep/{name}": float(number) for name, number in numbers.items()})
        ends = list(zip(jobs, outcomes, strict=True))
        conclude(self._screen, self._parent, ends, began=self._began, all_logged=self._is_logged)
