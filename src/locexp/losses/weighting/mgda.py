"""Multiple gradient descent (Désidéri 2012; Sener & Koltun 2018, arXiv 1810.04650)."""

from __future__ import annotations

from locexp.keras_protocols import Tensor
from locexp.losses.weighting.base import GradientWeighting, Gramian


class Mgda(GradientWeighting):
    """Follow the shortest vector between the two gradients: w on the simplex, Σw = 1; it conflicts with neither."""

    def trunk_weights(self, gramian: Gramian) -> tuple[Tensor, Tensor]:
        """Return (γ, 1 - γ), γ = (c - b)/(a + c - 2b) in [0, 1]; each by itself, for lengths far apart."""
        from keras import ops

        a, b, c = gramian.scaled()
        squared = a + c - 2 * b  # |g₁ - g₂|²
        one, zero = ops.ones_like(a), ops.zeros_like(a)
        safe = ops.where(squared > 0, squared, one)
        first, second = ops.clip((c - b) / safe, 0, 1), ops.clip((a - b) / safe, 0, 1)
        return (
            ops.where(b >= a, one, ops.where(b >= c, zero, first)),
            ops.where(b >= a, zero, ops.where(b >= c, one, second)),
        )
