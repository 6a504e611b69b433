"""Conflict-averse gradient descent (Liu et al. 2021, arXiv 2110.14048)."""

from __future__ import annotations

import math
from typing import Any

from locexp.errors import UserError
from locexp.losses.weighting.base import GradientWeighting, scaled


class Cagrad(GradientWeighting):
    """Follow g₀ + κ|g₀| g_w/|g_w|, g₀ the mean gradient, w on the simplex the minimum of g_w·g₀ + κ|g₀||g_w|.

    That function of one number is convex, and its minimum has a closed form; nothing is searched.

    Args:
        kappa: κ, >= 0 (the paper's c); 0 is the mean gradient, from 1 on nothing conflicts.
        heads, trunk: see :class:`~locexp.losses.weighting.base.GradientWeighting`.

    Raises:
        UserError: a value out of range.
    """

    def __init__(self, kappa: float = 0.5, heads: str = "own", trunk: list[str] | None = None) -> None:
        super().__init__(heads, trunk)
        if not 0 <= kappa < math.inf:
            raise UserError(f"loss.weighting.kappa={kappa}: expected a finite number >= 0.")
        self.kappa = kappa

    def trunk_weights(self, a: Any, b: Any, c: Any) -> tuple[Any, Any]:
        """Return ½ + κ|g₀| γ_k/|g_w|, with γ₁ = 1 - γ₂ where the derivative is 0, or at an end."""
        from keras import ops

        a, b, c = scaled(a, b, c)
        one, zero = ops.ones_like(a), ops.zeros_like(a)
        reach = self.kappa * ops.sqrt(ops.maximum(a + 2 * b + c, 0)) / 2  # κ|g₀|
        # |g_w|² = Aγ² + 2Bγ + c, g_w·g₀ rises by `slope` with γ. With u = Aγ + B and D = Ac - B² (both gradients'
        # parallelogram) the derivative is slope + κ|g₀| u √A / √(u² + D).
        curvature, linear = a + c - 2 * b, b - c
        slope = (a - c) / 2
        parallelogram = ops.maximum(a * c - b * b, 0)
        room = reach * reach * curvature - slope * slope
        inside = room > 0
        u = -ops.sign(slope) * ops.sqrt(slope * slope * parallelogram / ops.where(inside, room, one))
        gamma = (u - linear) / ops.where(curvature > 0, curvature, one)
        gamma = ops.where(inside, gamma, ops.where(slope > 0, zero, one))
        gamma = ops.where(curvature > 0, ops.clip(gamma, 0, 1), 0.5 * one)
        length = ops.sqrt(ops.maximum(a * gamma * gamma + 2 * b * gamma * (1 - gamma) + c * (1 - gamma) ** 2, 0))
        factor = ops.where(length > 0, reach / ops.where(length > 0, length, one), zero)
        return 0.5 + factor * gamma, 0.5 + factor * (1 - gamma)
