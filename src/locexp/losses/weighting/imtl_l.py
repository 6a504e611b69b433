"""Impartial multi-task learning, the loss side (Liu et al., ICLR 2021)."""

from __future__ import annotations

from collections.abc import Sequence

from locexp.keras_protocols import Tensor
from locexp.losses.weighting.base import Weighting


class ImtlL(Weighting):
    """Minimise Σ exp(s_k) L_k - s_k; s starts at 0 and is trained by the run's optimizer. At rest exp(s_k) L_k = 1."""

    def build(self, seed: int, dtype: str) -> None:
        """Make s."""
        super().build(seed, dtype)
        self._scales = [self._variable(0.0, trainable=True) for _ in range(2)]

    def combine(self, losses: Sequence[Tensor]) -> Tensor:
        """Apply the weights, with the term that keeps them from vanishing."""
        from keras import ops

        parts = [ops.exp(s.value) * loss - s.value for s, loss in zip(self._scales, losses, strict=True)]
        return parts[0] + parts[1]
