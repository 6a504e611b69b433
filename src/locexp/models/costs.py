"""What a network costs: its parameters, and the floating-point operations of one image."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

from locexp.keras_internals import application_of


def cost_metrics(model: Any) -> dict[str, float]:
    """Return what a Keras model costs.

    Returns:
        ``model/parameters`` (all weights, also those that are not trained: constants, running means),
        ``model/trainable_parameters`` and ``model/flops_per_image``, see :func:`flops_per_image`; operations are left
        out where they cannot be counted, as in a user's model that is not functional.
    """
    groups = {"parameters": model.weights, "trainable_parameters": model.trainable_weights}
    metrics = {f"model/{name}": float(sum(math.prod(one.shape) for one in group)) for name, group in groups.items()}
    with contextlib.suppress(ValueError, AttributeError):  # the latter from a Keras that keeps its graph elsewhere
        metrics["model/flops_per_image"] = float(flops_per_image(model))
    return metrics


def flops_per_image(model: Any) -> int:
    """Return the floating-point operations of one image's forward pass through a functional Keras model.

    The multiplications and additions, two operations per pair, of convolutions of every kind, dense and einsum layers
    are counted wherever these are applied, in nested models as well. Biases, activations, normalization, pooling and
    additions of maps are not counted: they are a few per cent. A training step costs about three times as much per
    image: forward, and two products of that size backward.

    Raises:
        ValueError: the model is not functional, does not say the size of its maps, or has layers of another kind with
            kernels, such as recurrent ones.
    """
    return 2 * _multiplications(model)


def _multiplications(model: Any) -> int:
    return sum(_of_layer(layer, given, made) for layer, given, made in _applications(model))


def _applications(model: Any) -> Iterator[tuple[Any, Sequence[int | None], Sequence[int | None]]]:
    """Yield each application of a layer in a functional model, with the shapes of its first input and output.

    The graph is walked back from the outputs: a layer may be applied several times here, and elsewhere as well.
    """
    if not hasattr(model, "outputs"):
        raise ValueError(f"the {type(model).__name__} {model.name!r} is not a functional Keras model: it has no graph")
    waiting, seen = list(model.outputs), set()
    ends = {id(tensor) for tensor in model.inputs}
    while waiting:
        tensor = waiting.pop()
        layer, number, inputs, outputs = application_of(tensor)
        if id(tensor) in ends or (id(layer), number) in seen:
            continue
        seen.add((id(layer), number))
        if inputs:
            yield layer, inputs[0].shape, outputs[0].shape
            waiting += inputs


def _of_layer(layer: Any, given: Sequence[int | None], made: Sequence[int | None]) -> int:
    """Return the multiplications of one image in a layer, from the shapes of its input and output."""
    import keras

    layers = keras.layers
    if isinstance(layer, keras.Model):
        return _multiplications(layer)
    if isinstance(layer, layers.EinsumDense):
        return _of_einsum(layer.equation, given, layer.kernel.shape, layer)
    if isinstance(layer, layers.Dense):
        return _size(made[1:], layer) * layer.kernel.shape[0]
    if isinstance(layer, (layers.SeparableConv1D, layers.SeparableConv2D)):
        deep, point = layer.depthwise_kernel.shape, layer.pointwise_kernel.shape
        return _size(made[1:], layer) // layer.filters * (math.prod(deep) + math.prod(point))
    if isinstance(layer, (layers.DepthwiseConv1D, layers.DepthwiseConv2D)):
        return _size(made[1:], layer) * math.prod(layer.kernel.shape[:-2])
    if isinstance(layer, (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)):
        return _size(given[1:], layer) * math.prod(layer.kernel.shape[:-1])
    if isinstance(layer, (layers.Conv1D, layers.Conv2D, layers.Conv3D)):
        return _size(made[1:], layer) * math.prod(layer.kernel.shape[:-1])
    if any(weight.path.endswith("kernel") for weight in layer.weights):
        raise ValueError(f"how often layer {layer.name!r} applies its weights is not known")
    return 0


def _of_einsum(equation: str, given: Sequence[int | None], kernel: Sequence[int], layer: Any) -> int:
    """Each combination of the letters' values is one multiplication; the first dimension of the input is the batch."""
    left, right = equation.split("->")[0].split(",")
    letters = left.replace("...", "")
    examples = [1, *given[1:]]
    start = len(examples) - len(letters) if left.startswith("...") else 0
    named = examples[start : start + len(letters)]
    others = examples[:start] + examples[start + len(letters) :]
    sizes = dict(zip(letters, named, strict=True)) | dict(zip(right, kernel, strict=True))
    return _size([*sizes.values(), *others], layer)


def _size(shape: Sequence[int | None], layer: Any) -> int:
    if any(size is None for size in shape):
        raise ValueError(f"the maps of layer {layer.name!r} have no fixed size: {tuple(shape)}")
    return math.prod(size for size in shape if size is not None)
