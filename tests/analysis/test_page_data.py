"""The numbers that a report's script draws from, against numpy's on the same runs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from locexp.analysis.curves import read_curves
from locexp.analysis.page_data import MOST_EPOCHS, page_data
from locexp.analysis.results import ReadFile
from locexp.records.record import RunRecord
from tests.analysis.reports import compared, files_of, weight_sweep
from tests.analysis.test_methods import run

PANELS = ("accuracy", "mean_iou", "loc_acc_75")


def data_of(
    runs: list[RunRecord], default: str | None = "w0.5", read: ReadFile | None = None, metric: str = "loc_acc_75"
) -> dict[str, Any]:
    """What a page would read from its JSON."""
    found = compared(runs, default, read, metric)
    curves, _ = read_curves(found, read or files_of())
    return json.loads(json.dumps(page_data(found, curves), allow_nan=False))


def test_means_and_intervals_are_those_of_the_runs() -> None:
    runs = weight_sweep(seeds=4)
    data = data_of(runs)
    assert [one["label"] for one in data["settings"]] == [f"bbox_weight={weight}" for weight in ("0.5", "2", "8", "32")]
    for job, one in enumerate(data["settings"]):
        for axis, name in enumerate(("accuracy", "mean_iou")):
            values = np.array(
                [record.metrics[f"test/{name}"] for record in runs if record.tags["sweep_job"] == str(job)]
            )
            low, high = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
            np.testing.assert_allclose(one["means"][axis], (values.mean(), (high - low) / 2), rtol=1e-5)
            np.testing.assert_allclose([seed[axis + 1] for seed in one["runs"]], values, rtol=1e-5)
        assert [seed[0] for seed in one["runs"]] == [0, 1, 2, 3]


def test_the_front_is_what_nothing_dominates_from_left_to_right() -> None:
    runs = weight_sweep(("0.5", "2", "8", "32", "64"))
    worse = {"test/accuracy": 0.5, "test/mean_iou": 0.5}
    runs = [replace(one, metrics=one.metrics | worse) if one.name == "w8" else one for one in runs]
    data = data_of(runs)
    points = [(index, *(mean for mean, _ in one["means"])) for index, one in enumerate(data["settings"])]
    free = [
        (x, index) for index, x, y in points if not any(a >= x and b >= y and (a, b) != (x, y) for _, a, b in points)
    ]
    assert data["front"] == [index for _, index in sorted(free)] == [4, 3, 1, 0]


def test_curves_are_mean_lowest_and_highest_seed_by_epoch() -> None:
    runs = weight_sweep(seeds=3)

    def read(record: RunRecord, path: str) -> bytes | None:
        """The second seed stopped after two epochs, and has no mean IoU in its first."""
        content = files_of(epochs=4)(record, path)
        if path != "history.jsonl" or record.tags["seed"] != "1":
            return content
        rows = [json.loads(line) for line in (content or b"").splitlines()[:2]]
        rows[0]["val/mean_iou"] = math.nan
        return "\n".join(map(json.dumps, rows)).encode()

    one = data_of(runs, read=read)["settings"][2]
    final = [[record.metrics[f"kept/{name}"] for record in runs if record.name == "w8"] for name in PANELS]
    for name, levels in zip(PANELS, final, strict=True):
        expected = np.array([[level * (1 - 0.5**epoch) for epoch in range(1, 5)] for level in levels])
        expected[1, 2:] = math.nan
        if name == "mean_iou":
            expected[1, 0] = math.nan
        epochs, *lines = one["curves"][name]
        assert epochs == [1, 2, 3, 4]
        wanted = np.nanmean(expected, axis=0), np.nanmin(expected, axis=0), np.nanmax(expected, axis=0)
        np.testing.assert_allclose(lines, wanted, rtol=1e-3)


def test_a_long_curve_is_thinned_out_and_keeps_its_ends() -> None:
    epochs, means, low, high = data_of(weight_sweep(), read=files_of(epochs=500))["settings"][0]["curves"]["accuracy"]
    assert len(epochs) == len(means) == len(low) == len(high) == MOST_EPOCHS
    assert (epochs[0], epochs[-1]) == (1, 500)
    assert sorted(set(epochs)) == epochs


def test_tests_are_given_in_the_direction_of_the_metric() -> None:
    """Of centre errors, a smaller one is better: the difference is shown as it is."""
    runs = [
        run(f"w{weight}", seed, job, 0.5 - job / 10, weight=weight)
        for seed in range(9)
        for job, weight in enumerate("12")
    ]
    data = data_of(runs, "w1", metric="center_error_px")
    ((against, difference, count, p, corrected, verdict),) = data["settings"][1]["tests"]
    first, second = (
        np.array([one.metrics["test/center_error_px"] for one in runs if one.name == name]) for name in ("w1", "w2")
    )
    assert against == "the default setting"
    assert float(difference.split(" ± ")[0]) == pytest.approx((second - first).mean(), abs=1e-4)
    assert count == "9"
    assert float(p) == float(corrected) == pytest.approx(stats.wilcoxon(second - first).pvalue, abs=5e-4)
    assert verdict == "better"


def test_what_is_not_known_is_null() -> None:
    runs = weight_sweep(seeds=1)
    runs += [replace(run("w9", 0, 9, 0.5, weight="9"), status="FAILED", metrics={})]
    data = data_of(runs, default=None, read=lambda *_: None)
    assert data["default"] is None
    assert [half for one in data["settings"][:4] for _, half in one["means"]] == [None] * 8
    failed = data["settings"][4]
    assert (failed["means"], failed["runs"], failed["curves"], failed["failed"]) == (None, [], {}, 1)


def test_only_fixed_weights_of_both_tasks_have_a_ratio() -> None:
    runs = [
        run("one", 0, 0, 0.5, weight="2"),
        run("alone", 0, 1, 0.1, weight="0"),
        run("mgda", 0, 2, 0.6, method="mgda"),
        run("four", 0, 3, 0.55, weight="4"),
    ]
    data = data_of(runs, "one")
    assert [one["ratio"] for one in data["settings"]] == [2, None, None, 4]
    assert [one["alone"] for one in data["settings"]] == [None, "classification", None, None]
    assert data["ratios"] == [2, 4]
