"""Weights for 13,000 pairs of gradients, special ones among them, against what defines each method.

Nothing is computed the way the methods do: directions come from real vectors, minima from bisection, roots from an
eigendecomposition. Each pair is measured against its own lengths, so that pairs of any scale count alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.losses.weighting.methods import GRADIENT, combined, generic_pairs, gram, special_pairs, weights

GENERIC = generic_pairs(10_000)
SPECIAL = special_pairs()
EVERY = {"generic": GENERIC, **SPECIAL}
ALL = np.concatenate([GENERIC, *SPECIAL.values()])
DTYPES = {"float64": 1e-9, "float32": 1e-3}
"""How far off a result may be."""


def unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one * other).sum(axis=-1)


def proper(pairs: np.ndarray, sine: float = 1e-4) -> np.ndarray:
    """Pairs with no 0, and not nearly parallel or opposite."""
    first, second = np.moveaxis(unit(pairs), 1, 0)
    return np.linalg.norm(np.cross(first, second), axis=1) > sine


@pytest.mark.parametrize("name", GRADIENT)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_weight_is_finite(name: str, dtype: str) -> None:
    """Squared lengths of 1e±20, which their product leaves float32's range with."""
    for pairs in (ALL, generic_pairs(10_000, 10), *special_pairs(decades=10).values()):
        assert np.isfinite(weights(name, pairs, dtype)).all()
    assert np.isfinite(combined(weights(name, ALL, dtype), ALL)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", EVERY)
def test_mgda_is_the_shortest_vector_between_both(case: str, dtype: str) -> None:
    """d is that vector if and only if d·g >= d·d for both g (the variational inequality)."""
    pairs = EVERY[case]
    made = weights("mgda", pairs, dtype)
    assert (made >= 0).all()
    np.testing.assert_allclose(made.sum(axis=1), 1, rtol=1e-6)
    direction = combined(made, pairs)
    shorter = np.linalg.norm(pairs, axis=2).min(axis=1)
    slack = dot(direction[:, None], pairs) - dot(direction, direction)[:, None]
    room = DTYPES[dtype] * shorter[:, None] * np.linalg.norm(pairs, axis=2)
    assert (slack >= -room).all()


def test_mgda_is_not_longer_than_any_of_a_grid() -> None:
    length = np.linalg.norm(combined(weights("mgda", ALL), ALL), axis=1)
    for share in np.linspace(0, 1, 201):
        other = np.linalg.norm(share * ALL[:, 0] + (1 - share) * ALL[:, 1], axis=1)
        assert (length <= other * (1 + 1e-9) + 1e-300).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", EVERY)
def test_pcgrad_projects_vectors(case: str, dtype: str) -> None:
    """Algorithm 1 of the paper, on the vectors."""
    pairs = EVERY[case]
    if case.endswith("opposite") or "rounding" in case:
        dtype = "float64"  # what is left after the projection is rounding in float32
    first, second = pairs[:, 0], pairs[:, 1]
    length = np.linalg.norm(pairs, axis=2).sum(axis=1)
    projected = np.zeros_like(first)
    for own, other in ((first, second), (second, first)):
        along = dot(own, unit(other))
        projected += own - np.minimum(along, 0)[:, None] * unit(other)
    made = combined(weights("pcgrad", pairs, dtype), pairs)
    assert (np.linalg.norm(made - projected, axis=1) <= DTYPES[dtype] * length).all()


def cagrad(pairs: np.ndarray, kappa: float) -> np.ndarray:
    """Return min over the simplex of g_w·g0 + κ|g0||g_w| by bisection on its derivative: (n,)."""
    first, second = pairs[:, 0], pairs[:, 1]
    mean, edge = (first + second) / 2, first - second
    radius = kappa * np.linalg.norm(mean, axis=1)

    def at(share: np.ndarray) -> np.ndarray:
        return share[:, None] * first + (1 - share)[:, None] * second

    low, high = np.zeros(len(pairs)), np.ones(len(pairs))
    for _ in range(80):
        middle = (low + high) / 2
        rising = dot(edge, mean) + radius * dot(edge, unit(at(middle))) > 0
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
    ends = [
        dot(at(share), mean) + radius * np.linalg.norm(at(share), axis=1) for share in (low, high, 0 * low, 0 * low + 1)
    ]
    return np.min(ends, axis=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("case", EVERY)
def test_cagrad_does_the_best_for_the_worse_task_near_the_mean(case: str, kappa: float, dtype: str) -> None:
    """The paper's primal: of all d with |d - g0| <= κ|g0| that with the largest min d·g; its value is the dual's.

    Where κ > 1 and the gradients are all but opposite, the step stands at right angles to both, on a parallelogram
    that a, b and c know to half their digits only: there it must not conflict, and may be too short.
    """
    pairs = EVERY[case]
    if case == "generic" and dtype == "float32":
        pairs = pairs[np.ptp(np.log10(np.linalg.norm(pairs, axis=2)), axis=1) < 4]
    length = np.linalg.norm(pairs, axis=2)
    pairs = pairs / np.where(length.max(axis=1) > 0, length.max(axis=1), 1)[:, None, None]
    direction = combined(weights("cagrad", pairs, dtype, kappa=kappa), pairs)
    vague = (
        (kappa > 1) & (dot(pairs[:, 0], pairs[:, 1]) < 0) & ~proper(pairs, {"float64": 1e-6, "float32": 2e-2}[dtype])
    )
    tolerance = {"float64": 1e-5, "float32": 2e-2}[dtype] * np.linalg.norm(pairs, axis=2).min(axis=1)
    missed = cagrad(pairs, kappa) - dot(direction[:, None], pairs).min(axis=1)
    assert (missed <= np.where(vague, {"float64": 1e-7, "float32": 2e-3}[dtype], tolerance)).all()
    mean = pairs.mean(axis=1)
    beyond = np.linalg.norm(direction - mean, axis=1) - kappa * np.linalg.norm(mean, axis=1)
    assert (beyond[~vague] <= {"float64": 1e-4, "float32": 1e-3}[dtype]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", ["generic", "orthogonal", "parallel", "equal", "parallel but for rounding"])
def test_imtl_g_projects_equally_on_both(case: str, dtype: str) -> None:
    pairs = EVERY[case]
    made = weights("imtl_g", pairs, dtype)
    assert (made > 0).all()
    np.testing.assert_allclose(made.sum(axis=1), 1, rtol=1e-6)
    on_first, on_second = dot(combined(made, pairs)[:, None], unit(pairs)).T
    shorter = np.linalg.norm(pairs, axis=2).min(axis=1)
    assert (np.abs(on_first - on_second) <= DTYPES[dtype] * shorter).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", ["generic", "orthogonal", "parallel", "equal", "parallel but for rounding"])
def test_nash_solves_the_bargain(case: str, dtype: str) -> None:
    """G w = 1/w, entry by entry, with w > 0."""
    pairs = EVERY[case][proper(EVERY[case], 1e-2) | (dot(EVERY[case][:, 0], EVERY[case][:, 1]) > 0)]
    made = weights("nash", pairs, dtype)
    assert (made > 0).all()
    gained = dot(combined(made, pairs)[:, None], pairs)
    np.testing.assert_allclose(gained * made, 1, rtol=DTYPES[dtype] * 10)
    np.testing.assert_allclose(np.linalg.norm(combined(made, pairs), axis=1), 2**0.5, rtol=DTYPES[dtype] * 10)


@pytest.mark.parametrize("name", ["imtl_g", "nash", "pcgrad", "cagrad", "mgda"])
def test_opposite_gradients_of_equal_length_give_no_step(name: str) -> None:
    pairs = SPECIAL["equal and opposite"]
    direction = combined(weights(name, pairs), pairs)
    assert (np.linalg.norm(direction, axis=1) <= 1e-9 * np.linalg.norm(pairs, axis=2).max(axis=1)).all()


@pytest.mark.parametrize("name", ["imtl_g", "nash"])
@pytest.mark.parametrize("case", ["the first is 0", "the second is 0", "both are 0"])
def test_a_zero_gradient_has_no_bisector_and_both_weigh_half(name: str, case: str) -> None:
    np.testing.assert_array_equal(weights(name, SPECIAL[case]), 0.5)


@pytest.mark.parametrize("preference", [(0.5, 0.5), (1.0, 1.0), (0.2, 0.9), (1.0, 0.0)])
@pytest.mark.parametrize("case", [case for case in EVERY if "nearly" not in case])
def test_aligned_mtl_is_a_root_by_eigendecomposition(case: str, preference: tuple[float, float]) -> None:
    """The pseudo-inverse root, as the authors compute it: eigenvalues that are 0 but for rounding are left out."""
    pairs = EVERY[case]
    longer = np.linalg.norm(pairs, axis=2).max(axis=1)
    pairs = pairs / np.where(longer > 0, longer, 1)[:, None, None]
    if case == "generic":  # where eigh finds the smaller eigenvalue to enough digits
        pairs = pairs[np.linalg.norm(np.cross(pairs[:, 0], pairs[:, 1]), axis=1) > 1e-4]
    a, b, c = gram(pairs)
    matrix = np.stack([np.stack([a, b], 1), np.stack([b, c], 1)], 1)
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 2 * np.finfo(float).eps * values[:, -1:]
    least = np.where(kept, values, np.inf).min(axis=1, initial=np.inf)
    roots = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1)), 0)
    along = np.einsum("nij,i->nj", vectors, preference) * roots
    expected = np.einsum("nij,nj->ni", vectors, along) * np.sqrt(np.where(np.isfinite(least), least, 0))[:, None]
    np.testing.assert_allclose(weights("aligned_mtl", pairs, preference=preference), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_aligned_mtl_makes_the_two_orthogonal_and_equally_long(dtype: str) -> None:
    """What each task contributes (preference 1, 0 and 0, 1) has length √λ_min and is at right angles to the other."""
    pairs = GENERIC[proper(GENERIC, 1e-2)]
    pairs = pairs[np.ptp(np.log10(np.linalg.norm(pairs, axis=2)), axis=1) < {"float64": 5, "float32": 1}[dtype]]
    one, other = (combined(weights("aligned_mtl", pairs, dtype, preference=p), pairs) for p in ((1.0, 0.0), (0.0, 1.0)))
    least = np.linalg.svd(pairs, compute_uv=False)[:, 1]
    for part in (one, other):
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), least, rtol={"float64": 1e-5, "float32": 2e-2}[dtype])
    assert (np.abs(dot(unit(one), unit(other))) < {"float64": 1e-5, "float32": 2e-2}[dtype]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", EVERY)
def test_db_mtl_brings_both_to_the_longer_length(case: str, dtype: str) -> None:
    pairs = EVERY[case]
    length = np.linalg.norm(pairs, axis=2)
    made: Any = weights("db_mtl", pairs, dtype) * length
    expected = np.where((length > 0).all(axis=1, keepdims=True), length.max(axis=1, keepdims=True), length)
    np.testing.assert_allclose(made, expected, rtol=1e-5)
