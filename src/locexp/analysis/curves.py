"""Learning curves of the settings of a comparison, over their seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from locexp.analysis.comparison import SweepComparison
from locexp.analysis.results import ReadFile
from locexp.records.history import parse_history

PANELS = {"accuracy": "accuracy", "mean_iou": "mean IoU", "loc_acc_75": "loc_acc_75"}
"""Metrics that have a panel each, with their titles."""


@dataclass(frozen=True)
class Curve:
    """A validation metric of a setting by epoch, the first of which is 1; over the seeds that reached an epoch.

    Attributes:
        mean, low, high: over the seeds, float (epochs,); NaN where no seed has a value.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


Curves = Mapping[int, Mapping[str, Curve]]
"""By the index of the setting and by metric, one of :data:`PANELS`; settings without a history are not in it."""


def read_curves(comparison: SweepComparison, read: ReadFile) -> tuple[Curves, int]:
    """Read the histories of the runs; returns curves, and how many runs have no readable history."""
    curves: dict[int, dict[str, Curve]] = {}
    without = 0
    for index, setting in enumerate(comparison.settings):
        # Of a setting that a race did not pursue, what there is: a run that failed need not have a history.
        runs = setting.runs or (setting.raced if setting.not_pursued else {})
        contents = [_read(read(run, "history.jsonl")) for run in runs.values()]
        without += contents.count(None)
        histories = [content for content in contents if content is not None]
        for name in PANELS if histories else ():
            rows = [[epoch[name] for epoch in history] for history in histories]
            curves.setdefault(index, {})[name] = _over_seeds(rows)
    return curves, without


def _read(content: bytes | None) -> list[dict[str, float]] | None:
    """Return the validation metrics of each epoch from a run's history; ``None`` where it cannot be read."""
    try:
        rows = parse_history(content) if content is not None else []
        return [{name: float(row[f"val/{name}"]) for name in PANELS} for row in rows] or None
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def _over_seeds(rows: list[list[float]]) -> Curve:
    """Return the curve of one list of values per seed, which may have stopped early."""
    epochs = np.array(list(itertools.zip_longest(*rows, fillvalue=math.nan)))
    found = np.isfinite(epochs)
    count = found.sum(axis=1)
    low = np.where(found, epochs, math.inf).min(axis=1)
    high = np.where(found, epochs, -math.inf).max(axis=1)
    total = np.where(found, epochs, 0).sum(axis=1)
    some = count > 0
    return Curve(*(np.where(some, values, math.nan) for values in (total / np.maximum(count, 1), low, high)))
