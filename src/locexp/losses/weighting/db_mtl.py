"""Dual-balancing (Lin et al. 2023, arXiv 2308.12029)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Interval

from locexp.bounds import checked
from locexp.keras_protocols import Tensor, Variable
from locexp.losses.weighting.base import GradientWeighting, Gramian, Heads, Trunk
from locexp.losses.weighting.geometric import TINY


class DbMtl(GradientWeighting):
    """Take the gradients of log L_k, smooth them over steps, and bring both to the length of the longer: Σw is free.

    The first step's gradients start the average, so that none is pulled towards 0.

    Args:
        beta: share of the past in the average, in [0, 1).
        heads, trunk: see :class:`~locexp.losses.weighting.base.GradientWeighting`; the heads too learn from log L_k.

    Raises:
        UserError: a value out of range.
    """

    @checked("loss.weighting")
    def __init__(
        self, beta: Annotated[float, Interval(ge=0, lt=1)] = 0.9, heads: Heads = "own", trunk: Trunk = None
    ) -> None:
        super().__init__(heads, trunk)
        self.beta = beta

    def build_for(self, trunk: Sequence[Variable]) -> None:
        """Make the averages of both gradients, and whether they have begun."""
        from keras import ops

        self._begun = self._variable(0.0)
        self._averages = [[self._variable(ops.zeros(value.shape, self.dtype)) for value in trunk] for _ in range(2)]

    def transform_losses(self, losses: Sequence[Tensor]) -> list[Tensor]:
        """Return the logarithms."""
        from keras import ops

        return [ops.log(ops.maximum(loss, TINY)) for loss in losses]

    def transform_gradients(self, first: list[Tensor], second: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return the averages with these gradients in them."""
        past = self.beta * self._begun.value
        for averages, gradients in zip(self._averages, (first, second), strict=True):
            for average, gradient in zip(averages, gradients, strict=True):
                average.assign(past * average.value + (1 - past) * gradient)
        self._begun.assign(1.0)
        one, two = ([average.value for average in averages] for averages in self._averages)
        return one, two

    def trunk_weights(self, gramian: Gramian) -> tuple[Tensor, Tensor]:
        """Return the longer norm over each; 1, 1 where a gradient is 0."""
        from keras import ops

        first, second, _, proper = gramian.lengths()
        longer, one = ops.maximum(first, second), ops.ones_like(first)
        return (
            ops.where(proper, longer / ops.where(proper, first, one), one),
            ops.where(proper, longer / ops.where(proper, second, one), one),
        )
