"""Geometric loss strategy (Chennupati et al. 2019, arXiv 1904.08492)."""

from __future__ import annotations

from collections.abc import Sequence

from locexp.keras_protocols import Tensor
from locexp.losses.weighting.base import Weighting

TINY = 1e-12
"""The least loss whose logarithm is taken."""


class Geometric(Weighting):
    """Minimise √(L₁ L₂): the direction of ∇ Σ log L_k, whatever the scale of either loss."""

    def combine(self, losses: Sequence[Tensor]) -> Tensor:
        """Return the geometric mean."""
        from keras import ops

        return ops.exp(0.5 * (ops.log(ops.maximum(losses[0], TINY)) + ops.log(ops.maximum(losses[1], TINY))))
