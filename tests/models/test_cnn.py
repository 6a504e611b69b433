"""The classic network: it is still the one of the classic script, number for number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from locexp.models.cnn import build

pytestmark = pytest.mark.usefixtures("float32")


def classic_script() -> Any:
    """The network as the script that started this project builds it."""
    import keras
    from keras import layers

    image = keras.Input((28, 28, 1))
    features = layers.Conv2D(32, 3, activation="relu")(image)
    features = layers.MaxPooling2D()(features)
    features = layers.Conv2D(64, 3, activation="relu")(features)
    features = layers.MaxPooling2D()(features)
    features = layers.Dense(128, activation="relu")(layers.Flatten()(features))
    digit = layers.Dense(10, activation="softmax")(features)
    return keras.Model(image, {"classification": digit, "bbox": layers.Dense(4, activation="sigmoid")(features)})


@pytest.mark.parametrize("shared", ["all", 3])
def test_it_is_the_network_of_the_classic_script(shared: int | str) -> None:
    import keras

    made = []
    for make in (classic_script, lambda: build((28, 28, 1), 10, shared=shared)):
        keras.utils.set_random_seed(5)
        made.append(make())
    for expected, weights in zip(made[0].get_weights(), made[1].get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)
    images = np.random.default_rng(0).random((4, 28, 28, 1), np.float32)
    for name, expected in made[0](images).items():
        np.testing.assert_array_equal(made[1](images)[name], expected)
    assert made[1].count_params() == 225_550
