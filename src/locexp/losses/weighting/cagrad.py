"""Conflict-averse gradient descent (Liu et al. 2021, arXiv 2110.14048)."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from locexp.bounds import checked
from locexp.keras_protocols import Tensor
from locexp.losses.weighting.base import GradientWeighting, Gramian, Heads, Trunk


class Cagrad(GradientWeighting):
    """Follow g₀ + κ|g₀| g_w/|g_w|, g₀ the mean gradient, w on the simplex the minimum of g_w·g₀ + κ|g₀||g_w|.

    That function of one number is convex, and its minimum has a closed form; nothing is searched.

    Args:
        kappa: κ, >= 0 (the paper's c); 0 is the mean gradient, from 1 on nothing conflicts.
        heads, trunk: see :class:`~locexp.losses.weighting.base.GradientWeighting`.

    Raises:
        UserError: a value out of range.
    """

    @checked("loss.weighting")
    def __init__(self, kappa: Annotated[float, Ge(0)] = 0.5, heads: Heads = "own", trunk: Trunk = None) -> None:
        super().__init__(heads, trunk)
        self.kappa = kappa

    def trunk_weights(self, gramian: Gramian) -> tuple[Tensor, Tensor]:
        """Return ½ + κ|g₀| γ_k/|g_w|, with γ₁ = 1 - γ₂ where the derivative is 0, or at an end.

        Where κ > 1 and the gradients are opposite, g_w is 0, and so is the step: any other would conflict.
        """
        from keras import ops

        a, b, c = gramian.scaled()
        one, zero = ops.ones_like(a), ops.zeros_like(a)
        reach = self.kappa * ops.sqrt(ops.maximum(a + 2 * b + c, 0)) / 2  # κ|g₀|
        # |g_w|² = Aγ² + 2Bγ + c, g_w·g₀ rises by `slope` with γ. With u = Aγ + B and D = Ac - B² (both gradients'
        # parallelogram) |g_w|² is (u² + D)/A, and the derivative is slope + κ|g₀| u √A / √(u² + D). It has a zero if
        # κ²|g₀|²A - slope² > 0, which is `room` because |g₀|²A = slope² + D.
        curvature, slope = a + c - 2 * b, (a - c) / 2
        parallelogram = ops.maximum(a * c - b * b, 0)
        room = self.kappa**2 * parallelogram + (self.kappa**2 - 1) * slope * slope
        zeroed = room > 0
        u = -slope * ops.sqrt(parallelogram / ops.where(zeroed, room, one))
        safe = ops.where(curvature > 0, curvature, one)
        # Not one from the other: where two lengths are far apart, the longer one's share is close to 0.
        first, second = (u + c - b) / safe, (a - b - u) / safe
        only_first = ops.where(zeroed, second <= 0, slope <= 0)
        only_second = ops.where(zeroed, first <= 0, slope > 0)
        length = ops.sqrt(ops.where(only_first, a, ops.where(only_second, c, (u * u + parallelogram) / safe)))
        proper = length > 0
        factor = ops.where(proper, reach / ops.where(proper, length, one), zero)
        half = ops.where(only_first | only_second | proper, 0.5 * one, zero)
        return (
            half + factor * ops.where(only_first, one, ops.where(only_second, zero, first)),
            half + factor * ops.where(only_first, zero, ops.where(only_second, one, second)),
        )
