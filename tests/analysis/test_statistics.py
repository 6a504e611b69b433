"""Statistics against scipy, enumeration and hand-computed numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from locexp.analysis import statistics
from locexp.evaluation.signed_rank import signed_rank


def test_student_interval() -> None:
    data = [0.91, 0.95, 0.97, 0.9]
    made = statistics.mean_interval(data)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(data), scale=stats.sem(data))
    assert (made.mean - made.half_width, made.mean + made.half_width, made.n) == pytest.approx((low, high, 4))
    assert math.isnan(statistics.mean_interval([0.5]).half_width)
    assert math.isnan(statistics.mean_interval([]).mean)


def test_holm_by_hand() -> None:
    # 3 x .01 = .03; 2 x .02 = .04; 1 x .03 = .03, which may not fall below the .04 before it.
    assert statistics.holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert statistics.holm([0.03, 0.01], comparisons=5) == pytest.approx([0.12, 0.05])
    assert statistics.holm([0.9, 0.8]) == [1.0, 1.0]


def test_what_so_many_seeds_can_tell() -> None:
    assert statistics.smallest_reachable_p(6, 9) == pytest.approx(9 * 2 / 64)
    assert statistics.smallest_reachable_p(2, 9) == 1
    for comparisons in (1, 8, 9, 11, 18):
        least = statistics.seeds_needed(comparisons)
        assert comparisons * 2 / 2**least <= 0.05 < comparisons * 2 / 2 ** (least - 1)
    assert (statistics.seeds_needed(1), statistics.seeds_needed(9), statistics.seeds_needed(18)) == (6, 9, 10)


@pytest.mark.parametrize(("effect", "comparisons"), [(1.0, 1), (1.2, 8)])
def test_so_many_seeds_would_do(effect: float, comparisons: int) -> None:
    sample = np.array([-1.0, 1.0]) / math.sqrt(2) + effect  # mean `effect`, standard deviation 1
    count = statistics.seeds_for_power(sample, comparisons)
    assert count is not None
    random = np.random.default_rng(1)
    found = [signed_rank(random.normal(effect, 1, count)) <= 0.05 / comparisons for _ in range(1500)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.07)


def test_no_difference_takes_no_number_of_seeds() -> None:
    assert statistics.seeds_for_power([1.0, -1.0], 1) is None
    assert statistics.seeds_for_power([0.001, 1.0, -1.0], 1) is None
    assert statistics.seeds_for_power([0.5, 0.5], 9) == statistics.seeds_needed(9)


def test_the_bootstrap_interval_of_a_share_is_near_the_binomial_one() -> None:
    data = np.r_[np.ones(300), np.zeros(700)]
    low, high = statistics.bootstrap_interval(data)
    error = 1.96 * math.sqrt(0.3 * 0.7 / 1000)
    assert (low, high) == pytest.approx((0.3 - error, 0.3 + error), abs=0.004)


def test_delta_m_by_hand() -> None:
    mean, terms = statistics.delta_m({"accuracy": 0.9, "mean_iou": 0.88}, {"accuracy": 1.0, "mean_iou": 0.8})
    assert terms == pytest.approx({"accuracy": 10.0, "mean_iou": -10.0})
    assert mean == pytest.approx(0.0)
