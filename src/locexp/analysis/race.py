"""How a race got to its choice: how far each setting was pursued, and how it did on validation until then."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from locexp.analysis.results import NOT_PURSUED, ReadFile, SettingRuns
from locexp.records.history import HISTORY, parse_history


@dataclass(frozen=True)
class Line:
    """A setting in the race.

    Attributes:
        means: the metric on validation by epoch, the first of which is 1, over the seeds that reached the epoch: float
            (epochs,); NaN where no seed has a value.
        reason: when and why it was not pursued, in a sentence; empty where it was. One that was confirmed may have one,
            too: the configured setting is, wherever it came in.
    """

    means: np.ndarray
    reason: str

    @property
    def epochs(self) -> int:
        """How many it was trained for."""
        return len(self.means)

    @property
    def last(self) -> float:
        """The metric in the last of them."""
        return float(self.means[-1])


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
        """Return for how many epochs a setting was trained in the race, and the metric on validation in the last one:
        0 and NaN where that is not known."""
        line = self.lines.get(index)
        return (0, math.nan) if line is None else (line.epochs, line.last)


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
        histories = [_values(read(run, HISTORY), metric) for run in setting.raced.values()]
        epochs = np.array(list(itertools.zip_longest(*histories, fillvalue=math.nan)), float)
        if len(epochs):
            found = np.isfinite(epochs)
            count = found.sum(axis=1)
            means = np.where(count > 0, np.where(found, epochs, 0).sum(axis=1) / np.maximum(count, 1), math.nan)
            reason = next((run.tags[NOT_PURSUED] for run in setting.raced.values() if NOT_PURSUED in run.tags), "")
            lines[index] = Line(means, reason)
    budgets = [int(setting.parameters.get("trainer.epochs", 0)) for setting in settings]
    return Race(lines, max([*budgets, *(line.epochs for line in lines.values())]))


def _values(content: bytes | None, metric: str) -> list[float]:
    """Return a validation metric of each epoch from a run's history; nothing where it cannot be read."""
    try:
        return [float(row[f"val/{metric}"]) for row in parse_history(content or b"")]
    except (ValueError, KeyError, TypeError, OverflowError):
        return []
