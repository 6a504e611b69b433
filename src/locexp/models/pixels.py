"""What values a network takes: it is trained on fractions from 0 to 1, and saved for pixels from 0 to 255.

The scaling is a layer of the saved network, right after its input. What version 0.1 saved takes fractions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from locexp.images import with_channels

SCALING = "pixels_to_fractions"
"""The name of the layer that divides by 255; a user's own network may have a ``Rescaling`` by another name."""


def takes_pixels(model: Any) -> bool:
    """Return whether a Keras model takes 0 to 255, as saved networks do, and not 0 to 1."""
    return any(layer.name == SCALING for layer in model.layers)


def batch_of(images: np.ndarray, model: Any) -> np.ndarray:
    """Return images as a Keras model takes them: float32 (n, height, width, channels), 0 to 255 or 0 to 1.

    Args:
        images: 0 to 255, (n, height, width) or (n, height, width, channels).
        model: either a network in training or a saved one.
    """
    batch = with_channels(images).astype(np.float32)
    return batch if takes_pixels(model) else batch / np.float32(255)


def pixel_model(model: Any) -> Any:
    """Return a Keras model that takes 0 to 255, uint8 or float, and answers as a given one does from 0 to 1.

    It is flat: the layers of the network, under their names, after the input and one ``keras.layers.Rescaling``. They
    are copies, for a layer that is applied twice no longer tells what its output is. A network of a class of its own,
    which may do more than its layers, is not copied and becomes one layer.

    Args:
        model: with one input; it is returned itself if it takes 0 to 255 already.
    """
    import keras

    if takes_pixels(model):
        return model
    (given,) = model.inputs
    image = keras.Input(given.shape[1:], name=model.layers[0].name, dtype=given.dtype)
    # In the type of the input, whatever the policy: bfloat16 would round twice.
    scaled = keras.layers.Rescaling(1 / 255, name=SCALING, dtype=given.dtype)(image)
    if type(model) is not type(keras.Model(image, scaled)):
        return keras.Model(image, model(scaled), name=model.name)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = keras.tree.map_structure(lambda value: scaled if value is image else value, (args, kwargs))
        return layer(*args, **kwargs)

    return _copy(model, image, call)


def fraction_model(model: Any) -> Any:
    """Return a copy of a saved network without its scaling, as a start for training: it takes 0 to 1.

    Args:
        model: as plain Keras loads it; it is returned itself if it takes 0 to 1 already.
    """
    import keras

    if not takes_pixels(model):
        return model
    (given,) = model.inputs

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return args[0] if layer.name == SCALING else layer(*args, **kwargs)

    return _copy(model, keras.Input(given.shape[1:], name=model.layers[0].name, dtype=given.dtype), call)


def _copy(model: Any, image: Any, call: Callable[..., Any]) -> Any:
    """Return a copy of a functional model on another input, with weights of its own; ``call`` applies its layers."""
    import keras

    inputs = keras.tree.map_structure(lambda _: image, model.input)
    copy = keras.models.clone_model(model, input_tensors=inputs, call_function=call)
    for layer in copy.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return copy
