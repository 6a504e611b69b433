"""Running a sweep: the jobs stage by stage, and the end, however it comes."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from locexp.configuration.compose import whole
from locexp.configuration.hydra_internals import Callbacks, set_up_logging
from locexp.errors import RunFailedError, Terminated, UserError, counted, verb
from locexp.records.sweep_list import SweepList
from locexp.sweep.batches import Batches
from locexp.sweep.display import extent, show_end, stage_line
from locexp.sweep.ends import Ends
from locexp.sweep.folder import check_free, held
from locexp.sweep.jobs import StagedJobs, SweepJob
from locexp.sweep.launchers import Launch, capacity_of, checked, end_workers, is_stacked, launch_with_hydra
from locexp.sweep.not_pursued import give_up
from locexp.sweep.parent import Parent
from locexp.sweep.progress import Progress
from locexp.sweep.queue import Queue
from locexp.sweep.stacks import Stacks
from locexp.sweep.stored import StoredSweep
from locexp.sweep.swept import incomparable_keys
from locexp.system.process import core_count
from locexp.system.screen import Screen
from locexp.tracking.environment import unread_variables
from locexp.tracking.location import Location, unused_root

logger = logging.getLogger(__name__)

Compare = Callable[[Location, str, Path, int, bool], Sequence[str]]
"""Compares the sweep of an id in a store or from its folder, of which so many runs have finished, mixed ones too where
that is allowed; returns what is shown of it.

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
        self._capacity = capacity_of(staged.launcher, staged.base.sweep.max_members)
        self._parent = Parent(staged, command, stored)
        self._queue = stored.queue if stored else Queue(self._parent.directory)
        self._ends = Ends(staged)
        self._take_stored()
        self._mixed: list[str] = []
        self._uncompared: RunFailedError | None = None
        if stored and (staged.more or self.missing(staged.jobs)):
            self._mixed = stored.check_code(self._parent.record.tags, allowed=staged.base.sweep.allow_mixed)
        if self._capacity.queued and self.missing(staged.jobs):
            self._capacity = checked(self._capacity, staged.launcher)

    def _take_stored(self) -> None:
        if self._stored:
            self._ends.take(self._stored.paused | self._stored.finished)

    def missing(self, jobs: Sequence[SweepJob]) -> list[SweepJob]:
        """Return the jobs that have neither finished nor paused where they were to."""
        return self._ends.missing(jobs)

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
            launch: Launch = Stacks(config.hydra, callbacks, note=self._screen.note, drawing=core_count())
        else:
            launch = launch_with_hydra(config, directory, self._capacity, callbacks, self._screen.note, self._queue)
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
            self._ends.log_rest(parent.location, parent.directory, parent.sweep_id, self._screen.note)
            if self._ends.tally.finished:
                self._show_comparison()
            status = "FAILED" if self._ends.failures else "FINISHED"
        except (KeyboardInterrupt, Terminated):
            status = "KILLED"
            raise
        finally:
            if status == "KILLED" or parent.is_open:
                self._close_in_any_case(status)
        if self._ends.failures:
            raise RunFailedError(f"{self._ends.failures} of {counted(len(self._staged.jobs), 'job')} did not finish")
        if not self._is_logged:
            raise RunFailedError(f"not all results reached the tracking store {parent.location.uri}")
        if self._uncompared is not None:
            raise self._uncompared

    def _show_comparison(self) -> None:
        try:
            parent, mixed = self._parent, bool(self._staged.base.sweep.allow_mixed)
            finished = self._ends.tally.finished
            for line in self._compare(parent.location, parent.sweep_id, parent.directory, finished, mixed):
                kind, _, note = line.partition("note     ")
                if note and not kind:  # which may be said again with the links
                    self._screen.note(note)
                else:
                    self._screen.line(line)
        except RunFailedError as error:
            self._uncompared = error

    @property
    def _is_logged(self) -> bool:
        """Whether the store has the sweep and every run of it that has finished."""
        records = [self._parent.record, *self._ends.records]
        return all(record.logged for record in records)

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
        self._screen.line(f"sweep    {self._parent.sweep_id}: {extent(self._staged)}")
        if self._stored:
            self._screen.line(f"resumed  {self._ends.tally}")
        mixed = [f"mixed code, as sweep.allow_mixed asks: {what}" for what in self._mixed]
        location, tracking = self._parent.location, self._parent.tracking
        unread = unread_variables(location, tracking.uri) + unused_root(location, tracking.artifact_root)
        name, waiting = self._staged.base.name, [self._capacity.note] if self._capacity.note and missing else []
        if self._capacity.queued and not location.is_server and missing:
            waiting.append(f"{location.uri} is for one machine; where nodes share a network disk, give them a server")
        named = [f"name={name} names the sweep; its runs are named by what varies, and their seeds"] if name else []
        for note in [*named, *mixed, *unread, *incomparable_keys(self._staged.jobs), *waiting]:
            self._screen.note(note)

    def _run_stages(self, launch: Launch) -> None:
        staged, going = self._staged, self._staged.jobs
        progress = Progress(self._screen, staged.typed)
        give_up(staged, self._parent, self._ends)
        while going:
            missing = self.missing(going)
            done = {job.key: end for job in going if job not in missing and (end := self._ends.of(job).record)}
            shown = [job for job in going if job in missing or job.key in done]
            progress.add(shown, done, staged.course.until)
            left = self._run_jobs(launch, missing, progress)
            if self._stops:
                if left or staged.more:
                    what = f"{counted(left, 'job')} {verb(left, 'was', 'were')} not started"
                    later = ", and no later stage" if staged.more else ""
                    self._screen.note(f"sweep.on_error=stop: {what}{later}")
                return
            known = len(staged.course.stages)
            going = staged.next_stage(self._ends.results())
            for note in staged.stage_notes:
                self._screen.note(note)
            if len(staged.course.stages) > known:
                self._parent.list_jobs()  # before anything goes that an earlier stage would need
                self._screen.line(stage_line(staged, going))
                give_up(staged, self._parent, self._ends)

    @property
    def _stops(self) -> bool:
        """Whether a job has failed that ends the sweep."""
        return self._ends.failures > 0 and self._staged.base.sweep.on_error == "stop"

    def _run_jobs(self, launch: Launch, waiting: list[SweepJob], progress: Progress) -> int:
        """Run jobs; returns how many were left after a failure that ends the sweep."""
        runner = Batches(
            self._staged, self._capacity, self._parent.directory, self._queue, self._ends, self._screen.note
        )
        batches = runner.of(waiting)
        while batches and not self._stops:
            batches = runner.run(launch, batches[0], progress) + batches[1:]
        return sum(len(task) for batch in batches for task in batch)

    def _close_in_any_case(self, status: str) -> None:
        try:
            self._close_sweep(status)
        except (KeyboardInterrupt, Terminated):  # while it was being closed: it ends as asked, but not half closed
            self._close_sweep("KILLED")
            raise

    def _close_sweep(self, status: str) -> None:
        end_workers()
        tally = self._ends.tally
        self._parent.close(status, tally.metrics)
        show_end(self._screen, self._parent, self._ends.pairs(), tally, began=self._began, all_logged=self._is_logged)


@contextlib.contextmanager
def _begun() -> Iterator[None]:
    """Turn bad input that shows late, in a later stage, into a failure: something has been written by now."""
    try:
        yield
    except UserError as error:
        raise RunFailedError(str(error)) from error
