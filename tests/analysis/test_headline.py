"""The answer in three lines, on runs made by hand: the texts are written from the numbers, not from the output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from locexp.analysis.comparison import SweepComparison, compare_settings
from locexp.analysis.digits import decimals, known
from locexp.analysis.headline import headline
from locexp.analysis.results import sort_runs
from locexp.analysis.statistics import Interval
from locexp.evaluation.metrics import METRICS
from locexp.records.record import RunRecord
from tests.analysis.test_methods import groups, run

SPREAD = [-0.004, -0.003, -0.002, -0.001, 0.001, 0.002, 0.003, 0.004]
"""What a seed adds to every metric: half the width of the 95 % interval of eight is .0024 (2.3646 · .0029277 / √8)."""


def record(weight: str, seed: int, place: int, metrics: Mapping[str, float], **tags: str) -> RunRecord:
    """A finished run of a box weight, with all of the metrics."""
    return RunRecord(
        name=f"bbox_weight={weight} seed={seed}",
        run_id=f"{weight}-{seed}",
        status="FINISHED",
        parameters={"loss.classification_weight": "1", "loss.bbox_weight": weight},
        tags={
            "config_hash": weight,
            "seed": str(seed),
            "sweep_job": str(place),
            "varied.loss.bbox_weight": weight,
            **tags,
        },
        metrics={f"{part}/{name}": metrics[name] for part in ("test", "kept") for name in METRICS}
        | {"floor/mean_iou": 0.6},
    )


def sweep(
    settings: Mapping[str, tuple[float, float, float]], seeds: int = 8, *, default: str | None = "0.5", **tags: str
) -> SweepComparison:
    """A sweep of box weights: accuracy, mean IoU and loc_acc_75 of each, the seeds' spread in opposite order for odd
    places, so that paired differences of neighbours spread, too."""
    runs: list[RunRecord] = []
    for place, (weight, (accuracy, iou, both)) in enumerate(settings.items()):
        for seed in range(seeds):
            extra = SPREAD[seed] if place % 2 == 0 else SPREAD[-1 - seed]
            values = dict.fromkeys(METRICS, both + extra)
            values |= {"accuracy": accuracy + extra, "mean_iou": iou + extra}
            runs.append(record(weight, seed, place, values, **tags))
    return compare_settings(sort_runs(runs), default_hash=default, metric="loc_acc_75", read=lambda *_: None)


@pytest.mark.parametrize(
    ("half_width", "expected"),
    [
        (0.0096, 3),  # of ±.0096 one digit is known, which makes .010
        (0.0047, 3),
        (0.0024, 4),
        (0.0354, 3),
        (0.0356, 2),
        (0.06, 2),
        (0.6, 1),
        (1.3, 1),
        (60.0, 0),
        (1e-9, 4),
        (0.0, 4),
        (float("nan"), 3),
    ],
)
def test_half_the_width_decides_the_digits(half_width: float, expected: int) -> None:
    assert decimals(half_width) == expected


def test_a_mean_has_the_digits_of_its_interval() -> None:
    assert known(Interval(0.9428, 0.0096, 12)) == "0.943 ± 0.010"
    assert known(Interval(0.5840, 0.0646, 12)) == "0.58 ± 0.06"
    assert known(Interval(-0.0102, 0.0031, 12), sign="+") == "-0.0102 ± 0.0031"
    assert known(Interval(-0.00001, 0.2, 2), sign="+") == "+0.00 ± 0.20"
    assert known(Interval(0.94276, float("nan"), 1)) == "0.943"


def test_a_value_is_whole_where_its_name_is_cut() -> None:
    found = sweep({"0.0316228": (0.95, 0.70, 0.40), "100": (0.93, 0.80, 0.60)}, default="0.0316228")
    assert headline(found, longest_name=16)[0].endswith("on test (default 0.0316: 0.4000).")
    assert headline(found, longest_name=12)[0].startswith("Use bbox_w")


def test_a_better_setting_with_its_cost() -> None:
    """.60 against .40, two points of accuracy for ten of IoU: p = 2/2⁸ in a family of two, so .016."""
    found = sweep({"0.5": (0.95, 0.70, 0.40), "100": (0.93, 0.80, 0.60), "10": (0.95, 0.70, 0.30)})
    # Differences of neighbours spread twice as much as one: ±.0049.
    assert headline(found) == [
        "Use bbox_weight=100: loc_acc_75 0.6000 ± 0.0024 on test (default 0.5: 0.4000).",
        "Sure: better than the default (p = 0.016 if it were luck, 8 seeds); better than the other.",
        "Cost: 0.020 ± 0.005 of accuracy; gain: 0.100 ± 0.005 of mean IoU.",
    ]


def test_what_may_do_as_well_is_named() -> None:
    found = sweep({"0.5": (0.95, 0.70, 0.40), "100": (0.95, 0.80, 0.601), "31.6228": (0.95, 0.80, 0.6)})
    assert headline(found) == [
        "Use bbox_weight=100: loc_acc_75 0.6010 ± 0.0024 on test (default 0.5: 0.4000).",
        "Sure: better than the default (p = 0.016 if it were luck, 8 seeds); 31.6 may do as well.",
        "Cost: none seen (accuracy +0.000 ± 0.005); gain: 0.100 ± 0.005 of mean IoU.",
    ]


def test_few_seeds_are_not_sure() -> None:
    """Of two settings six seeds are the least that can tell anything."""
    found = sweep({"0.5": (0.95, 0.70, 0.40), "100": (0.93, 0.80, 0.60)}, seeds=1)
    assert headline(found) == [
        "Use bbox_weight=100: loc_acc_75 0.604 on test (default 0.5: 0.396).",
        "Not sure: 1 seed cannot tell it from the default; at least 6 are needed.",
        "Cost: too few seeds (accuracy -0.012, mean IoU +0.108).",
    ]


def test_one_setting_is_no_choice() -> None:
    assert headline(sweep({"0.5": (0.95, 0.70, 0.40)})) == [
        "One setting, bbox_weight=0.5: loc_acc_75 0.4000 ± 0.0024 on test.",
        "8 seeds, and no other setting to compare it with.",
    ]
    assert headline(sweep({"0.5": (0.95, 0.70, 0.40)}, seeds=1))[1].startswith("1 seed, and")


def test_one_setting_beside_others_that_cannot_be_chosen() -> None:
    """Of two, one trains a task alone; of final runs, those of one setting have finished."""
    alone = headline(sweep({"0": (0.99, 0.1, 0.0), "0.5": (0.95, 0.70, 0.40)}))
    assert alone[0].startswith("One setting to choose from, bbox_weight=0.5: loc_acc_75 0.4000")
    assert alone[1] == "8 seeds, and no other that could be chosen."
    final = headline(sweep({"0.5": (0.95, 0.70, 0.40)}, role="final"))
    assert final[0].startswith("One final setting, bbox_weight=0.5, the default: loc_acc_75 0.4000")
    assert final[1] == "8 fresh seeds, and no other final setting to compare it with."


def two(chosen: Sequence[float], default: Sequence[float | None]) -> SweepComparison:
    """Box weights 100 and 0.5 with all metrics alike, seed by seed; ``None`` has not finished."""
    runs = [
        record(weight, seed, place, dict.fromkeys(METRICS, value))
        for place, (weight, values) in enumerate({"0.5": default, "100": chosen}.items())
        for seed, value in enumerate(values)
        if value is not None
    ]
    return compare_settings(sort_runs(runs), default_hash="0.5", metric="loc_acc_75", read=lambda *_: None)


def test_seeds_without_a_difference_tell_nothing() -> None:
    """Six seeds would do, but five of them are equal."""
    found = two([0.7, 0.7, 0.7, 0.7, 0.7, 0.8], [0.7] * 6)
    assert headline(found)[1] == "Not sure: too few of 6 seeds differ from the default to tell."


def test_settings_that_share_no_seed_are_not_compared() -> None:
    lines = headline(two([0.8], [None, 0.7]))
    assert lines[1:] == ["Not sure: no seed has finished of both it and the default.", "Cost: not known."]


def test_the_default_may_be_what_to_use() -> None:
    found = sweep({"0.5": (0.95, 0.80, 0.60), "100": (0.93, 0.82, 0.40)})
    assert headline(found) == [
        "Use bbox_weight=0.5, the default: loc_acc_75 0.6000 ± 0.0024 on test.",
        "Sure: better than the other (8 seeds).",
        "Cost: 0.020 below the best mean IoU (100).",
    ]


def test_without_a_default_the_others_are_what_there_is() -> None:
    settings = {str(weight): (0.95, 0.70, 0.60) for weight in (1, 2, 3, 4, 5)} | {"6": (0.96, 0.71, 0.605)}
    lines = headline(sweep(settings, default=None))
    assert lines[1:] == [
        "Not sure: 1, 2, 3, 4, 5 may do as well (8 seeds).",
        "Cost: none; no setting to choose from has a better accuracy or mean IoU.",
    ]


def test_a_task_alone_may_be_better_and_a_small_gap_is_none_of_zero() -> None:
    settings = {"0": (0.99, 0.1, 0.0), "1": (0.95, 0.70, 0.50), "2": (0.9496, 0.71, 0.60)}
    assert headline(sweep(settings, default=None))[2] == "Cost: less than 0.001 below the best accuracy (1)."
    settings["2"] = (0.96, 0.71, 0.60)
    assert headline(sweep(settings, default=None))[2].startswith("Cost: none; no setting to choose from has ")


def test_fresh_seeds_are_called_so() -> None:
    found = sweep({"0.5": (0.95, 0.70, 0.40), "100": (0.93, 0.80, 0.60)}, role="final")
    assert headline(found)[1] == "Sure: better than the default (p = 0.008 if it were luck, 8 fresh seeds)."


def test_a_long_name_is_shortened_in_the_middle() -> None:
    weight = "1" * 200
    settings = {"0.5": (0.95, 0.70, 0.40), weight: (0.93, 0.80, 0.60)}
    shown = headline(sweep(settings), longest_name=20)
    assert shown[0].startswith("Use bbox_weight=1…111111: loc_acc_75")
    assert weight in headline(sweep(settings))[0]


def words(lines: Sequence[str]) -> str:
    return " ".join(lines)


def test_plain_words() -> None:
    """At most three sentences of at most 80 characters, in whatever case."""
    for seeds in range(1, 9):
        for count in range(1, 7):
            settings = {str(10**place): (0.95 - place / 100, 0.7 + place / 100, 0.4) for place in range(count)}
            for default in ("1", "10", None):
                lines = headline(sweep(settings, seeds, default=default))
                assert len(lines) <= 3
                assert max(map(len, lines)) <= 80, lines
                assert "1 seeds" not in words(lines)
                assert "1 others" not in words(lines)


def test_of_methods_it_is_said_how_many_beat_fixed_weights() -> None:
    """By the hand-made groups mgda does, of the three that count; it is better than the default on ten seeds."""
    found = compare_settings(groups(), default_hash="one", metric="loc_acc_75", read=lambda *_: None)
    assert headline(found)[0].startswith("Use bbox_weight=1 weighting=mgda: loc_acc_75 0.8")
    # Four comparisons with the default, all of one sign: 4 · 2/2¹⁰.
    assert headline(found)[1] == (
        "Sure: better than the default (p = 0.008 if it were luck, 10 seeds); "
        "1 of 3 methods beats the best fixed weights, bbox_weight=10."
    )


def test_with_methods_what_is_said_is_what_was_shown() -> None:
    """On test, the weights that were not chosen are better; on two seeds, nothing is known of the method."""
    runs = []
    for seed in range(10):
        runs += [run("one", seed, 0, 0.70), run("ten", seed, 1, 0.80, weight="10")]
        runs += [run("mgda", seed, 2, 0.60, method="mgda")]
        runs[-3].metrics["test/loc_acc_75"] += 0.2
    few = [one for one in runs if int(one.tags["seed"]) < 2]
    found, found_few = (
        compare_settings(sort_runs(some), default_hash=None, metric="loc_acc_75", read=lambda *_: None)
        for some in (runs, few)
    )
    methods = "no method is shown to beat the best fixed weights, bbox_weight=10."
    assert headline(found)[1] == (
        f"Careful: on test, though not on validation, bbox_weight=1 is better (10 seeds); {methods}"
    )
    assert headline(found_few)[1] == f"Not sure: 2 others may do as well (2 seeds); {methods}"
