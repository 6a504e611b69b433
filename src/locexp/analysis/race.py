"""How a race got to its choice: how far each setting was pursued, and how it did on validation until then."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from locexp.analysis.results import ReadFile, SettingRuns
from locexp.evaluation.metrics import rank
from locexp.records.history import HISTORY, parse_history
from locexp.records.record import NOT_PURSUED, RunRecord

History = list[dict[str, float]]


@dataclass(frozen=True)
class Line:
    """A setting in the race.

    Attributes:
        means: the metric on validation by epoch, the first of which is 1, over the seeds that reached the epoch: float
            (epochs,); NaN where no seed has a value.
        best: the metric in the best epoch so far by the run's monitor, which is what the race went by: mean over seeds.
        reason: when and why it was not pursued, in a sentence; empty where it was. One that was confirmed may have one,
            too: the configured setting is, wherever it came in.
    """

    means: np.ndarray
    best: float
    reason: str

    @property
    def epochs(self) -> int:
        """How many it was trained for."""
        return len(self.means)


@dataclass(frozen=True)
class Race:
    """The race that led to the settings of a comparison.

    Attributes:
        lines: by the index of the setting; without those of which no history can be read.
        epochs: of the whole budget.
    """

    lines: dict[int, Line]
    epochs: int

    def reached(self, index: int) -> tuple[int, float]:
        """Return for how many epochs a setting was trained in the race, and the metric on validation in the best of
        them: 0 and NaN where that is not known.
        """
        line = self.lines.get(index)
        return (0, math.nan) if line is None else (line.epochs, line.best)


def read_race(settings: Sequence[SettingRuns], metric: str, read: ReadFile) -> Race | None:
    """Read the histories of a race; ``None`` where the settings are not those of one.

    Args:
        settings: of a sweep.
        metric: to show.
        read: returns a file of a run.
    """
    if not any(setting.raced for setting in settings):
        return None
    lines = {}
    for index, setting in enumerate(settings):
        found = [(run, history) for run in setting.raced.values() if (history := _history(read(run, HISTORY), metric))]
        if found:
            reason = next((run.tags[NOT_PURSUED] for run in setting.raced.values() if NOT_PURSUED in run.tags), "")
            best = float(np.mean([_best(run, history, metric) for run, history in found]))
            lines[index] = Line(_over_seeds([history for _, history in found], metric), best, reason)
    budgets = [int(setting.parameters.get("trainer.epochs", 0)) for setting in settings]
    return Race(lines, max([*budgets, *(line.epochs for line in lines.values())]))


def _history(content: bytes | None, metric: str) -> History:
    """Return the rows of a run's history, which have the metric; nothing where that cannot be read."""
    try:
        rows = parse_history(content or b"")
        return rows if np.array([row[f"val/{metric}"] for row in rows], float).size else []
    except (ValueError, KeyError, TypeError):
        return []


def _best(run: RunRecord, history: History, metric: str) -> float:
    """Return a metric on validation in the best epoch of a run so far."""
    if run.status == "FINISHED":
        return run.metrics[f"kept/{metric}"]
    monitor = run.parameters.get("trainer.monitor", f"val/{metric}")
    try:
        return max(history, key=lambda row: rank(row, monitor))[f"val/{metric}"]
    except KeyError:
        return history[-1][f"val/{metric}"]


def _over_seeds(histories: Sequence[History], metric: str) -> np.ndarray:
    """Return the mean by epoch over the seeds that reached it."""
    rows = [[row[f"val/{metric}"] for row in history] for history in histories]
    epochs = np.array(list(itertools.zip_longest(*rows, fillvalue=math.nan)), float)
    found = np.isfinite(epochs)
    count = found.sum(axis=1)
    total = np.where(found, epochs, 0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), math.nan)
