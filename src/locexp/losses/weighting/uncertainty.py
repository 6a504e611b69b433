"""Homoscedastic uncertainty (Kendall et al. 2018, arXiv 1705.07115)."""

from __future__ import annotations

from collections.abc import Sequence

from locexp.keras_protocols import Tensor
from locexp.losses.weighting.base import Weighting


class Uncertainty(Weighting):
    """Minimise Σ ½ exp(-s_k) L_k + ½ s_k; s starts at 0 and is trained by the run's optimizer.

    At rest exp(s_k) = L_k, so the weights follow 1/L_k.
    """

    def build(self, seed: int, dtype: str) -> None:
        """Make s."""
        super().build(seed, dtype)
        self._log_variances = [self._variable(0.0, trainable=True) for _ in range(2)]

    def combine(self, losses: Sequence[Tensor]) -> Tensor:
        """Apply the weights, with the term that keeps them from vanishing."""
        from keras import ops

        parts = [
            0.5 * ops.exp(-s.value) * loss + 0.5 * s.value for s, loss in zip(self._log_variances, losses, strict=True)
        ]
        return parts[0] + parts[1]
