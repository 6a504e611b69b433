"""The signed-rank test against scipy and enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from locexp.evaluation.signed_rank import EXACT_LIMIT, signed_rank


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 5, 10, 23])
def test_the_signed_rank_test_is_scipys(seed: int, count: int) -> None:
    data = np.random.default_rng(seed).normal(0.3, 1, count)
    assert signed_rank(data) == pytest.approx(stats.wilcoxon(data, method="exact").pvalue)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_with_ties_and_zeros_it_is_the_enumeration_of_all_signs(values: list[int]) -> None:
    data = np.array([value for value in values if value], float)
    if len(data) == 0:
        assert signed_rank(values) == 1
        return
    ranks = stats.rankdata(np.abs(data))
    observed = ranks[data > 0].sum()
    sums = np.array(
        [
            sum(r for r, s in zip(ranks, signs, strict=True) if s)
            for signs in itertools.product((0, 1), repeat=len(data))
        ]
    )
    expected = min(1.0, 2 * min((sums <= observed + 1e-9).mean(), (sums >= observed - 1e-9).mean()))
    assert signed_rank(values) == pytest.approx(expected)


def test_beyond_the_limit_it_is_the_normal_approximation() -> None:
    data = np.random.default_rng(0).normal(0.17, 1, EXACT_LIMIT + 20)  # p near .01
    assert signed_rank(data) == pytest.approx(stats.wilcoxon(data, method="exact").pvalue, rel=0.1)
