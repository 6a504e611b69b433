"""Practical equality against SciPy's permutation test, an enumeration of all flips by hand, and known plateaus."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from locexp.analysis.answer import answers
from locexp.analysis.brief import brief
from locexp.analysis.comparison import SweepComparison, compare_settings
from locexp.analysis.equality import Equality, Standing, equal_range, practical_equality, standings_of
from locexp.analysis.headline import headline
from locexp.analysis.results import sort_runs
from locexp.errors import UserError
from locexp.evaluation.metrics import METRICS
from tests.analysis.test_headline import record, sweep


def test_two_settings_are_tested_as_by_flips_of_signs() -> None:
    """With one other setting max-t is the test of one mean by flips of signs, which SciPy has."""
    values = np.random.default_rng(1).normal(size=(2, 7))
    gaps = values[0] - values[1]
    for differences, found in (
        (gaps + 0.8, standings_of(values, 0.8)[0].p_as_good),
        (-gaps + 0.8, standings_of(values, 0.8)[1].p_as_good),
    ):
        expected = stats.permutation_test(
            (differences,), np.mean, permutation_type="samples", alternative="greater", n_resamples=np.inf
        ).pvalue
        assert found == pytest.approx(expected, abs=1e-12)
    # Whichever is worse: both directions are one family.
    both = stats.permutation_test(
        (gaps,), lambda one, axis: np.abs(np.mean(one, axis)), permutation_type="samples", alternative="greater",
        n_resamples=np.inf,
    ).pvalue  # fmt: skip
    assert min(one.p_worse for one in standings_of(values, 0.8)) == pytest.approx(both, abs=1e-12)


def by_hand(values: list[list[float | None]], margin: float) -> tuple[list[float], list[float]]:
    """Return both p values of each setting, by loops over all flips, and SciPy's t."""
    count, seeds = len(values), len(values[0])

    def t(one: int, other: int, shift: float, signs: tuple[int, ...]) -> float:
        pairs = [
            sign * (a - b + shift)
            for sign, a, b in zip(signs, values[one], values[other], strict=True)
            if a is not None and b is not None
        ]
        return float(stats.ttest_1samp(pairs, 0).statistic)

    flips = list(itertools.product([1, -1], repeat=seeds))
    as_is = flips[0]
    as_good, worse = [0.0] * count, []
    for other in range(count):
        rest = [one for one in range(count) if one != other]
        largest = [max(t(one, other, margin, signs) for one in rest) for signs in flips]
        for one in rest:
            beyond = np.mean([most >= t(one, other, margin, as_is) - 1e-9 for most in largest])
            as_good[one] = max(as_good[one], float(beyond))
    pairs = [(one, other) for one in range(count) for other in range(count) if one != other]
    largest = [max(t(one, other, 0, signs) for one, other in pairs) for signs in flips]
    for other in range(count):
        clearest = max(t(one, other, 0, as_is) for one in range(count) if one != other)
        worse.append(float(np.mean([most >= clearest - 1e-9 for most in largest])))
    return as_good, worse


@pytest.mark.parametrize("missing", [False, True])
def test_three_settings_are_as_worked_out_over_all_flips(missing: bool) -> None:
    values = np.random.default_rng(4).normal(size=(3, 6)) + np.array([[0.0], [0.3], [-2.0]])
    if missing:
        values[1, 2] = np.nan
    found = standings_of(values, 1.5)
    as_good, worse = by_hand([[None if np.isnan(one) else one for one in row] for row in values.tolist()], 1.5)
    np.testing.assert_allclose([one.p_as_good for one in found], as_good, atol=1e-12)
    np.testing.assert_allclose([one.p_worse for one in found], worse, atol=1e-12)


def test_settings_that_are_equal_seed_by_seed_are_as_good_from_five_seeds_on() -> None:
    """The smallest p is one in all 2^n flips: 1/16 with four seeds, 1/32 with five."""
    for seeds, verdict in ((4, "open"), (5, "as good")):
        values = np.tile(np.random.default_rng(0).normal(size=seeds), (3, 1))
        found = standings_of(values, 0.01)
        assert [one.verdict for one in found] == [verdict] * 3
        assert [one.p_as_good for one in found] == [0.5**seeds] * 3


