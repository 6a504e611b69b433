"""Nash bargaining (Navon et al. 2022, arXiv 2202.01017)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Gt

from locexp.bounds import checked
from locexp.keras_protocols import Tensor
from locexp.losses.weighting.base import GradientWeighting, Gramian, Heads, Trunk

LEAST = 1e-6
"""The least 1 + cos θ that is divided by: opposite gradients have no bargain, and their step is 0."""


class Nash(GradientWeighting):
    """Follow the bargain of the two tasks: w_k = 1/(|g_k| √(1 + cos θ)). The step has length √2.

    Its direction is that of imtl_g. Where a gradient is 0, the weights are ½, ½.

    Args:
        max_norm: shorten the step to this length, > 0; ``None`` leaves it.
        heads, trunk: see :class:`~locexp.losses.weighting.base.GradientWeighting`.

    Raises:
        UserError: a value out of range.
    """

    equivalent: ClassVar[tuple[str, str] | None] = ("imtl_g", "its step has length √2, whatever the gradients")

    @checked("loss.weighting")
    def __init__(
        self, max_norm: Annotated[float, Gt(0)] | None = None, heads: Heads = "own", trunk: Trunk = None
    ) -> None:
        super().__init__(heads, trunk)
        self.max_norm = max_norm

    def trunk_weights(self, gramian: Gramian) -> tuple[Tensor, Tensor]:
        """Return the closed form, shortened where that is asked for."""
        from keras import ops

        first, second, cosine, proper = gramian.lengths()
        one = ops.ones_like(first)
        factor, half = 1 / ops.sqrt(ops.maximum(1 + cosine, LEAST)), 0.5 * one
        if self.max_norm is not None:
            factor = factor * min(1.0, self.max_norm / 2**0.5)
            half = ops.minimum(half, self.max_norm / ops.maximum(ops.maximum(first, second), self.max_norm))
        return (
            ops.where(proper, factor / ops.where(proper, first, one), half),
            ops.where(proper, factor / ops.where(proper, second, one), half),
        )
