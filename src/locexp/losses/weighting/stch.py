"""Smooth Tchebycheff scalarization (Lin et al. 2024, arXiv 2402.19078)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Gt

from locexp.bounds import checked
from locexp.keras_protocols import Tensor
from locexp.losses.weighting.base import Weighting
from locexp.losses.weighting.geometric import TINY


class Stch(Weighting):
    """Minimise μ log Σ exp(log(L_k / nadir_k) / μ), the nadir being each loss's mean over a warm-up epoch.

    Until there is a nadir, Σ log L_k is minimised.

    Args:
        mu: μ, > 0; the smaller, the closer to the larger of the two.

    Raises:
        UserError: ``mu`` is not above 0.
    """

    @checked("loss.weighting")
    def __init__(self, mu: Annotated[float, Gt(0)] = 1.0) -> None:
        super().__init__()
        self.mu = mu

    def build(self, seed: int, dtype: str) -> None:
        """Make the nadir, 0 before the first epoch has ended."""
        super().build(seed, dtype)
        self._nadir = self._variable([0.0, 0.0])

    def combine(self, losses: Sequence[Tensor]) -> Tensor:
        """Return the scalarization, or the warm-up's sum of logarithms."""
        from keras import ops

        nadir = self._nadir.value
        ready = nadir[0] > 0
        logs = [ops.log(ops.maximum(loss, TINY)) for loss in losses]
        relative = [log - ops.log(ops.where(ready, nadir[k], ops.ones_like(nadir[k]))) for k, log in enumerate(logs)]
        smooth = self.mu * ops.logaddexp(relative[0] / self.mu, relative[1] / self.mu)
        return ops.where(ready, smooth, logs[0] + logs[1])

    def after_epoch(self, losses: tuple[float, float]) -> None:
        """Take the means of the first epoch as the nadir."""
        if float(self._nadir.numpy()[0]) == 0 and min(losses) > 0:
            self._nadir.assign(losses)
