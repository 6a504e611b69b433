"""The difference of two settings over test examples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from locexp.analysis.results import SettingRuns
from locexp.analysis.statistics import bootstrap_interval
from locexp.records.record import RunRecord


def over_examples(
    chosen: SettingRuns, default: SettingRuns, read: Callable[[RunRecord, str], bytes | None]
) -> dict[str, tuple[float, float]]:
    """Return intervals over test examples of chosen minus default, each example averaged over the common seeds.

    Empty where the runs do not share their test examples, or a table is missing.
    """
    seeds = [seed for seed in chosen.runs if seed in default.runs]
    if len({group.runs[seed].tags.get("scenes_digest") for seed in seeds for group in (chosen, default)}) > 1:
        return {}
    sums: dict[str, np.ndarray] = {}
    for seed in seeds:
        tables = [_examples(read(group.runs[seed], "tables/predictions.csv")) for group in (chosen, default)]
        if tables[0] is None or tables[1] is None or len(tables[0]["accuracy"]) != len(tables[1]["accuracy"]):
            return {}
        for name, values in tables[0].items():
            sums[name] = sums.get(name, 0) + (values - tables[1][name]) / len(seeds)
    return {name: bootstrap_interval(differences) for name, differences in sums.items()}


def _examples(content: bytes | None) -> dict[str, np.ndarray] | None:
    """Return accuracy, IoU and loc_acc_75 of each test example from a run's predictions.csv, if that can be read."""
    try:
        header, *rows = (content or b"").decode().splitlines()
        columns = [header.split(",").index(name) for name in ("label", "predicted", "iou")]
        label, predicted, iou = np.loadtxt(rows, delimiter=",", usecols=columns, ndmin=2).T
    except (ValueError, IndexError):
        return None
    right = label == predicted
    return {
        "accuracy": right.astype(float),
        "mean_iou": iou,
        "loc_acc_50": (right & (iou >= 0.5)).astype(float),
        "loc_acc_75": (right & (iou >= 0.75)).astype(float),
    }
