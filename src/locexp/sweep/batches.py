"""Batches: the tasks that a launcher is handed at a time, and what becomes of their jobs, however it ends."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from locexp.errors import Terminated, first_line
from locexp.sweep.ends import Ends
from locexp.sweep.folder import JobEnd, attempts_at, close_dead, end_of, folder_for, read_record
from locexp.sweep.jobs import PlacedJob, StagedJobs, SweepJob
from locexp.sweep.launchers import Capacity, Launch, end_workers
from locexp.sweep.progress import Progress
from locexp.sweep.queue import Queue
from locexp.sweep.tasks import Task, split

logger = logging.getLogger(__name__)


class Batches:
    """Runs jobs as batches of tasks; those whose worker was killed are tried again.

    Args:
        staged: the jobs of the sweep.
        capacity: of the launcher.
        directory: of the sweep.
        queue: what a scheduler has of it.
        ends: takes in how jobs end.
        note: shows what does not go as planned.
    """

    def __init__(
        self,
        staged: StagedJobs,
        capacity: Capacity,
        directory: Path,
        queue: Queue,
        ends: Ends,
        note: Callable[[str], None],
    ) -> None:
        self._staged, self._capacity, self._directory = staged, capacity, directory
        self._queue, self._ends, self._note = queue, ends, note
        self._cut_off: Counter[int] = Counter()

    def of(self, jobs: Sequence[SweepJob]) -> list[list[Task]]:
        """Return jobs, with the folders for their next attempts, as the tasks that are handed over at a time."""
        course, capacity = self._staged.course, self._capacity
        directory, held = self._directory, self._queue.held()
        placed = []
        for job in jobs:
            attempts = attempts_at(directory, job.index)
            was_cut = self._cut_off[job.index] > 0 or any(map(self._queue.has_had, attempts[-1:]))
            if job.index not in held:
                placed.append((job, folder_for(directory, job.index, goes_on=course.pauses(job.index) or was_cut)))
        tasks = split(placed, course.until, members=capacity.members, workers=capacity.workers)
        stops = self._staged.base.sweep.on_error == "stop"
        size = capacity.workers if stops else capacity.batch or max(1, len(tasks))
        taken_up: list[Task] = [[(job, held[job.index])] for job in jobs if job.index in held]
        batches = [tasks[start : start + size] for start in range(0, len(tasks), size)]
        return [taken_up + first for first in batches[:1] or [[]] if taken_up or first] + batches[1:]

    def run(self, launch: Launch, tasks: Sequence[Task], progress: Progress) -> list[list[Task]]:
        """Run tasks; returns the batches in which some of their jobs are to be tried again."""
        placed = [one for task in tasks for one in task]
        new = [task for task in tasks if not self._queue.holds(task[0][1])]
        before = {folder: record for task in new for _, folder in task if (record := read_record(folder)) is not None}
        progress.watch(placed, before, self._queue.holds)
        error: Exception | None = None
        stopped = False
        cut_off: list[SweepJob] = []
        unstarted: list[PlacedJob] = []
        try:
            try:
                if new:
                    launch(new)
            except Exception as failed:  # a worker was killed, or the launcher itself failed
                logger.info("the launcher failed", exc_info=True)
                error = failed
            self._queue.wait([folder for _, folder in placed if self._queue.holds(folder)], self._note)
        except (KeyboardInterrupt, Terminated):
            stopped = True
            end_workers()
            raise
        finally:
            left = {folder for _, folder in placed if self._queue.holds(folder)}
            ended = [folder for _, folder in placed if folder not in left]
            close_dead(ended, stopped=stopped, failed=error is not None, gone=self._capacity.attached)
            progress.end()
            was_refused = error is not None and self._capacity.queued  # then nothing has been handed over
            for job, folder in placed:
                is_as_before = folder in before and read_record(folder) == before[folder]
                end = None if is_as_before else end_of(folder, stopped=stopped)
                if folder in left:
                    self._ends.set(job, self._queue.left(folder))
                elif (end is None and was_refused) or (end := self._queue.end(folder, end)) is None:
                    unstarted.append((job, folder))
                elif end.cut_off and error is not None and not (self._cut_off[job.index] and len(placed) == 1):
                    cut_off.append(job)
                else:
                    self._ends.set(job, end)
        batches = self._again(cut_off)
        reason = first_line(error) if error else "no reason known"
        if len(unstarted) == len(placed) or self._capacity.queued:
            reason = f"the launcher did not start it: {reason}"
        elif unstarted:  # the launcher gave up on them when another job was killed
            return batches + self.of([job for job, _ in unstarted])
        for job, folder in unstarted:
            self._ends.set(job, JobEnd(folder=folder, reason=reason))
        return batches

    def _again(self, cut_off: Sequence[SweepJob]) -> list[list[Task]]:
        """Return the batches that go on with jobs whose worker was killed, from their checkpoints.

        Which of them killed it is not known: those to which it happens again are tried one by one.
        """
        together = [job for job in cut_off if not self._cut_off[job.index]]
        alone = [job for job in cut_off if self._cut_off[job.index]]
        self._cut_off.update(job.index for job in cut_off)
        for jobs, how in ((together, "goes on"), (alone, "is tried again, one by one")):
            if jobs:
                names = ", ".join(job.name for job in jobs)
                self._note(f"a worker was killed; what was at work {how}: {names}")
        return self.of(together) + [batch for job in alone for batch in self.of([job])]
