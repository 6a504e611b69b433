"""Adam for a method's own two numbers, as the papers use it (Kingma & Ba 2015)."""

from __future__ import annotations

import math
from collections.abc import Callable

from locexp.keras_protocols import Tensor, Variable

BETAS = 0.9, 0.999
EPSILON = 1e-8


class SmallAdam:
    """Adam on one variable, with its moments in variables of the method.

    Args:
        variable: what is trained.
        make: makes a variable of the method's state.
        learning_rate: > 0.
        decay: the coupled L2 penalty: its gradient is added before the moments.
    """

    def __init__(
        self, variable: Variable, make: Callable[..., Variable], learning_rate: float, decay: float = 0.0
    ) -> None:
        self._variable, self._rate, self._decay = variable, learning_rate, decay
        self._first, self._second = make([0.0, 0.0]), make([0.0, 0.0])
        self._steps = make(0.0)

    def apply(self, gradient: Tensor) -> None:
        """Take one step against a gradient of the variable's shape."""
        from keras import ops

        gradient = gradient + self._decay * self._variable.value
        self._steps.assign(self._steps.value + 1)
        for moment, beta, value in zip(
            (self._first, self._second), BETAS, (gradient, ops.square(gradient)), strict=True
        ):
            moment.assign(beta * moment.value + (1 - beta) * value)
        first, second = (
            moment.value / -ops.expm1(self._steps.value * math.log(beta))  # 1 - βᵗ to all digits of the type
            for moment, beta in zip((self._first, self._second), BETAS, strict=True)
        )
        self._variable.assign(self._variable.value - self._rate * first / (ops.sqrt(second) + EPSILON))
