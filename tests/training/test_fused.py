"""The fused update is Keras's own, to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("float32")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3},
        {"clipnorm": 0.5},
        {"weight_decay": 0.01},
        {"use_ema": True, "ema_overwrite_frequency": 3},
        {"gradient_accumulation_steps": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_two_hundred_updates_are_those_of_keras(name: str, arguments: dict[str, Any]) -> None:
    import keras
    import tensorflow as tf

    from locexp.training.fused import fuse

    made = [getattr(keras.optimizers, name)(0.01, **arguments) for _ in range(2)]
    variables = [keras.Variable(np.linspace(-1, 1, 12).reshape(3, 4), dtype="float64") for _ in made]
    random = np.random.default_rng(0)
    scale = 10.0 ** np.arange(-6, 6).reshape(3, 4)
    for optimizer, variable in zip(made, variables, strict=True):
        optimizer.build([variable])
    fuse(made[1])
    for _ in range(200):
        gradient = tf.constant(scale * random.normal(size=(3, 4)))
        for optimizer, variable in zip(made, variables, strict=True):
            optimizer.apply([gradient], [variable])
    theirs, ours = (variable.numpy() for variable in variables)
    assert not np.allclose(theirs, np.linspace(-1, 1, 12).reshape(3, 4), atol=0.01)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_others_are_left_alone() -> None:
    import keras

    from locexp.training.fused import fuse

    class Mine(keras.optimizers.Adam):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            self.assign(variable, gradient)

    for optimizer in (keras.optimizers.SGD(), keras.optimizers.Adam(amsgrad=True), Mine()):
        optimizer.build([keras.Variable([0.0])])
        before = optimizer.update_step
        fuse(optimizer)
        assert optimizer.update_step == before


def test_a_keras_that_keeps_the_moments_elsewhere_updates_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    import keras

    from locexp.training.fused import fuse

    class Renamed(keras.optimizers.Adam):
        def build(self, variables: Any) -> None:
            super().build(variables)
            self.moments = self.__dict__.pop("_momentums")

    optimizer = Renamed()
    optimizer.build([keras.Variable([0.0])])
    optimizer.__class__ = keras.optimizers.Adam
    before = optimizer.update_step
    fuse(optimizer)
    assert optimizer.update_step == before
    assert "Adam's moments" in caplog.text
