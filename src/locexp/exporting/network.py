"""The network as it is exported: in float32, from pixel values to both outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from locexp.exporting.formats import INPUT
from locexp.models.pixels import pixel_model


def as_exported(model: Any) -> Any:
    """Return a network in float32 whose input ``image`` is pixel values from 0 to 255, with the weights of another.

    Runtimes elsewhere refuse bfloat16. The weights of a network that computes in it are float32, so they stay as they
    are; those in float64 are rounded.

    Args:
        model: a run's network, of whatever precision.
    """
    network = pixel_model(model)
    if precision_of(network) != "float32":
        twin = keras.models.clone_model(network, clone_function=_in_float32, recursive=True)
        twin.set_weights(network.get_weights())
        network = twin
    (given,) = network.inputs
    if (given.name, given.dtype) == (INPUT, "float32"):
        return network
    image = keras.Input(given.shape[1:], dtype="float32", name=INPUT)
    return keras.Model(image, network(image), name=network.name)


def precision_of(model: Any) -> str:
    """Return what a network computes in: ``float32``, or the name of another precision that a layer of it has."""
    return min({layer.dtype_policy.name for layer in _layers(model)} - {"float32"}, default="float32")


def _in_float32(layer: Any) -> Any:
    config = layer.get_config()
    return type(layer).from_config(config | ({"dtype": "float32"} if "dtype" in config else {}))


def _layers(model: Any) -> Iterator[Any]:
    """Yield the layers of a network, and of the networks in it."""
    for layer in model.layers:
        yield from _layers(layer) if isinstance(layer, keras.Model) else [layer]
