"""GradNorm (Chen et al. 2018, arXiv 1711.02257)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt

from locexp.bounds import checked
from locexp.keras_protocols import Tensor
from locexp.losses.weighting._adam import SmallAdam
from locexp.losses.weighting.base import Weighting

LEAST = 1e-3
"""No weight goes below: at 0 a task would never come back."""


class Gradnorm(Weighting):
    """Minimise Σ w_k L_k, with w trained so that w_k|∇L_k| at the last shared layer follow the relative loss rates.

    Targets are mean(G) r_k^α, r_k = (L_k / L_k(0)) over their mean, L(0) from the first step. w minimises
    Σ |G_k - target_k| by Adam, and is scaled to Σw = 2 after each step.

    Args:
        alpha: α, >= 0: how strongly the loss that has fallen least is favoured.
        learning_rate: of w, > 0.

    Raises:
        UserError: a value out of range.
    """

    norms: ClassVar[bool] = True

    @checked("loss.weighting")
    def __init__(self, alpha: Annotated[float, Ge(0)] = 1.5, learning_rate: Annotated[float, Gt(0)] = 0.025) -> None:
        super().__init__()
        self.alpha, self.learning_rate = alpha, learning_rate

    def build(self, seed: int, dtype: str) -> None:
        """Make w, the first losses (0 before the first step), and w's optimizer."""
        super().build(seed, dtype)
        self._weights = self._variable([1.0, 1.0])
        self._first = self._variable([0.0, 0.0])
        self._optimizer = SmallAdam(self._weights, self._variable, self.learning_rate)

    def combine(self, losses: Sequence[Tensor]) -> Tensor:
        """Apply the weights."""
        return self._weights.value[0] * losses[0] + self._weights.value[1] * losses[1]

    def after_gradients(self, norms: Sequence[Tensor], losses: Sequence[Tensor]) -> None:
        """Train the weights by one step; ∂|G_k - target|/∂w_k = |∇L_k|·sign(G_k - target_k)."""
        from keras import ops

        lengths, now = ops.stack(norms), ops.stack(losses)
        self._first.assign(ops.where(self._first.value > 0, self._first.value, now))
        one = ops.ones_like(now)
        begun = self._first.value > 0  # not for a loss that has been 0 ever since
        rates = ops.where(begun, now / ops.where(begun, self._first.value, one), one)
        mean = ops.mean(rates)
        relative = ops.where(mean > 0, rates / ops.where(mean > 0, mean, 1), one)
        target = ops.mean(self._weights.value * lengths) * ops.power(relative, self.alpha)
        self._optimizer.apply(lengths * ops.sign(self._weights.value * lengths - target))
        kept = ops.maximum(self._weights.value, LEAST)
        self._weights.assign(2 * kept / ops.sum(kept))
