"""Dynamic weight average (Liu et al. 2019, arXiv 1803.10704)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

from annotated_types import Gt

from locexp.bounds import checked
from locexp.keras_protocols import Tensor
from locexp.losses.weighting.base import Weighting


class Dwa(Weighting):
    """Minimise Σ w_k L_k, w = 2·softmax(r/T), r_k the ratio of the last two epochs' mean losses; Σw = 2.

    The first two epochs have weights 1, 1.

    Args:
        temperature: T, > 0; the larger, the more equal the weights.

    Raises:
        UserError: ``temperature`` is not above 0.
    """

    @checked("loss.weighting")
    def __init__(self, temperature: Annotated[float, Gt(0)] = 2.0) -> None:
        super().__init__()
        self.temperature = temperature

    def build(self, seed: int, dtype: str) -> None:
        """Make the weights and the means of the last epoch, 0 before there is one."""
        super().build(seed, dtype)
        self._weights = self._variable([1.0, 1.0])
        self._last = self._variable([0.0, 0.0])

    def combine(self, losses: Sequence[Tensor]) -> Tensor:
        """Apply the epoch's weights."""
        return self._weights.value[0] * losses[0] + self._weights.value[1] * losses[1]

    def after_epoch(self, losses: tuple[float, float]) -> None:
        """Set the weights of the next epoch, once there are two to compare."""
        last = [float(value) for value in self._last.numpy()]
        if all(value > 0 for value in last):
            powers = [loss / before / self.temperature for loss, before in zip(losses, last, strict=True)]
            shares = [math.exp(power - max(powers)) for power in powers]
            self._weights.assign([2 * share / sum(shares) for share in shares])
        self._last.assign(losses)
