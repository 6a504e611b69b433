"""Running a sweep: the jobs stage by stage, and the end, however it comes."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from hydra.plugins.launcher import Launcher

from locexp.configuration.compose import key_of
from locexp.errors import RunFailedError, Terminated, first_line
from locexp.records.sweep_list import LIST, link_overrides, quoted
from locexp.sweep.ending import compare, conclude
from locexp.sweep.guard import check_free, held, new_identity
from locexp.sweep.launching import end_workers, launch_plan
from locexp.sweep.mending import close_dead, mend, was_cut_off
from locexp.sweep.outcomes import Outcomes
from locexp.sweep.parent import Parent
from locexp.sweep.plan import Plan, SweepJob
from locexp.sweep.progress import Progress
from locexp.sweep.stored import StoredSweep
from locexp.system.screen import Screen
from locexp.tracking.location import location_of

logger = logging.getLogger(__name__)

_planned: list[Conductor] = []


def planned() -> Conductor:
    """Return what the command has planned; the sweeper, which Hydra makes, asks for it."""
    return _planned[-1]


class Conductor:
    """Runs the jobs of a plan with one of Hydra's launchers.

    Args:
        plan: of which the first stage is known.
        words, multirun, config_dir: of the command, as they are stored for a resume.
        screen: where the sweep is shown.
        stored: what an earlier command left of this sweep.

    Attributes:
        notes: to be said before the first job.

    Raises:
        UserError: the launcher cannot be used as it is asked for.
    """

    def __init__(
        self,
        plan: Plan,
        words: Sequence[str],
        *,
        multirun: bool,
        config_dir: str | None,
        screen: Screen,
        stored: StoredSweep | None = None,
    ) -> None:
        self.plan, self.stored, self._screen = plan, stored, screen
        self._words, self._multirun = list(words), multirun
        self._config_dir = None if config_dir is None else str(Path(config_dir).absolute())
        self._began = time.time()
        self._how = launch_plan(plan.launcher)
        self.location = location_of(plan.base.tracking)
        self.directory = (stored.directory if stored and stored.directory.is_dir() else plan.directory).absolute()
        named = any(key_of(word) == "hydra.sweep.dir" for word in words)
        self.sweep_id = stored.sweep_id if stored else new_identity(self.directory, is_default=not named)
        self.notes: list[str] = []
        self._said: set[str] = set()
        self._outcomes = Outcomes()
        if stored:
            self._outcomes.take(stored)
        _planned[:] = [self]

    @property
    def fixed_directory(self) -> str:
        """The override by which Hydra writes to this sweep's folder."""
        return f"hydra.sweep.dir={quoted(str(self.directory))}"

    def say(self, text: str) -> None:
        """Show a note while the jobs run; the same one once."""
        if text not in self._said:
            self._said.add(text)
            self._screen.line(f"note     {text}")

    def missing(self, jobs: Sequence[SweepJob]) -> list[SweepJob]:
        """Return the jobs that have not finished."""
        return self._outcomes.missing(jobs)

    def conduct(self, launcher: Launcher) -> None:
        """Run what is missing.

        Raises:
            UserError: the store cannot be opened, or another command holds the folder.
            RunFailedError: a job failed, or results did not reach the store.
            KeyboardInterrupt, Terminated: the sweep was stopped; it can be resumed.
        """
        with contextlib.ExitStack() as stack:
            if self.stored is None or self.directory != self.stored.directory:
                stack.enter_context(held(self.directory, f"hydra.sweep.dir={self.directory}"))
                check_free(self.directory)
            self._conduct(launcher)

    def _conduct(self, launcher: Launcher) -> None:
        self._parent = Parent(
            self.plan,
            self.sweep_id,
            self.directory,
            words=self._words,
            multirun=self._multirun,
            config_dir=self._config_dir,
            stored=self.stored,
        )
        status = "FAILED"
        try:
            self._open()
            self._introduce()
            self._run_stages(launcher)
            if self._outcomes.done:
                compare(self.location, self.sweep_id, self._screen, bool(self.plan.base.sweep.allow_mixed))
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

    def _run_stages(self, launcher: Launcher) -> None:
        jobs = self.plan.jobs
        progress = Progress(self._screen, len(jobs), len(jobs) - len(self.missing(jobs)))
        while jobs:
            left = self._launch(launcher, self.missing(jobs), progress)
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

    def _launch(self, launcher: Launcher, jobs: list[SweepJob], progress: Progress) -> int:
        """Run jobs; returns how many were left after a failure that ends the sweep."""
        waiting = list(jobs)
        alone: list[SweepJob] = []
        size = self._how.width if self.plan.base.sweep.on_error == "stop" else self._how.batch
        while (waiting or alone) and not self._stops:
            if alone:
                batch, alone = alone[:1], alone[1:]
            else:
                batch, waiting = waiting[:size], waiting[size:] if size else []
            places = [(job, self._place(job)) for job in batch]
            progress.watch(places)
            problem: Exception | None = None
            stopped = False
            unstarted = cut_off = []
            try:
                launcher.launch([self._words_of(job, place) for job, place in places], batch[0].index)
            except Exception as error:  # a worker was killed, or the launcher itself failed
                logger.info("the launcher failed", exc_info=True)
                problem = error
            except (KeyboardInterrupt, Terminated):
                stopped = True
                end_workers()
                raise
            finally:
                close_dead([place for _, place in places], stopped=stopped, failed=problem is not None)
                progress.end()
                if problem is not None and len(batch) > 1:
                    # Which of them took the others with it is not known: each is tried again by itself.
                    cut_off = [job for job, place in places if was_cut_off(place)]
                settled = [(job, place) for job, place in places if job not in cut_off]
                unstarted = [job for job, place in settled if not self._outcomes.settle(job, place, stopped=stopped)]
            if cut_off:
                names = ", ".join(job.name for job in cut_off)
                self.say(f"a worker was killed; what was at work is tried again, one by one: {names}")
                alone += cut_off
            reason = first_line(problem) if problem else "no reason known"
            if unstarted and problem is not None and self._how.queued:
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

    def _place(self, job: SweepJob) -> Path:
        """Return the folder for the next attempt at a job: ``3``, or ``3-2`` for a second one."""
        place, attempt = self.directory / str(job.index), 1
        while place.exists():
            attempt += 1
            place = self.directory / f"{job.index}-{attempt}"
        return place

    def _words_of(self, job: SweepJob, place: Path) -> list[str]:
        # Hydra adds its own words of the command to each job by itself; twice, a +hydra.… is refused.
        own = [word for word in job.words if not key_of(word).startswith(("hydra.", "hydra/"))]
        words = [*own, *link_overrides(job.index, self.directory / LIST), f"hydra.sweep.subdir={quoted(place.name)}"]
        if self._how.threads is not None and job.cfg.trainer.threads == "auto":
            words.append(f"trainer.threads={self._how.threads}")
        return words

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
