"""Which setting is chosen, and the verdicts on the others: made-up data of known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from locexp.analysis.decision import decide, family
from locexp.evaluation.choice import adjusted_means

SWAPPED = {"better": "worse", "worse": "better"}


def noisy(means: list[float], seeds: int, spread: float = 0.01, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    common = random.normal(0, spread, seeds)
    made = [np.array(means)[:, None] + common + random.normal(0, spread / 3, (len(means), seeds)) for _ in range(2)]
    return made[0], made[1]


def test_a_real_difference_is_found_and_none_is_invented() -> None:
    validation, test = noisy([0.7, 0.9, 0.7], seeds=12)
    decision = decide(validation, test, default=0)
    assert decision.chosen == 1
    verdicts = {one.setting: one.verdict for one in decision.against_default}
    assert verdicts == {1: "better", 2: "no difference seen"}
    assert {one.setting: one.verdict for one in decision.against_chosen} == {0: "worse", 2: "worse"}
    better = next(one for one in decision.against_default if one.setting == 1)
    assert better.difference.mean == pytest.approx(float((test[1] - test[0]).mean()))
    assert better.p == pytest.approx(2 / 2**12)  # every pair has the same sign
    assert better.corrected == pytest.approx(2 * 2 / 2**12)


def test_too_few_seeds_say_so() -> None:
    decision = decide(*noisy([0.5, 0.9, 0.7, 0.6], seeds=5), default=0)
    assert {one.verdict for one in decision.against_default} == {"too few seeds to tell"}
    assert decision.against_default[0].smallest_reachable_p == pytest.approx(3 * 2 / 2**5)
    assert all(one.seeds_for_power is not None and one.seeds_for_power >= 7 for one in decision.against_default)


def test_validation_chooses_and_test_reports() -> None:
    _, test = noisy([0.7, 0.71], seeds=8)
    decision = decide(np.array([[0.9] * 8, [0.1] * 8]), test, default=1)
    assert decision.chosen == 0
    (against,) = decision.against_default
    low, high = stats.ttest_rel(*test).confidence_interval(0.95)
    assert against.difference.mean == pytest.approx((low + high) / 2)
    assert against.difference.half_width == pytest.approx((high - low) / 2)
    assert against.p == against.corrected == pytest.approx(stats.wilcoxon(*test, method="exact").pvalue)
    assert against.verdict == "worse"  # on test, whatever validation says


def test_missing_runs_pair_what_both_have() -> None:
    validation, test = noisy([0.7, 0.9, 0.95], seeds=10)
    validation[2, 9] = test[2, 9] = np.nan  # one run failed: it is still the best
    decision = decide(validation, test, default=0)
    assert (decision.chosen, decision.choice.adjusted) == (2, True)
    assert {one.difference.n for one in decision.against_chosen} == {9}
    validation[2, 4:] = test[2, 4:] = np.nan  # four of ten are too few to choose it
    decision = decide(validation, test, default=0)
    assert (decision.chosen, decision.choice.excluded) == (1, [2])
    few = next(one for one in decision.against_default if one.setting == 2)
    assert (few.difference.n, few.verdict) == (4, "too few seeds to tell")


def test_a_setting_does_not_win_by_lacking_the_bad_seed() -> None:
    seed = np.array([0.0, 0.0, 0.0, -0.5])
    values = np.array([[0.80], [0.79], [0.78]]) + seed
    values[1, 3] = np.nan  # its plain mean is .79, that of the better first one .675
    assert decide(values, values, default=None).chosen == 0
    assert adjusted_means(values) == pytest.approx(np.array([0.80, 0.79, 0.78]) + seed.mean())


def test_settings_that_share_no_seed_have_their_own_means() -> None:
    values = np.array([[0.5, 0.7, np.nan, np.nan], [np.nan, np.nan, 0.8, 0.6]])
    assert adjusted_means(values) == pytest.approx([0.6, 0.7])


def test_ties_go_to_the_second_metric_and_are_reported() -> None:
    values = np.array([[0.9, 0.7], [0.8, 0.8], [0.1, 0.1]])
    second = np.array([[0.5, 0.5], [0.6, 0.6], [0.9, 0.9]])
    choice = decide(values, values, None, second).choice
    assert (choice.index, choice.equal, choice.by_tie_break) == (1, [0], True)
    choice = decide(values, values, None).choice  # nothing tells them apart: the first of the list
    assert (choice.index, choice.equal, choice.by_tie_break) == (0, [1], False)


def test_a_gain_beside_many_equal_pairs_is_a_gain() -> None:
    """Seven of thirteen pairs are equal, so the median difference is 0; the other six agree."""
    test = np.array([[0.5] * 13, [0.5] * 7 + [0.51] * 6])
    (forth,) = family(test, 0, [1], 1)
    (back,) = family(test, 1, [0], 1)
    assert (forth.verdict, back.verdict) == ("better", "worse")
    assert forth.p == forth.smallest_reachable_p == pytest.approx(2 / 2**6)  # six pairs with a difference, not thirteen


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=14), st.integers(1, 3))
def test_swapping_the_sides_swaps_the_verdict(pairs: list[tuple[int, int]], comparisons: int) -> None:
    """Counts of right answers of 500, with ties and zeros."""
    test = np.array(pairs, float).T / 500 + 0.9
    (forth,), (back,) = family(test, 0, [1], comparisons), family(test, 1, [0], comparisons)
    assert back.verdict == SWAPPED.get(forth.verdict, forth.verdict)
    assert (back.p, back.corrected, back.smallest_reachable_p) == (forth.p, forth.corrected, forth.smallest_reachable_p)
    assert back.difference.mean == -forth.difference.mean


def test_enough_equal_pairs_show_no_difference() -> None:
    assert [one.verdict for one in family(np.full((2, 8), 0.5), 0, [1], 1)] == ["no difference seen"]
    assert [one.verdict for one in family(np.full((2, 4), 0.5), 0, [1], 1)] == ["too few seeds to tell"]


@pytest.mark.parametrize("default", [0, None])
def test_one_setting_or_one_seed(default: int | None) -> None:
    alone = decide(np.array([[0.5, 0.6]]), np.array([[0.5, 0.6]]), default)
    assert (alone.chosen, alone.against_default, alone.against_chosen) == (0, [], [])
    one = decide(np.array([[0.5], [0.6]]), np.array([[0.5], [0.6]]), default)
    assert [found.verdict for found in one.against_chosen] == ["too few seeds to tell"]
    assert (one.against_chosen[0].min_seeds, one.against_chosen[0].seeds_for_power) == (6, None)


def test_nothing_to_choose_from() -> None:
    with pytest.raises(ValueError, match="no setting has a finished run"):
        decide(np.full((2, 3), np.nan), np.full((2, 3), np.nan), 0)


def test_the_family_wise_error_is_kept_though_the_best_is_chosen() -> None:
    """Sweeps of nine equal settings; validation and test share nine tenths of their noise, as in real runs."""
    random = np.random.default_rng(5)
    wrong, sweeps, seeds = 0, 150, 15
    for _ in range(sweeps):
        noise = random.normal(size=(9, seeds))
        made = [np.sqrt(0.9) * noise + np.sqrt(0.1) * random.normal(size=(9, seeds)) for _ in range(2)]
        decision = decide(made[0], made[1], default=0)
        wrong += any(one.verdict in ("better", "worse") for one in decision.against_default)
    assert wrong / sweeps <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / sweeps)


def test_what_the_corrected_p_shows_counts_though_the_first_step_could_not_reach_it() -> None:
    """Holm's later steps correct less: six pairs that differ give .031 in the last one, though .094 in the first."""
    noise = np.linspace(0.001, 0.002, 12)
    default = np.zeros(12)
    first, second, third = default + 1 + noise, default + 2 + noise, default.copy()
    third[:6] = 1 + noise[:6]
    found = family(np.stack([default, first, second, third]), 0, [1, 2, 3], 3)
    assert [one.verdict for one in found] == ["better"] * 3
    assert found[2].corrected == pytest.approx(2 / 2**6)
    assert found[2].smallest_reachable_p == found[2].corrected
