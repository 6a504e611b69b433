"""The difference between two settings over test examples, each averaged over the seeds that both have."""

from __future__ import annotations

import csv
import io

import numpy as np

from locexp.analysis.results import ReadFile, SettingRuns
from locexp.analysis.statistics import bootstrap_interval


def over_examples(one: SettingRuns, other: SettingRuns, read: ReadFile) -> dict[str, tuple[float, float]] | None:
    """Return bootstrap intervals over test examples of one setting minus another, by metric.

    Empty where the runs do not share their test examples; ``None`` where a table is missing or cannot be read.
    """
    seeds = [seed for seed in one.runs if seed in other.runs]
    if len({group.runs[seed].tags.get("scenes_digest") for seed in seeds for group in (one, other)}) > 1:
        return {}
    sums: dict[str, np.ndarray] = {}
    for seed in seeds:
        tables = [_examples(read(group.runs[seed], "tables/predictions.csv")) for group in (one, other)]
        if tables[0] is None or tables[1] is None or len(tables[0]["accuracy"]) != len(tables[1]["accuracy"]):
            return None
        for name, values in tables[0].items():
            sums[name] = sums.get(name, 0) + (values - tables[1][name]) / len(seeds)
    return {name: bootstrap_interval(differences) for name, differences in sums.items()}


def _examples(content: bytes | None) -> dict[str, np.ndarray] | None:
    """Return accuracy, IoU and loc_acc_75 of each test example from a run's predictions.csv, if that can be read."""
    try:
        header, first, *rest = csv.reader(io.StringIO((content or b"").decode(), newline=""))
        label, predicted, iou = (header.index(name) for name in ("label", "predicted", "iou"))
        rows = [first, *rest]
        right = np.array([row[label] == row[predicted] for row in rows])
        overlap = np.array([float(row[iou]) for row in rows])
    except (ValueError, IndexError, csv.Error):
        return None
    return {
        "accuracy": right.astype(float),
        "mean_iou": overlap,
        "loc_acc_50": (right & (overlap >= 0.5)).astype(float),
        "loc_acc_75": (right & (overlap >= 0.75)).astype(float),
    }
