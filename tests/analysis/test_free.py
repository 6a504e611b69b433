"""What costs nothing, against SciPy's paired t test, on runs made by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from scipy import stats

from locexp.analysis.answer import answers
from locexp.analysis.brief import brief
from locexp.analysis.comparison import SweepComparison, compare_settings
from locexp.analysis.free import FreeWeights, loses_less
from locexp.analysis.results import ReadFile, sort_runs
from locexp.errors import UserError
from locexp.evaluation.metrics import METRICS
from locexp.records.record import RunRecord
from locexp.records.sweep_list import FINAL
from tests.analysis.test_equality import FIXED
from tests.analysis.test_headline import record

NOISE = [0.003, -0.001, 0.002, -0.003, 0.001, -0.002]
"""What the seeds add to what a weight loses."""
LOSSES = {"0.5": 0.0, "4": 0.001, "32": 0.002, "180": 0.02, "1000": 0.0}
"""How much accuracy a weight costs, and 1 minus these how much mean IoU it lacks; the last one is free by luck."""


def runs_of(losses: Mapping[str, float], seeds: Sequence[int] = range(6)) -> list[RunRecord]:
    """Runs of both tasks, and of each task alone."""
    runs = []
    for place, (weight, lost) in enumerate({"0": 0.0, **losses}.items()):
        for seed in seeds:
            noise = 0.0 if weight == "0" else NOISE[(seed + place) % len(NOISE)]
            metrics = dict.fromkeys(METRICS, 0.5) | {"accuracy": 0.95 - lost + noise, "mean_iou": 0.8}
            runs.append(record(weight, seed, place, metrics))
    for seed in seeds:
        box = record("1", seed, 50, dict.fromkeys(METRICS, 0.1) | {"mean_iou": 0.8}, config_hash="box")
        box.tags["varied.loss.classification_weight"] = box.parameters["loss.classification_weight"] = "0"
        runs.append(box)
    for run in runs:
        run.parameters |= FIXED
    return runs


def compared(
    runs: Sequence[RunRecord], keep: Mapping[str, float], read: ReadFile = lambda *_: None, default: str | None = "0.5"
) -> SweepComparison:
    return compare_settings(sort_runs(runs), default_hash=default, metric="loc_acc_75", read=read, keep=keep)


def only(found: SweepComparison) -> FreeWeights:
    (one,) = found.free
    return one


@pytest.mark.parametrize("values", [[0.1, 0.2, -0.3, 0.4], [-0.5, -0.4, -0.3], [0.01, 0.02]])
def test_the_test_is_scipys(values: list[float]) -> None:
    expected = stats.ttest_1samp(values, -0.25, alternative="greater").pvalue
    assert loses_less(np.array(values), 0.25) == pytest.approx(expected, rel=1e-12)


def test_differences_without_spread_decide_themselves() -> None:
    assert loses_less(np.zeros(3), 0.1) == 0.0
    assert loses_less(np.full(3, -0.5), 0.1) == 1.0
    assert math.isnan(loses_less(np.zeros(1), 0.1))


def test_the_first_weight_that_is_not_shown_to_be_free_ends_the_sequence() -> None:
    """1000 would pass, but it comes after 180, which does not."""
    found = compared(runs_of(LOSSES), {"accuracy": 0.01})
    free = only(found)
    assert [found.settings[step.setting].ratio for step in free.steps] == [0.5, 4, 32, 180]
    assert [step.is_kept for step in free.steps] == [True, True, True, False]
    for step in free.steps:
        gaps = [
            found.settings[step.setting].runs[seed].metrics["test/accuracy"]
            - found.settings[free.alone].runs[seed].metrics["test/accuracy"]
            for seed in range(6)
        ]
        assert step.p == pytest.approx(stats.ttest_1samp(gaps, -0.01, alternative="greater").pvalue, rel=1e-6)
        assert step.difference.mean == pytest.approx(np.mean(gaps))
    shown = brief(found, None)[3]
    assert shown.startswith(
        "The most box for free: 32 loses less than 0.01 of accuracy against the class alone (-0.002"
    )
    (text,) = (one for one in answers(found) if "for free" in one)
    assert "3 passed; 180 did not" in text


def test_lower_weights_than_the_configured_one_are_no_hurdle() -> None:
    losses = {"0.001": 0.02, **LOSSES}
    assert len(only(compared(runs_of(losses), {"accuracy": 0.01})).steps) == 4
    lowest = only(compared(runs_of(losses), {"accuracy": 0.01}, default=None))
    assert [step.is_kept for step in lowest.steps] == [False]
    assert lowest.last is None


def test_the_box_is_kept_in_falling_weight() -> None:
    runs = runs_of({"0.5": 0.0, "4": 0.0, "32": 0.0})
    for run in runs:
        lost = {"0.5": 0.1, "4": 0.02, "32": 0.001}.get(run.tags["config_hash"], 0.0)
        run.metrics["test/mean_iou"] -= lost + 0.0001 * int(run.tags["seed"])
    found = compared(runs, {"mean_iou": 0.01})
    steps = only(found).steps
    assert [found.settings[step.setting].ratio for step in steps] == [32, 4]
    assert brief(found, None)[3].startswith("The most class for free: 32 loses less than 0.01 of mean IoU")


def test_of_a_centre_error_more_is_lost() -> None:
    runs = runs_of({"4": 0.0, "32": 0.0})
    for run in runs:
        worse = {"4": 0.5, "32": 0.1}.get(run.tags["config_hash"], 0.0)
        run.metrics["test/center_error_px"] = 1 + worse + 0.001 * int(run.tags["seed"]) * worse
    free = only(compared(runs, {"center_error_px": 0.25}))
    assert [step.is_kept for step in free.steps] == [True, False]
    assert free.steps[0].difference.mean == pytest.approx(-0.10025)


def test_where_nothing_is_free_it_is_said() -> None:
    found = compared(runs_of({"0.5": 0.02, "4": 0.0}), {"accuracy": 0.01})
    assert only(found).last is None
    assert brief(found, None)[3].startswith("No box for free: 0.5 is not shown to lose less than 0.01 of accuracy")


def test_the_bootstrap_over_examples_stands_beside() -> None:
    """One image of four is wrong with every seed, so the mean difference is -1/4."""
    wrong = b"index,label,predicted,iou\n0,a,b,1\n1,a,a,1\n2,b,b,1\n3,b,b,1\n"
    right = wrong.replace(b"a,b", b"a,a")
    found = compared(
        runs_of({"0.5": 0.0}), {"accuracy": 0.01}, lambda run, path: right if run.tags["config_hash"] == "0" else wrong
    )
    ends = only(found).over_examples
    assert ends is not None
    assert -1 <= ends[0] < -0.25 < ends[1] <= 0
    (text,) = (one for one in answers(found) if "for free" in one)
    assert "Over test examples, 0.5: -0.7500 to +0.0000 (95 % bootstrap)" in text


def test_final_runs_do_not_take_the_seeds_of_the_task_alone_away() -> None:
    runs = runs_of(LOSSES)
    fresh = [
        record("32", seed, 90, dict.fromkeys(METRICS, 0.5), role=FINAL) for seed in range(10, 16)
    ] + [record("0.5", seed, 91, dict.fromkeys(METRICS, 0.5), role=FINAL) for seed in range(10, 16)]  # fmt: skip
    for run in fresh:
        run.parameters |= FIXED
    free = only(compared([*runs, *fresh], {"accuracy": 0.01}))
    assert [step.difference.n for step in free.steps] == [6] * 4
    assert [step.is_kept for step in free.steps] == [True, True, True, False]


def test_without_a_run_of_the_task_alone_it_is_said_what_to_add() -> None:
    runs = [run for run in runs_of(LOSSES) if run.tags["config_hash"] not in ("0", "box")]
    with pytest.raises(UserError, match=r"accuracy: 0.01}: .* trains the class alone, .* sweep.single_task=true"):
        compared(runs, {"accuracy": 0.01})
    with pytest.raises(UserError, match=r"mean_iou: 0.01}: .* trains the box alone, .* loss.classification_weight=0"):
        compared(runs, {"mean_iou": 0.01})


def test_without_weights_to_compare_and_where_more_varies_it_is_refused() -> None:
    runs = runs_of(LOSSES)
    alone = [run for run in runs if run.tags["config_hash"] in ("0", "box")]
    with pytest.raises(UserError, match="no finished run with fixed weights of both tasks"):
        compared(alone, {"accuracy": 0.01})
    for run in runs:
        if run.tags["config_hash"] in ("4", "32"):
            run.tags["varied.optimizer.learning_rate"] = "0.1"
    with pytest.raises(UserError, match="the ratio of the weights alone varies"):
        compared(runs, {"accuracy": 0.01})


def test_a_margin_of_less_than_two_images_is_refused() -> None:
    runs = runs_of(LOSSES)
    for run in runs:
        run.dataset = {"test": 300}
    with pytest.raises(UserError, match=r"keep={accuracy: 0.006}: the test part has 300 images.* 0.00667 or more"):
        compared(runs, {"accuracy": 0.006})
    compared(runs, {"accuracy": 2 / 300})