def test_more_seeds_than_can_be_enumerated_are_drawn_and_give_the_same_again() -> None:
    values = np.random.default_rng(0).normal(size=(4, 40)) / 10 + np.array([[0.0], [0.0], [-1.0], [-1.0]])
    found = standings_of(values, 0.2)
    assert [one.verdict for one in found] == ["as good", "as good", "worse", "worse"]
    assert found == standings_of(values, 0.2)
    assert found[0].p_as_good >= 1 / 4096


def test_one_seed_and_no_common_seed_leave_all_open() -> None:
    assert [one.verdict for one in standings_of(np.array([[1.0], [0.0]]), 0.1)] == ["open", "open"]
    apart = np.array([[1.0, 1.1, np.nan, np.nan], [np.nan, np.nan, 0.0, 0.1]])
    assert [one.verdict for one in standings_of(apart, 0.1)] == ["open", "open"]


def test_a_loss_that_is_less_than_the_margin_is_as_good() -> None:
    """Shown to lose, but less than the margin: practical equality is what was asked for."""
    noise = np.random.default_rng(3).normal(size=(2, 12)) / 1000
    found = standings_of(noise + np.array([[0.005], [0.0]]), 0.01)
    assert found[1].p_worse <= 0.05
    assert found[1].verdict == "as good"


def test_few_sweeps_call_any_setting_as_good_that_loses_the_margin() -> None:
    """300 sweeps of five settings, four of which lose exactly the margin: 5 %, and three standard errors at most."""
    random = np.random.default_rng(0)
    truth = np.array([[0.0], [-3.0], [-3.0], [-3.0], [-3.0]])
    called = [
        any(one.verdict == "as good" for one in standings_of(truth + random.normal(size=(5, 6)), 3.0)[1:])
        for _ in range(300)
    ]
    assert np.mean(called) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_candidates_alone_are_compared() -> None:
    values = np.random.default_rng(0).normal(size=(4, 8))
    found = practical_equality(values, [3, 1], 0.5)
    assert list(found.standings) == [3, 1]
    assert list(found.standings.values()) == standings_of(values[[3, 1]], 0.5)


FIXED = {"loss.weighting._target_": "locexp.losses.weighting.fixed.Fixed"}


def plateau() -> SweepComparison:
    """A sweep in which three weights lose less than .01 of loc_acc_75."""
    both = {"0.5": 0.5, "30": 0.9, "100": 0.902, "1000": 0.9, "5000": 0.6}
    found = sweep({weight: (0.97, 0.8, value) for weight, value in both.items()})
    for setting in found.settings:
        setting.parameters |= FIXED
    return found


def test_the_headline_has_the_range_around_the_chosen_weight() -> None:
    found = plateau()
    assert found.equality is not None
    assert found.equality.margin == 0.01
    assert headline(found)[1].endswith("; of the weights tried from 30 to 1000, none loses 0.01.")
    where = brief(found, None)[4].index("vs best")
    rows = {line.split(" ")[0]: line[where:].split("  ")[0].strip() for line in brief(found, None)[5:10]}
    assert rows == {"0.5": "worse", "30": "as good", "100": "as good", "1000": "as good", "5000": "worse"}
    (text,) = (one for one in answers(found) if "whichever that is" in one)
    assert "as good: bbox_weight=30, bbox_weight=100, bbox_weight=1000;" in text
    assert "worse: bbox_weight=0.5, bbox_weight=5000; open: none." in text


def ranges(found: SweepComparison, chosen: int, **verdicts: str) -> list[str]:
    """The range, with other verdicts put in by name."""
    assert found.equality is not None
    names = [name.removeprefix("bbox_weight=") for name in found.names]
    standings = {
        index: Standing(verdicts.get(f"w{names[index]}", "as good"), 0.0, 0.0)  # type: ignore[arg-type]
        for index in found.equality.standings
    }
    return [names[index] for index in equal_range(found.settings, Equality(0.01, standings), chosen)]


