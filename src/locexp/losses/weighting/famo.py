"""Fast adaptive multitask optimization (Liu et al. 2023, arXiv 2306.03792)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt

from locexp.bounds import checked
from locexp.keras_protocols import Tensor
from locexp.losses.weighting._adam import SmallAdam
from locexp.losses.weighting.base import Weighting

OFFSET = 1e-8
"""Added to each loss, whose least possible value is 0."""


class Famo(Weighting):
    """Minimise Σ z_k log D_k over the constant Σ z_k/D_k, z = softmax(ξ), D_k = L_k + 1e-8; the weights sum to 1.

    After each step, δ_k = log D_k before - after, on the same batch; ξ takes an Adam step along z⊙(δ - z·δ): the loss
    that fell least gains weight.

    Args:
        learning_rate: of ξ, > 0.
        decay: coupled L2 penalty on ξ, >= 0.

    Raises:
        UserError: a value out of range.
    """

    after: ClassVar[bool] = True

    @checked("loss.weighting")
    def __init__(self, learning_rate: Annotated[float, Gt(0)] = 0.025, decay: Annotated[float, Ge(0)] = 0.001) -> None:
        super().__init__()
        self.learning_rate, self.decay = learning_rate, decay

    def build(self, seed: int, dtype: str) -> None:
        """Make ξ and its optimizer."""
        super().build(seed, dtype)
        self._logits = self._variable([0.0, 0.0])
        self._optimizer = SmallAdam(self._logits, self._variable, self.learning_rate, self.decay)

    def combine(self, losses: Sequence[Tensor]) -> Tensor:
        """Return the logarithms, weighted."""
        from keras import ops

        shares = ops.softmax(self._logits.value)
        offset = [loss + OFFSET for loss in losses]
        constant = ops.stop_gradient(shares[0] / offset[0] + shares[1] / offset[1])
        return (shares[0] * ops.log(offset[0]) + shares[1] * ops.log(offset[1])) / constant

    def after_step(self, before: Sequence[Tensor], losses: Sequence[Tensor]) -> None:
        """Move ξ by how much each loss fell."""
        from keras import ops

        fell = ops.stack(
            [ops.log(was + OFFSET) - ops.log(now + OFFSET) for was, now in zip(before, losses, strict=True)]
        )
        shares = ops.softmax(self._logits.value)
        self._optimizer.apply(shares * (fell - ops.sum(shares * fell)))
