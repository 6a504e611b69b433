"""Aligned multi-task learning (Senushkin et al. 2023, arXiv 2305.19000)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from annotated_types import Ge, Len, Predicate, doc

from locexp.bounds import checked
from locexp.keras_protocols import Tensor
from locexp.losses.weighting.base import GradientWeighting, Gramian, Heads, Trunk

Preference = Annotated[
    Sequence[Annotated[float, Ge(0)]], Len(2, 2), Predicate(any), doc("two finite numbers >= 0, not both 0")
]


class AlignedMtl(GradientWeighting):
    """Follow Σ w_k g_k, w = √λ_min G^{-1/2} p, G the Gram matrix: as if the two were orthogonal and equally long.

    The inverse root of a symmetric 2x2 matrix has a closed form. Parallel gradients have one eigenvalue only, and
    w = Gp / tr G.

    Args:
        preference: p for classification and box, >= 0, not both 0; ½, ½ is TorchJD's convention, 1, 1 LibMTL's.
        heads, trunk: see :class:`~locexp.losses.weighting.base.GradientWeighting`.

    Raises:
        UserError: a value out of range.
    """

    @checked("loss.weighting")
    def __init__(self, preference: Preference = (0.5, 0.5), heads: Heads = "own", trunk: Trunk = None) -> None:
        super().__init__(heads, trunk)
        self.preference = tuple(float(part) for part in preference)

    def trunk_weights(self, gramian: Gramian) -> tuple[Tensor, Tensor]:
        """Return √λ_min G^{-1/2} p = [[c + δ, -b], [-b, a + δ]] p / (τ √λ_max), δ = √det G, τ = √(tr G + 2δ)."""
        from keras import ops

        a, b, c = (ops.convert_to_tensor(value) for value in gramian.scaled())
        first, second = self.preference
        trace = a + c
        one = ops.ones_like(trace)
        proper = trace > 0
        determinant = ops.maximum(a * c - b * b, 0)
        largest = (trace + ops.sqrt(ops.square(a - c) + 4 * b * b)) / 2
        rank_two = determinant > 2 * float(np.finfo(a.dtype.as_numpy_dtype).eps) * ops.square(largest)
        root = ops.sqrt(determinant)
        divisor = ops.sqrt(ops.where(proper, (trace + 2 * root) * largest, one))
        safe = ops.where(proper, trace, one)
        return (
            ops.where(rank_two, ((c + root) * first - b * second) / divisor, (a * first + b * second) / safe),
            ops.where(rank_two, ((a + root) * second - b * first) / divisor, (b * first + c * second) / safe),
        )
