"""Random loss weighting, a control (Lin et al. 2022, arXiv 2111.10603)."""

from __future__ import annotations

from collections.abc import Sequence

from locexp.keras_protocols import Tensor
from locexp.losses.weighting.base import Weighting


class Rlw(Weighting):
    """Minimise Σ w_k L_k, w = 2·softmax of two standard normals, drawn anew each step: Σw = 2, as with equal weights.

    The draws depend on the member's seed and the number of the step alone.
    """

    varies = True

    def build(self, seed: int, dtype: str) -> None:
        """Make the seed and the counter of steps, both as state: members that share a graph differ in nothing else."""
        super().build(seed, dtype)
        self._seed = self._variable(seed, dtype="int64")
        self._steps = self._variable(0, dtype="int64")

    def combine(self, losses: Sequence[Tensor]) -> Tensor:
        """Draw the weights of this step and apply them."""
        import tensorflow as tf

        drawn = tf.random.stateless_normal([2], seed=[self._seed.value, self._steps.value], dtype=self.dtype)
        self._steps.assign(self._steps.value + 1)
        weights = 2 * tf.nn.softmax(drawn)
        return weights[0] * losses[0] + weights[1] * losses[1]
