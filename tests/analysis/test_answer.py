"""The answer of a comparison, in sentences."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from locexp.analysis.answer import answers
from locexp.analysis.comparison import compare_settings
from locexp.analysis.results import sort_runs
from locexp.records.record import RunRecord
from tests.analysis.test_methods import groups, run


def answer(runs: list[RunRecord], default: str | None) -> str:
    found = compare_settings(sort_runs(runs), default_hash=default, metric="loc_acc_75", read=lambda *_: None)
    return "\n".join(answers(found))


def test_one_seed_promises_nothing() -> None:
    text = answer([run("a", 0, 0, 0.6), run("b", 0, 1, 0.7, weight="2")], "a")
    assert "one seed, which says nothing about the spread" in text
    assert "One seed says nothing about the spread; at least 6 seeds are needed." in text
    assert "power" not in text


def test_seeds_alone_are_no_choice() -> None:
    text = answer([run("a", seed, 0, 0.6) for seed in range(3)], "a")
    assert "There is one setting, bbox_weight=1, and nothing to choose from: its loc_acc_75 is 0.60" in text
    assert "Use " not in text
    assert "did better" not in text


def test_a_sweep_of_learning_rates_does_not_speak_of_weights() -> None:
    runs = [run(name, seed, place, 0.6 + place / 10) for seed in range(8) for place, name in enumerate("ab")]
    rates = {"a": "0.01", "b": "0.1"}
    runs = [
        replace(
            one, tags=one.tags | {"varied.optimizer.learning_rate": rates[one.name], "varied.loss.bbox_weight": "1"}
        )
        for one in runs
    ]
    assert "is better than the default setting (bbox_weight=1 learning_rate=0.01): it reaches" in answer(runs, "a")
    assert "The default setting is not among those compared" in answer(runs, "other")


@pytest.mark.parametrize(
    ("best", "expected"),
    [
        ("100", "bbox_weight=100 is the largest of the 4 tried: a larger one may be better."),
        ("0.1", "bbox_weight=0.1 is the smallest of the 4 tried: a smaller one may be better."),
        ("10", None),
    ],
)
def test_a_choice_at_an_end_of_what_was_tried_is_called_so(best: str, expected: str | None) -> None:
    tried = ("0", "0.1", "1", "10", "100")  # the class alone is no end of the weights
    text = answer(
        [run(name, seed, 0, 0.9 if name == best else 0.6, weight=name) for name in tried for seed in range(2)], "1"
    )
    assert f"Use bbox_weight={best}:" in text
    assert (" tried: a " in text) == (expected is not None)
    assert expected is None or expected in text
    few = [
        run(name, seed, 0, 0.9 if name == "10" else 0.6, weight=name) for name in ("1", "2", "10") for seed in range(2)
    ]
    assert " tried: a " not in answer(few, "1")


def test_equal_settings_are_said_to_be_equal() -> None:
    runs = [run("a", seed, 0, 0.7) for seed in range(3)]
    runs += [
        replace(one, tags=one.tags | {"config_hash": "b", "sweep_job": "1", "varied.loss.bbox_weight": "2"})
        for one in runs
    ]
    assert "Equal on validation: bbox_weight=2; so is mean IoU, so the first in the list was taken." in answer(
        runs, None
    )
    second = [
        replace(one, metrics=one.metrics | {"kept/mean_iou": 0.9}) if one.tags["config_hash"] == "b" else one
        for one in runs
    ]
    assert "Use bbox_weight=2" in answer(second, None)
    assert "Equal on validation: bbox_weight=1; mean IoU decided." in answer(second, None)


def test_a_setting_that_is_better_on_test_is_named() -> None:
    runs = []
    for seed in range(8):
        one, other = run("a", seed, 0, 0.7), run("b", seed, 1, 0.8, weight="2")
        kept = {name: value + 0.2 for name, value in one.metrics.items() if name.startswith("kept/")}
        runs += [replace(one, metrics=one.metrics | kept), other]
    text = answer(runs, "a")
    assert "Better than the chosen one on test, though not on validation: bbox_weight=2." in text
    assert "Every other setting" not in text


def test_verdicts_on_final_runs_say_so() -> None:
    runs = [run(name, seed, 0, 0.7, weight=name) for name in "12" for seed in (0, 1)]
    runs += [run(name, seed, 1, 0.7, weight=name, role="final") for name in "12" for seed in (2, 3)]
    assert "The comparison is among the 2 settings that earlier stages chose, on fresh seeds" in answer(runs, "1")


def test_methods_without_a_difference_have_the_span_of_their_intervals() -> None:
    found = compare_settings(groups(), default_hash="one", metric="loc_acc_75", read=lambda *_: None)
    text = "\n".join(answers(found))
    assert "1 of 3 methods does better (mgda); worse: famo" in text
    assert "no difference seen: imtl_g (their 95 % intervals reach from" in text
    assert "for “worse”, over all 6 pairs" in text
    assert "They are at an end of the range that was tried" in text


def test_test_examples_are_paired_only_where_the_runs_share_them() -> None:
    runs = [
        run(name, seed, place, 0.6 + place / 5, weight=name) for seed in range(8) for place, name in enumerate("12")
    ]
    rows = {"1": "0,0,0.6", "2": "0,0,0.8"}  # label, predicted, iou: one differs from the other by .2 everywhere

    def read(one: RunRecord, _: str) -> bytes:
        return "\n".join(["label,predicted,iou", *[rows[one.tags["config_hash"]]] * 20]).encode()

    def intervals(given: list[RunRecord]) -> dict[str, tuple[float, float]]:
        found = compare_settings(sort_runs(given), default_hash="1", metric="loc_acc_75", read=read)
        assert found.over_examples is not None
        return found.over_examples

    low, high = intervals(runs)["mean_iou"]
    assert abs(low - 0.2) < 1e-9
    assert abs(high - 0.2) < 1e-9
    assert intervals(runs)["loc_acc_75"] == (1.0, 1.0)
    other = [replace(one, tags=one.tags | {"scenes_digest": one.tags["config_hash"]}) for one in runs]
    assert intervals(other) == {}


def test_test_examples_are_read_by_class_name() -> None:
    """Names with commas, quotes and line ends; of the second setting every other class is right."""
    runs = [run(name, seed, place, 0.6, weight=name) for seed in range(2) for place, name in enumerate("12")]
    runs = [replace(one, metrics=one.metrics | {"kept/loc_acc_75": float(one.name)}) for one in runs]

    def read(one: RunRecord, _: str) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(["index", "file", "label", "predicted", "iou"])
        for index in range(20):
            is_right = one.name == "2" and index % 2
            writer.writerow([index, "a,b.jpg", 'red, "bright"', 'red, "bright"' if is_right else "two\nlines", 0.8])
        return text.getvalue().encode()

    found = compare_settings(sort_runs(runs), default_hash="1", metric="loc_acc_75", read=read)
    assert found.over_examples is not None
    low, high = found.over_examples["accuracy"]
    assert 0.2 < low < 0.5 < high < 0.8
    assert found.over_examples["mean_iou"] == (0.0, 0.0)


def test_equal_runs_and_networks_that_learned_nothing_are_called_so() -> None:
    runs = [run(name, seed, 0, 0.2, weight=name) for seed in range(2) for name in "12"]
    other = [
        replace(one, metrics=one.metrics | {"kept/loc_acc_75": 0.5}) if one.tags["config_hash"] == "2" else one
        for one in runs
    ]
    text = answer(other, "1")
    assert "No setting locates objects better than one constant box does" in text  # .2 against a baseline of .3
    assert "The runs are equal, seed by seed." in text
    assert "would take" not in text
    assert "constant box does" not in answer([run("1", seed, 0, 0.4) for seed in range(2)], "1")
