"""How far a sweep is, read from the files that its runs leave, wherever they run."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from locexp.errors import first_line
from locexp.records.history import HISTORY
from locexp.records.record import RunRecord
from locexp.sweep.folder import POLL_SECONDS, read_record
from locexp.sweep.plan import PlacedJob
from locexp.system.screen import Screen, duration

MOST_AT_WORK = 4
"""How many of the runs that are at work are named."""
SHOWN = {"accuracy": "accuracy", "mean_iou": "mean IoU", "loc_acc_75": "loc_acc_75"}


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
        """Take in how many jobs a stage has, and how many of them had finished before."""
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
            self._screen.line(f"{self._count()} {job.name:44} {_outcome(record)}   {self._left(0.0)}")
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


def _outcome(record: RunRecord) -> str:
    if record.status != "FINISHED":
        return f"{record.status}: {first_line(record.error or 'no reason known', 100)}"
    values = "  ".join(f"{label} {record.metrics[f'test/{name}']:.4f}" for name, label in SHOWN.items())
    return f"{values}  {record.metrics['time/total_seconds']:6.1f} s"


def _lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0
