"""What the screen shows of a sweep while it runs, from the files that its runs leave, wherever they run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from locexp.errors import abbreviated, counted, first_line
from locexp.evaluation.choice import EQUAL, SHARE
from locexp.evaluation.metrics import SELECTION_METRIC, metrics_so_far
from locexp.records.history import HISTORY, read_history
from locexp.records.record import RunRecord
from locexp.records.sweep_list import CONTROL, FINAL, short_names
from locexp.run.prepare import monitor
from locexp.sweep.folder import POLL_SECONDS, read_record
from locexp.sweep.jobs import PlacedJob, RunKey, SweepJob
from locexp.system.screen import Screen, duration

MOST_AT_WORK = 4
"""How many of the runs that are at work are named."""
MOST_BEST = 3
MOST_FAILURES = 8
"""How many failures a terminal gets a line for: the display counts them, and has the cause of the last."""
COLUMNS = {SELECTION_METRIC: SELECTION_METRIC, "accuracy": "accuracy", "mean_iou": "mean IoU"}
"""Metrics of the best settings, the one they are chosen by first, with their titles."""
ROOM_FOR_NAMES = 30
"""Columns of a terminal that metrics leave to names."""
LONGEST_PADDED = 26
"""Names up to this long are padded to one length."""


class Progress:
    """Shows how far a sweep is: the time left, failures, the best settings so far, the runs at work.

    On a terminal all of that is one display that stays below the last line. A run that has finished gets no line there,
    since the display counts it and its setting's mean has it: 144 runs would push whatever else was said out of sight.
    A failure gets one, to be read after the display has gone. Where there is no display, in a file or a pipe, every run
    that ends gets a line.

    Args:
        screen: where.
        typed: keys of the command; see :func:`~locexp.records.sweep_list.short_names`.
    """

    def __init__(self, screen: Screen, typed: Collection[str] = ()) -> None:
        self._screen, self._typed = screen, typed
        self._jobs: dict[int, SweepJob] = {}
        self._so_far: dict[int, tuple[SweepJob, RunRecord]] = {}
        self._names: dict[int, str] = {}
        self._epochs: dict[int, tuple[int, int]] = {}
        self._total = self._before = 0
        self._ended: set[int] = set()
        self._spent = self._mine = 0
        self._before_them: Mapping[Path, RunRecord] = {}
        self._failures: dict[int, tuple[str, str]] = {}
        self._start = time.monotonic()
        self._active: dict[int, PlacedJob] = {}
        self._stop = threading.Event()

    def add(
        self,
        jobs: Sequence[SweepJob],
        done: Mapping[RunKey, RunRecord],
        until: Callable[[int], int | None] = lambda index: None,
    ) -> None:
        """Add the jobs that a stage begins or continues.

        Args:
            jobs: all of them.
            done: records of those that have come as far as they are to, before.
            until: returns after how many epochs a job of an index pauses; ``None`` for its end.
        """
        self._before += len(done) + len(self._ended)
        self._total += len(jobs)
        self._ended.clear()
        for job in jobs:
            _, start = self._epochs.get(job.index, (0, 0))
            self._jobs[job.index], self._epochs[job.index] = job, (start, until(job.index) or _budget(job))
            if job.key in done:
                self._so_far[job.index] = job, done[job.key]
            else:
                self._mine += self._length(job.index)
        names = short_names([job.varied for job in self._jobs.values()], self._typed)
        self._names = dict(zip(self._jobs, names, strict=True))

    def watch(self, jobs: list[PlacedJob], before: Mapping[Path, RunRecord], goes_on: Callable[[Path], bool]) -> None:
        """Begin to watch jobs and the folders that they will write to; those that are tried again have not ended.

        Args:
            jobs: with their folders.
            before: the records in the folders of those that go on, as they were left.
            goes_on: whether a scheduler has the job of a folder still, so that one that was stopped will go on.
        """
        self._goes_on = goes_on
        self._active = {job.index: (job, directory) for job, directory in jobs}
        self._before_them = before
        for index in self._ended & self._active.keys():
            self._ended.remove(index)
            self._spent -= self._length(index)
        self._failures = {index: failed for index, failed in self._failures.items() if index not in self._active}
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
        underway, epochs, at_work = 0.0, 0.0, []
        for index, (job, directory) in list(self._active.items()):
            record = read_record(directory)
            if record is None or record == self._before_them.get(directory):
                continue
            for note in record.notes:
                self._screen.note(note)
            if record.status == "RUNNING":
                done, (start, end) = _lines(directory / HISTORY), self._epochs[index]
                share = min(0.99, max(0, done - start) / max(1, end - start))
                underway, epochs = underway + share, epochs + share * (end - start)
                at_work.append((f"epoch {min(done + 1, end)}/{_budget(job)}", self._name(job)))
                continue
            if record.status == "KILLED" and record.paused_after is None and self._goes_on(directory):
                continue
            del self._active[index]
            self._end(job, record, directory)
        if self._active:
            self._display(underway, epochs, at_work)

    def _end(self, job: SweepJob, record: RunRecord, directory: Path) -> None:
        self._ended.add(job.index)
        self._spent += self._length(job.index)
        left, name, pause = self._left(0.0), self._name(job), record.paused_after
        if record.status == "FINISHED" or pause is not None:
            self._so_far[job.index] = job, record
            if self._screen.width is None:
                width = min(LONGEST_PADDED, max(map(len, map(self._name, self._jobs.values()))))
                values, part = (record.metrics, "test") if pause is None else (means_at_pause(job, directory), "kept")
                shown = f"accuracy {values[f'{part}/accuracy']:.3f}  IoU {values[f'{part}/mean_iou']:.3f}"
                of = "" if pause is None else f"  (validation, epoch {pause}/{_budget(job)})"
                self._screen.line(f"{self._count()} {name:{width}}  {shown}{of}  {left}".rstrip())
            return
        why = first_line(record.error or "no reason known", 100)
        self._failures[job.index] = name, why
        if self._screen.width is None or len(self._failures) <= MOST_FAILURES:
            self._screen.line(f"{self._count()} {self._screen.shortened(name)}  {record.status}: {why}")

    def _display(self, underway: float, epochs: float, at_work: Sequence[tuple[str, str]]) -> None:
        """Show the display, most needed first: a terminal of few rows has no room for the end of it.

        Args:
            underway: of the jobs at work, by the share of each that is done.
            epochs: that these have behind them.
            at_work: how far each is, and its name.
        """
        width = self._screen.width or 0
        details = []
        if self._failures:
            name, why = list(self._failures.values())[-1]
            details = [
                f"{counted(len(self._failures), 'failure')}, last {abbreviated(name, max(2, width // 3))}: {why}"
            ]
        details += self._best(width)
        shown = at_work[:MOST_AT_WORK]
        if shown:
            details.append("at work")
            details += [f"  {epoch}  {abbreviated(name, max(2, width - len(epoch) - 4))}" for epoch, name in shown]
        if len(at_work) > len(shown):
            details.append(f"  and {len(at_work) - len(shown)} more")
        self._screen.progress(
            f"{self._count()}  {self._left(epochs)}".rstrip(),
            share=(self._before + len(self._ended) + underway) / self._total,
            details=details,
        )

    def _best(self, width: int) -> list[str]:
        """Return the lines about the best settings, by their means on validation."""
        best, pause = self._furthest()
        if not best:
            return []
        columns = dict(COLUMNS)
        while len(columns) > 1 and _width(columns) + ROOM_FOR_NAMES > width:
            columns.popitem()
        room = max(2, width - _width(columns))
        after = "" if pause is None else f" after {counted(pause, 'epoch')}"
        lines = [f"best so far{after} (validation means, n seeds)"]
        lines.append("".join(f"  {title}" for title in columns.values()) + "   n")
        names = {job.config_hash: self._names[job.index] for job in self._jobs.values()}
        for setting in best[:MOST_BEST]:
            values = "".join(f"  {setting.means[name]:{len(title)}.3f}" for name, title in columns.items())
            lines.append(f"{values}{setting.seeds:4}  {abbreviated(names[setting.config_hash], room)}")
        return lines

    def _furthest(self) -> tuple[list[SettingSoFar], int | None]:
        """Return the best settings among those that have come furthest, and where they have paused."""
        runs = list(self._so_far.values())
        best = best_settings([(job, record) for job, record in runs if record.status == "FINISHED"])
        for pause in () if best else sorted({record.paused_after or 0 for _, record in runs}, reverse=True):
            paused = [(job, record) for job, record in runs if record.paused_after == pause]
            found = [(job, replace(record, metrics=means_at_pause(job, record.directory))) for job, record in paused]
            best = best_settings(found)
            if best:
                return best, pause
        return best, None

    def _length(self, index: int) -> int:
        """Return the epochs that a job trains in its stage."""
        start, end = self._epochs[index]
        return end - start

    def _name(self, job: SweepJob) -> str:
        return f"{self._names[job.index]} seed={job.seed}"

    def _count(self) -> str:
        return f"[{self._before + len(self._ended):{len(str(self._total))}}/{self._total}]"

    def _left(self, epochs: float) -> str:
        fraction = (self._spent + epochs) / self._mine if self._mine else 1.0
        if not 0 < fraction < 1:
            return ""
        seconds = (time.monotonic() - self._start) * (1 - fraction) / fraction
        return f"{duration(seconds)} left"


@dataclass(frozen=True)
class SettingSoFar:
    """A setting by the runs of it that have finished.

    Attributes:
        config_hash: of the setting.
        seeds: how many have finished.
        means: of the metrics on validation, at the epoch that each run keeps.
    """

    config_hash: str
    seeds: int
    means: dict[str, float]


def best_settings(finished: Sequence[tuple[SweepJob, RunRecord]]) -> list[SettingSoFar]:
    """Return what the comparison would choose from by now, the best first, by ``SELECTION_METRIC``, ties by mean IoU.

    As there, neither controls nor one task alone can be chosen, nor settings with fewer than half as many seeds as
    another one; where final runs have finished, only these can.
    """
    is_final = any(job.role == FINAL for job, _ in finished)
    runs: dict[str, list[RunRecord]] = {}
    for job, record in finished:
        loss = job.composition.cfg.loss
        trains_both = loss.classification_weight and loss.bbox_weight
        is_whole = all(f"kept/{name}" in record.metrics for name in COLUMNS)  # not that of an older locexp
        if is_whole and trains_both and job.role != CONTROL and (job.role == FINAL) == is_final:
            runs.setdefault(job.config_hash, []).append(record)
    most = max(map(len, runs.values()), default=0)
    settings = [
        SettingSoFar(
            config_hash,
            len(records),
            {name: sum(one.metrics[f"kept/{name}"] for one in records) / len(records) for name in COLUMNS},
        )
        for config_hash, records in runs.items()
        if len(records) >= SHARE * most - EQUAL
    ]
    return sorted(settings, key=lambda one: (-one.means[SELECTION_METRIC], -one.means["mean_iou"]))


def _budget(job: SweepJob) -> int:
    return int(job.composition.cfg.trainer.epochs)


def means_at_pause(job: SweepJob, directory: Path | None) -> dict[str, float]:
    """Return the validation metrics of a run that has paused, as if it had kept its best epoch so far: ``kept/…``."""
    rows = read_history(directory) if directory is not None else []
    found = metrics_so_far(rows, monitor(job.composition.cfg)) if rows else {}
    return {f"kept/{name}": value for name, value in found.items()}


def _width(columns: Mapping[str, str]) -> int:
    """Return how many characters stand before a name."""
    return sum(len(title) + 2 for title in columns.values()) + 6


def _lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0
