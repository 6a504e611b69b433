"""What the screen shows of a sweep: before it runs, while it runs, and when it has ended.

Its progress is read from the files that its runs leave, wherever they run.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from locexp.errors import UserError, counted, first_line
from locexp.records.history import HISTORY
from locexp.records.provenance import flattened
from locexp.records.record import RunRecord
from locexp.sweep.folder import POLL_SECONDS, JobEnd, log_of, read_record
from locexp.sweep.jobs import PlacedJob, StagedJobs, SweepJob
from locexp.sweep.parent import Parent
from locexp.sweep.stored import StoredSweep, finished_runs
from locexp.system.commands import command
from locexp.system.screen import Screen, duration
from locexp.tracking.links import REPORT, base_of, sweep_links
from locexp.tracking.location import location_of, store_overrides, ui_command

SAME = ("data._target_", "data.limit", "trainer.epochs", "trainer.batch_size", "trainer.precision", "model._target_")
"""The parameters that runs must share for one to predict how long the other takes."""
MOST_AT_WORK = 4
"""How many of the runs that are at work are named."""
SHOWN = {"accuracy": "accuracy", "mean_iou": "mean IoU", "loc_acc_75": "loc_acc_75"}
MOST_NAMED = 5
"""How many of the jobs that were not started are named."""


def list_jobs(staged: StagedJobs, stored: StoredSweep | None, screen: Screen) -> None:
    """Show what a command would run; nothing is written.

    A job counts as done where it has finished in the sweep that is resumed; for a new sweep, a finished run of the
    same setting and seed elsewhere in the store is pointed out, but would be run again.
    """
    if stored is not None:
        screen.line(f"sweep    {stored.sweep_id}")
    from locexp.tracking.store import MlflowStore

    try:
        runs = MlflowStore(location_of(staged.base.tracking)).finished()
    except UserError:  # there is no store yet
        runs = []
    elsewhere = finished_runs(runs)
    jobs, done = staged.jobs, stored.finished if stored else {}
    for job in jobs:
        state = "done" if job.key in done else ""
        if not state and job.key in elsewhere:
            state = f"(finished before, in {elsewhere[job.key].tags.get('sweep_id', 'a run by itself')})"
        screen.line(f"{job.index:5}  {job.config_hash}  {job.name:44} {state}".rstrip())
    missing = [job for job in jobs if job.key not in done]
    screen.line(f"\n{counted(len(jobs), 'job')}, {len(jobs) - len(missing)} done, {len(missing)} to run")
    for note in staged.incomparable_keys():
        screen.note(note)
    if staged.more:
        screen.line("More jobs follow in a later stage, from the results of these.")
    if missing:
        screen.line(_estimate(missing, runs))


def _estimate(jobs: Sequence[SweepJob], runs: Sequence[RunRecord]) -> str:
    wanted = flattened(jobs[0].cfg)
    alike = [
        run.metrics["time/total_seconds"] / run.metrics.get("time/stack_members", 1)
        for run in runs
        if all(run.parameters.get(key) == wanted.get(key) for key in SAME) and "time/total_seconds" in run.metrics
    ]
    if not alike:
        return "The time cannot be estimated: no finished run in this store has the same data, network and epochs."
    seconds = statistics.median(alike)
    return (
        f"About {duration(seconds * len(jobs))}, at {seconds:.1f} s per job (median of {len(alike)} finished runs with "
        "the same data, network and epochs; of those that trained side by side, their share)."
    )


class Progress:
    """Shows a line for each run that ends, and below them how far the sweep is: the time left, the runs at work.

    Args:
        screen: where.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._total = self._before = self._ended = 0
        self._start = time.monotonic()
        self._active: dict[int, PlacedJob] = {}
        self._stop = threading.Event()

    def add(self, jobs: int, done: int) -> None:
        """Add the jobs of a stage, and how many of them had finished before."""
        self._total += jobs
        self._before += done

    def watch(self, jobs: list[PlacedJob]) -> None:
        """Begin to watch jobs and the folders that they will write to."""
        self._active = {job.index: (job, directory) for job, directory in jobs}
        self._stop.clear()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop watching; what has ended since the last look is shown."""
        self._stop.set()
        self._thread.join()
        self._look()

    def _loop(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self._look()

    def _look(self) -> None:
        underway, at_work = 0.0, []
        for index, (job, directory) in list(self._active.items()):
            record = read_record(directory)
            if record is None:
                continue
            for note in record.notes:
                self._screen.note(note)
            if record.status == "RUNNING":
                done, epochs = _lines(directory / HISTORY), int(job.cfg.trainer.epochs)
                underway += min(0.99, done / epochs)
                at_work.append(f"  epoch {min(done + 1, epochs)}/{epochs}  {job.name}")
                continue
            del self._active[index]
            self._ended += 1
            self._screen.line(f"{self._count()} {job.name:44} {_results_of(record)}   {self._left(0.0)}")
        if self._active:
            left = self._left(underway)
            more = len(at_work) - MOST_AT_WORK
            self._screen.progress(
                f"{self._count()}  {left}".rstrip(),
                share=(self._before + self._ended + underway) / self._total,
                details=[*at_work[:MOST_AT_WORK], *([f"  and {more} more"] if more > 0 else [])],
            )

    def _count(self) -> str:
        width = len(str(self._total))
        return f"[{self._before + self._ended:{width}}/{self._total}]"

    def _left(self, underway: float) -> str:
        mine = self._total - self._before
        fraction = (self._ended + underway) / mine if mine else 1.0
        if not 0 < fraction < 1:
            return ""
        seconds = (time.monotonic() - self._start) * (1 - fraction) / fraction
        return f"{duration(seconds)} left"


def _results_of(record: RunRecord) -> str:
    if record.status != "FINISHED":
        return f"{record.status}: {first_line(record.error or 'no reason known', 100)}"
    values = "  ".join(f"{label} {record.metrics[f'test/{name}']:.4f}" for name, label in SHOWN.items())
    return f"{values}  {record.metrics['time/total_seconds']:6.1f} s"


def _lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0


def show_end(
    screen: Screen, parent: Parent, ends: Sequence[tuple[SweepJob, JobEnd]], *, began: float, all_logged: bool
) -> None:
    """Say how a sweep ended: every failure, how to resume, and where its results are.

    Args:
        screen: where.
        parent: the sweep's parent run, closed.
        ends: all jobs, and how each ended.
        began: when this command did, in seconds since 1970.
        all_logged: all results have reached the store.
    """
    say, record = screen.line, parent.record
    finished = [(job, end.record) for job, end in ends if end.record is not None]
    assert record.end_time is not None
    took = duration(record.end_time - began)
    resumed = " since it was resumed" if record.start_time < began else ""
    have = "has" if len(ends) == 1 else "have"
    say(f"\n{record.status:8} {len(finished)} of {counted(len(ends), 'job')} {have} finished, in {took}{resumed}")
    for job, end in ends:
        if end.folder is not None:
            log = log_of(end.folder)
            where = f"  ({log})" if log is not None else ""
            how = "failed  " if end.reason else "stopped "
            why = f": {first_line(end.reason, 200)}" if end.reason else ""
            say(f"{how} {job.name}{why}{where}")
    waiting = [job.name for job, end in ends if not end.was_started]
    if waiting:
        more = f" and {len(waiting) - MOST_NAMED} more" if len(waiting) > MOST_NAMED else ""
        were = "was" if len(waiting) == 1 else "were"
        say(f"waiting  {len(waiting)} {were} not started: {', '.join(waiting[:MOST_NAMED])}{more}")
    if len(finished) < len(ends) or record.status != "FINISHED":
        say(f"Resume   {command('train', f'sweep.resume={parent.sweep_id}', *store_overrides(parent.location))}")
    if not all_logged:
        say(f"The results are not all in {parent.location.uri}. They are in {parent.directory}; log them later with")
        say(f"  {command('log', str(parent.directory))}")
    say(f"Files    {parent.directory}")
    if any(run.run_id for _, run in finished):
        _say_links(screen, parent)


def _say_links(screen: Screen, parent: Parent) -> None:
    """Say where the sweep is in the UI."""
    location, shown = parent.location, parent.present()
    for note in shown.notes:
        screen.note(note)
    if not location.is_server:
        screen.line(f"MLflow   {ui_command(location)} --port 5000  then open")
    links = sweep_links(base_of(location), parent.record, shown.views)
    if not (parent.directory / REPORT).is_file():
        del links["report"]
    for name, address in links.items():
        screen.line(f"{name:8} {address}")
