"""Parameters and operations of networks, against TensorFlow's profiler and by hand."""

from __future__ import annotations

import importlib
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locexp.models.costs import cost_metrics, flops_per_image
from tests.models.networks import NAMES, tiny

pytestmark = pytest.mark.usefixtures("float32")
COUNTED = {"Conv2D", "MatMul", "DepthwiseConv2dNative"}


def profiled(model: Any) -> int:
    """Operations of one image by TensorFlow's own profiler, in the operations that are counted here."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    image = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    graph = tf.function(lambda batch: model(batch, training=False)).get_concrete_function(image)
    frozen = convert_variables_to_constants_v2(graph)
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    with tf.Graph().as_default() as imported:
        tf.graph_util.import_graph_def(frozen.graph.as_graph_def(), name="")
        found = tf.compat.v1.profiler.profile(imported, cmd="op", options=options)
    total = 0
    while found.children:  # kinds of operations hang in a chain
        found = found.children[0]
        total += found.float_ops if found.name in COUNTED else 0
    return total


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("cnn", "coord", "resnet", "back"))])
def test_operations_are_those_of_the_profiler(name: str) -> None:
    model = tiny(name)
    assert flops_per_image(model) == profiled(model)


def test_the_classic_network_by_hand() -> None:
    from locexp.models.cnn import build

    first, second = 26 * 26 * 32 * 9, 11 * 11 * 64 * 9 * 32
    dense = 5 * 5 * 64 * 128 + 128 * 10 + 128 * 4
    assert cost_metrics(build((28, 28, 1), 10)) == {
        "model/parameters": 225_550,
        "model/trainable_parameters": 225_550,
        "model/flops_per_image": 2 * (first + second + dense),
    }


def test_every_kind_of_layer_by_hand() -> None:
    import keras

    layers = keras.layers
    image = keras.Input((8, 6, 4))
    twice = layers.Conv2D(4, 3, padding="same", groups=2)
    made = twice(twice(image))
    made = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(made)
    made = layers.SeparableConv2D(5, 3, strides=2, padding="same")(made)
    made = layers.Conv2DTranspose(3, 2, strides=2)(made)
    line = layers.Reshape((8, 18))(made)
    line = layers.Conv1D(7, 3, padding="same")(line)
    line = layers.BatchNormalization()(layers.Dense(5)(line))
    mixed = layers.EinsumDense("...x,xy->...y", 9, bias_axes="y")(line)
    mixed = layers.EinsumDense("npe,pe->ne", 9)(mixed)
    model = keras.Model(image, mixed)
    expected = [
        2 * (8 * 6 * 4 * 9 * 2),
        8 * 6 * 8 * 9,
        4 * 3 * (9 * 8 + 8 * 5),
        4 * 3 * (4 * 5 * 3),
        8 * (7 * 3 * 18),
        8 * 7 * 5,
        8 * 5 * 9,
        8 * 9,
    ]
    assert flops_per_image(model) == 2 * sum(expected)
    outer_image = keras.Input((8, 6, 4))
    nested = keras.Model(outer_image, layers.Add()([model(outer_image), model(outer_image)]))
    assert flops_per_image(nested) == 2 * 2 * sum(expected)
    for one in (model, nested):
        assert cost_metrics(one)["model/parameters"] == model.count_params()
        assert cost_metrics(one)["model/trainable_parameters"] == model.count_params() - 2 * 5


def test_constants_of_a_network_are_parameters_that_are_not_trained() -> None:
    plain, beside = (cost_metrics(tiny("coordconv", coordinates=coordinates)) for coordinates in ("none", "input"))
    added = {name.removeprefix("model/"): beside[name] - plain[name] for name in plain}
    added_filters = 2 * 9 * 4
    assert added["trainable_parameters"] == added_filters
    assert added["parameters"] == added_filters + 2 * (2 * 28 * 28)


def test_a_model_without_a_graph_has_parameters_alone() -> None:
    import keras

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, images: Any) -> Any:
            return self.dense(images)

    model = Own()
    model(np.zeros((1, 2), np.float32))
    with pytest.raises(ValueError, match="not a functional Keras model"):
        flops_per_image(model)
    assert cost_metrics(model) == {"model/parameters": 9.0, "model/trainable_parameters": 9.0}
    names = set(cost_metrics(tiny("cnn")))
    assert names == {"model/parameters", "model/trainable_parameters", "model/flops_per_image"}


def test_maps_without_a_size_cannot_be_counted() -> None:
    import keras

    image = keras.Input((None, None, 1))
    model = keras.Model(image, keras.layers.GlobalMaxPooling2D()(keras.layers.Conv2D(2, 3, name="open")(image)))
    with pytest.raises(ValueError, match="'open' have no fixed size"):
        flops_per_image(model)
    assert math.isfinite(cost_metrics(model)["model/parameters"])


def test_layers_of_unknown_cost_are_not_counted_as_free() -> None:
    import keras

    image = keras.Input((8, 4))
    for layer in (keras.layers.LSTM(3), keras.layers.TimeDistributed(keras.layers.Dense(3))):
        model = keras.Model(image, layer(image))
        with pytest.raises(ValueError, match=layer.name):
            flops_per_image(model)
        assert set(cost_metrics(model)) == {"model/parameters", "model/trainable_parameters"}


def test_the_table_of_the_docs_is_true() -> None:
    text = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    rows = re.findall(r"^\| `(\w+)`[^|]*\| ([\d,]+) / ([\d,]+) \| ([\d,/ ]+) \| ([\d.]+) / ([\d.]+) \|$", text, re.M)
    assert {row[0] for row in rows} == set(NAMES)
    for name, *numbers in rows:
        build = importlib.import_module(f"locexp.models.{name}").build
        for size, parameters, flops in ((28, numbers[0], numbers[3]), (64, numbers[1], numbers[4])):
            found = cost_metrics(build((size, size, 1), 10))
            all_of_them, trained = int(found["model/parameters"]), int(found["model/trainable_parameters"])
            fixed = [part.strip() for part in numbers[2].split("/")][0 if size == 28 else -1]
            assert f"{all_of_them:,}" == parameters
            assert f"{all_of_them - trained:,}" == fixed
            assert f"{found['model/flops_per_image'] / 1e6:.1f}" == flops
