"""Impartial multi-task learning, the gradient side (Liu et al., ICLR 2021)."""

from __future__ import annotations

from locexp.keras_protocols import Tensor
from locexp.losses.weighting.base import GradientWeighting, Gramian


class ImtlG(GradientWeighting):
    """Follow the bisector of the two gradients: equal projections on both; w ∝ (1/|g₁|, 1/|g₂|), Σw = 1.

    Where a gradient is 0, the bisector is not defined, and the weights are ½, ½.
    """

    def trunk_weights(self, gramian: Gramian) -> tuple[Tensor, Tensor]:
        """Return (|g₂|, |g₁|) over their sum."""
        from keras import ops

        first, second, _, proper = gramian.lengths()
        half = 0.5 * ops.ones_like(first)
        total = ops.where(proper, first + second, ops.ones_like(first))
        return ops.where(proper, second / total, half), ops.where(proper, first / total, half)