def test_no_range_is_claimed_across_a_setting_that_is_open() -> None:
    found = plateau()
    assert ranges(found, 2) == ["0.5", "30", "100", "1000", "5000"]
    assert ranges(found, 2, w30="open") == ["100", "1000", "5000"]
    assert ranges(found, 1, w100="worse") == ["0.5", "30"]
    assert ranges(found, 2, w100="open") == []  # the chosen one itself


def test_no_range_is_claimed_across_a_setting_that_was_not_trained_to_the_end() -> None:
    found = plateau()
    assert found.equality is not None
    del found.equality.standings[1]  # 30
    assert [found.names[index] for index in equal_range(found.settings, found.equality, 2)] == [
        "bbox_weight=100",
        "bbox_weight=1000",
    ]


def test_no_range_is_claimed_where_more_than_the_ratio_varies() -> None:
    found = plateau()
    for key in ("loss.bbox_loss", "optimizer.learning_rate"):
        found.settings[0].varied[key] = "other"
        assert ranges(found, 2) == []
        del found.settings[0].varied[key]
    found.settings[3].parameters |= {"loss.weighting._target_": "locexp.losses.weighting.mgda.MGDA"}
    assert ranges(found, 2) == []


def test_a_setting_that_is_shown_to_lose_may_not_do_as_well() -> None:
    """Max-t shows more than signed ranks, corrected over all pairs, can: six seeds and three settings."""
    found = sweep({"0.5": (0.97, 0.7, 0.5), "30": (0.97, 0.8, 0.6), "100": (0.97, 0.8, 0.9)}, seeds=6, default=None)
    assert {test.verdict for test in found.decision.against_chosen} == {"too few seeds to tell"}
    assert "may do as well" not in " ".join(headline(found))


def on_images(images: int | None, metric: str = "loc_acc_75", margin: float | None = None) -> SweepComparison:
    """A sweep whose test part has so many images of 64 x 48 pixels."""
    runs = [
        record(weight, seed, place, dict.fromkeys(METRICS, 0.5 + place / 10 + seed / 100))
        for place, weight in enumerate(("0.5", "4"))
        for seed in range(6)
    ]
    for run in runs:
        run.dataset = {} if images is None else {"test": images, "canvas": "64x48"}
    return compare_settings(sort_runs(runs), default_hash="0.5", metric=metric, read=lambda *_: None, margin=margin)


def test_the_default_margin_is_a_hundredth_and_two_images_at_least() -> None:
    def margin(*arguments: object) -> float | None:
        equality = on_images(*arguments).equality  # type: ignore[arg-type]
        return None if equality is None else equality.margin

    assert margin(500) == 0.01
    assert margin(100) == 0.02
    assert margin(None) == 0.01
    assert margin(500, "center_error_px") == 0.64
    assert margin(None, "center_error_px") is None
    assert margin(None, "center_error_px", 0.3) == 0.3


def test_a_margin_that_the_test_part_cannot_tell_is_refused() -> None:
    with pytest.raises(UserError, match=r"compare.margin=0.019: the test part has 100 images, .*: 0.02 or more"):
        on_images(100, margin=0.019)
    with pytest.raises(UserError, match=r"compare.margin=81: .* diagonal of the image, 80 pixels"):
        on_images(100, "center_error_px", 81)
    on_images(100, margin=0.02)
    on_images(100, "center_error_px", 80)


def test_a_store_that_holds_records_as_files_knows_the_test_part_too() -> None:
    """Records from MLflow have no description of the data; the run's own record has."""
    found = on_images(500)
    run = next(iter(found.settings[0].runs.values()))
    content = b'{"format": 2, "name": "x", "dataset": {"test": 50, "canvas": "28x28"}}'
    settings = [replace(one, runs={seed: replace(run, dataset={}) for seed in range(6)}) for one in found.settings]
    again = compare_settings(
        settings, default_hash=None, metric="loc_acc_75", read=lambda _, path: content if path == "run.json" else None
    )
    assert again.equality is not None
    assert again.equality.margin == 0.04
