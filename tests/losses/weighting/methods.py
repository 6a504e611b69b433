"""The methods by name, the weights they give, and pairs of gradients to ask them about."""

from __future__ import annotations

from typing import Any

import numpy as np

from locexp.losses.weighting import methods
from locexp.losses.weighting.base import GradientWeighting, Gramian

METHODS = methods()
NAMES = sorted(METHODS)
"""Every method there is: a new one is tested by what follows without being listed."""


def find(name: str) -> Any:
    """Return the class of a method."""
    return METHODS[name]


def on_gradients(name: str) -> bool:
    return issubclass(find(name), GradientWeighting)


GRADIENT = [name for name in NAMES if on_gradients(name)]
LOSS = [name for name in NAMES if not on_gradients(name)]


def gram(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the Gramians of pairs of gradients: (n, 2, m)."""
    first, second = pairs[:, 0], pairs[:, 1]
    return (first * first).sum(1), (first * second).sum(1), (second * second).sum(1)


def weights(name: str, pairs: np.ndarray, dtype: str = "float64", **parameters: Any) -> np.ndarray:
    """Return what a gradient method says: float64 (n, 2), computed in ``dtype``."""
    from keras import ops

    method = find(name)(**parameters)
    method.build(0, dtype)
    made = method.trunk_weights(Gramian(*(ops.convert_to_tensor(value.astype(dtype)) for value in gram(pairs))))
    assert all(value.dtype.name == dtype for value in made)
    return np.stack([np.asarray(value, np.float64) for value in made], axis=1)


def combined(weights: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the direction d = w₁ g₁ + w₂ g₂: (n, m)."""
    return np.einsum("nk,nkm->nm", weights, pairs)


def generic_pairs(count: int, decades: float = 5.0, seed: int = 3) -> np.ndarray:
    """Random pairs (count, 2, 3), whose lengths spread over 10 ** ±decades, so that a and c spread over twice that."""
    random = np.random.default_rng(seed)
    pairs = random.normal(size=(count, 2, 3))
    return pairs * 10 ** random.uniform(-decades, decades, (count, 2, 1))


def comparable_pairs(count: int, seed: int = 5) -> np.ndarray:
    """Random pairs of lengths within a factor of 100 of each other, at any common scale in 1e±4."""
    random = np.random.default_rng(seed)
    pairs = random.normal(size=(count, 2, 3)) * 10 ** random.uniform(-1, 1, (count, 2, 1))
    return pairs * 10 ** random.uniform(-4, 4, (count, 1, 1))


def special_pairs(count: int = 250, decades: float = 5.0) -> dict[str, np.ndarray]:
    """Pairs with a zero gradient, parallel and opposite ones (exactly, and but for rounding), and nearly so."""
    random = np.random.default_rng(11)
    one, other = np.moveaxis(generic_pairs(count, decades, seed=13), 1, 0)
    power = 2.0 ** random.integers(-8, 9, (count, 1))
    factor = 10 ** random.uniform(-3, 3, (count, 1))
    aside = np.cross(one, random.normal(size=one.shape))
    aside *= np.linalg.norm(one, axis=1, keepdims=True) / np.linalg.norm(aside, axis=1, keepdims=True)
    tilt = 10 ** random.uniform(-12, -2, (count, 1))
    pairs = {
        "the first is 0": (0 * one, other),
        "the second is 0": (one, 0 * one),
        "both are 0": (0 * one, 0 * one),
        "equal": (one, one),
        "equal and opposite": (one, -one),
        "parallel": (one, power * one),
        "parallel but for rounding": (one, factor * one),
        "opposite": (one, -power * one),
        "opposite but for rounding": (one, -factor * one),
        "nearly parallel": (one, factor * (one + tilt * aside)),
        "nearly opposite": (one, -factor * (one + tilt * aside)),
        "orthogonal": (one, factor * aside),
    }
    return {name: np.stack(pair, axis=1) for name, pair in pairs.items()}
