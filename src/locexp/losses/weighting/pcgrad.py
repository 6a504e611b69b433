"""Projecting conflicting gradients (Yu et al. 2020, arXiv 2001.06782)."""

from __future__ import annotations

from locexp.keras_protocols import Tensor
from locexp.losses.weighting.base import GradientWeighting, Gramian


class Pcgrad(GradientWeighting):
    """Where the gradients conflict, project each onto the other's normal plane; follow the sum.

    Without a conflict the weights are 1, 1. With two tasks this is twice UPGrad.
    """

    def trunk_weights(self, gramian: Gramian) -> tuple[Tensor, Tensor]:
        """Return (1 + max(0, -b/a), 1 + max(0, -b/c))."""
        from keras import ops

        a, b, c = gramian
        one = ops.ones_like(a)
        # With b < 0, b² <= ac holds, so neither a nor c is 0.
        first, second = (-b / ops.where(square > 0, square, one) for square in (a, c))
        return 1 + ops.maximum(first, 0), 1 + ops.maximum(second, 0)
