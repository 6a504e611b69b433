"""Multiple gradient descent (Désidéri 2012; Sener & Koltun 2018, arXiv 1810.04650)."""

from __future__ import annotations

from typing import Any

from locexp.losses.weighting.base import GradientWeighting, scaled


class Mgda(GradientWeighting):
    """Follow the shortest vector between the two gradients: w on the simplex, Σw = 1; it conflicts with neither."""

    def trunk_weights(self, a: Any, b: Any, c: Any) -> tuple[Any, Any]:
        """Return (γ, 1 - γ), γ = (c - b)/(a + c - 2b) in [0, 1]."""
        from keras import ops

        a, b, c = scaled(a, b, c)
        squared = a + c - 2 * b  # |g₁ - g₂|²
        inner = ops.clip((c - b) / ops.where(squared > 0, squared, ops.ones_like(squared)), 0, 1)
        gamma = ops.where(b >= a, ops.ones_like(a), ops.where(b >= c, ops.zeros_like(a), inner))
        return gamma, 1 - gamma
