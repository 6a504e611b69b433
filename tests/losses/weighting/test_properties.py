"""What a method promises about its direction, derived from its definition and not from its formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.losses.weighting.methods import GRADIENT, combined, comparable_pairs, special_pairs, weights

PAIRS = np.concatenate([comparable_pairs(3000), *(special_pairs(100, decades=1).values())])
LENGTH = np.linalg.norm(PAIRS, axis=2)
PROPER = (LENGTH > 0).all(axis=1)


def gains(name: str, pairs: np.ndarray, **parameters: Any) -> np.ndarray:
    """Return d·g_k over |g_k| and the longer: how fast each loss falls, (n, 2)."""
    length = np.where(np.linalg.norm(pairs, axis=2) > 0, np.linalg.norm(pairs, axis=2), 1)
    direction = combined(weights(name, pairs, **parameters), pairs)
    return np.einsum("nm,nkm->nk", direction, pairs) / length / length.max(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("mgda", {}),
        ("pcgrad", {}),
        ("imtl_g", {}),
        ("db_mtl", {}),
        ("cagrad", {"kappa": 1.0}),
        ("cagrad", {"kappa": 3.0}),
    ],
)
def test_no_loss_rises(name: str, parameters: dict[str, float]) -> None:
    assert gains(name, PAIRS, **parameters).min() > -1e-6


def test_no_loss_rises_under_nash() -> None:
    """Its step is as long as it is, whatever the gradients."""
    direction = combined(weights("nash", PAIRS[PROPER]), PAIRS[PROPER])
    assert np.einsum("nm,nkm->nk", direction, PAIRS[PROPER] / LENGTH[PROPER][:, :, None]).min() > -1e-6


@pytest.mark.parametrize("name", ["aligned_mtl", "cagrad"])
def test_a_loss_may_rise_under_the_others(name: str) -> None:
    """Otherwise the promise above would say nothing about those that make it."""
    assert gains(name, PAIRS).min() < -1e-2


@pytest.mark.parametrize("name", GRADIENT)
def test_exchanging_the_tasks_exchanges_the_weights(name: str) -> None:
    made, exchanged = weights(name, PAIRS), weights(name, PAIRS[:, ::-1])[:, ::-1]
    # Equal, or all but equal, gradients may share any way: their direction is what counts.
    first, second = combined(made, PAIRS), combined(exchanged, PAIRS)
    if name == "nash":
        np.testing.assert_allclose(first[PROPER], second[PROPER], atol=1e-9)
    else:
        assert (np.abs(first - second).max(axis=1) <= 1e-6 * LENGTH.max(axis=1)).all()
    general = slice(3000)
    np.testing.assert_allclose(made[general], exchanged[general], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", GRADIENT)
@pytest.mark.parametrize("factor", [1e-3, 1e4])
def test_scaling_both_losses_scales_the_step(name: str, factor: float) -> None:
    """All but nash, whose step has the same length whatever the losses."""
    general = PAIRS[:3000]
    expected = weights(name, general) / (factor if name == "nash" else 1)
    np.testing.assert_allclose(weights(name, factor * general), expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("factor", [1e-3, 7.0, 1e4])
def test_scaling_one_loss(factor: float) -> None:
    """What stays of the direction when the first loss is multiplied by a number."""
    pairs = comparable_pairs(1000)
    scaled = pairs * np.array([factor, 1.0])[None, :, None]

    def unit(name: str, pairs: np.ndarray) -> np.ndarray:
        made = combined(weights(name, pairs), pairs)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    # Where gradients count by their direction alone, nothing changes but, for imtl_g and db_mtl, the length.
    np.testing.assert_allclose(
        combined(weights("nash", scaled), scaled), combined(weights("nash", pairs), pairs), rtol=1e-6, atol=1e-9
    )
    for name in ("imtl_g", "db_mtl"):
        np.testing.assert_allclose(unit(name, scaled), unit(name, pairs), atol=1e-6)
    # PCGrad's projections commute with scaling: each of its two parts is scaled as its loss is.
    conflict = np.einsum("nm,nm->n", pairs[:, 0], pairs[:, 1]) < 0
    parts = np.stack([pcgrad_part(pairs, k) for k in (0, 1)], axis=1)
    np.testing.assert_allclose(
        combined(weights("pcgrad", scaled), scaled),
        factor * parts[:, 0] + parts[:, 1],
        rtol=1e-6,
        atol=1e-9 * max(factor, 1) * np.abs(parts).max(),
    )
    assert conflict.any()
    # The rest follow the scale.
    for name in ("mgda", "cagrad", "aligned_mtl"):
        assert np.linalg.norm(unit(name, scaled) - unit(name, pairs), axis=1).max() > 0.1


def pcgrad_part(pairs: np.ndarray, task: int) -> np.ndarray:
    own, other = pairs[:, task], pairs[:, 1 - task]
    along = np.minimum(np.einsum("nm,nm->n", own, other), 0) / np.einsum("nm,nm->n", other, other)
    return own - along[:, None] * other


def test_mgda_turns_to_the_loss_that_is_made_small() -> None:
    """The shortest vector is the shorter gradient itself once that is short enough."""
    pairs = comparable_pairs(1000)
    pairs = pairs[np.einsum("nm,nm->n", pairs[:, 0], pairs[:, 1]) > 0]
    scaled = pairs * np.array([1e-8, 1.0])[None, :, None]
    np.testing.assert_allclose(weights("mgda", scaled)[:, 0], 1, atol=1e-6)


def test_declared_equivalents_share_their_direction() -> None:
    """nash and imtl_g, as the class says; l2-normalised mgda is the same, too."""
    from tests.losses.weighting.methods import find

    other, _ = find("nash").equivalent
    pairs = comparable_pairs(3000)
    made = [combined(weights(name, pairs), pairs) for name in ("nash", other)]
    normalised = pairs / np.linalg.norm(pairs, axis=2, keepdims=True)
    made.append(combined(weights("mgda", normalised), normalised))
    units = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in made]
    np.testing.assert_allclose(units[0], units[1], atol=1e-6)
    np.testing.assert_allclose(units[0], units[2], atol=1e-6)


@pytest.mark.parametrize("length", [0.3, 1.0, 5.0])
def test_nash_is_shortened_to_a_length_and_never_lengthened(length: float) -> None:
    pairs = comparable_pairs(500)
    pairs = pairs[PROPER[:500]]
    found = np.linalg.norm(combined(weights("nash", pairs, max_norm=length), pairs), axis=1)
    np.testing.assert_allclose(found, min(length, 2**0.5), rtol=1e-6)


def test_cagrad_without_reach_is_the_mean() -> None:
    np.testing.assert_array_equal(weights("cagrad", PAIRS, kappa=0.0), 0.5)
