"""A contract with Keras and TensorFlow: each failure names what a new release has changed, and what depends on it."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("float32")


def promised(attribute: str, dependent: str, use: Callable[[], Any]) -> Any:
    """Return what a use of an attribute gives; fails by name where the attribute has gone or does something else."""
    try:
        return use()
    except Exception as error:
        pytest.fail(f"{attribute} is not what it was ({type(error).__name__}: {error}); {dependent} depends on it.")


def holds(condition: bool, attribute: str, dependent: str) -> None:
    assert condition, f"{attribute} does not do what it did; {dependent} depends on it."


def test_a_traced_function_can_be_given_other_variables() -> None:
    import tensorflow as tf

    from locexp.keras_internals import rebind

    captures, capture_setter = "ConcreteFunction.captured_inputs", "ConcreteFunction.set_external_captures"
    dependent = "one trace for all members of a stack (locexp.training.program)"
    rate, traced_with, other = (tf.Variable(value) for value in (0.5, 1.0, 10.0))

    @tf.function(autograph=False)
    def add(value: Any) -> Any:
        return traced_with.assign_add(rate * value)

    graph = add.get_concrete_function(tf.TensorSpec([], tf.float32))
    found = promised(captures, dependent, lambda: {id(tensor) for tensor in graph.captured_inputs})
    holds(found == {id(rate.handle), id(traced_with.handle)}, captures, dependent)
    places = [id(tensor) == id(rate.handle) for tensor in graph.captured_inputs]

    @tf.function(autograph=False)
    def anywhere(value: Any, first: Any, second: Any) -> Any:
        rebind(graph, [first.handle if is_rate else second.handle for is_rate in places])
        return graph(value)

    for value, expected in ((2.0, 11.0), (4.0, 13.0)):
        given = tf.constant(value)
        made = promised(capture_setter, dependent, functools.partial(anywhere, given, rate, other))
        holds(float(made) == expected == float(other), capture_setter, dependent)
    holds(float(traced_with) == 1.0, capture_setter, dependent)


@pytest.mark.parametrize("shape", [(1, 3, 3), (257, 28, 28), (1000, 64, 64)])
def test_an_array_becomes_a_tensor(shape: tuple[int, ...]) -> None:
    import tensorflow as tf

    from locexp.keras_internals import tensor_of

    attribute, dependent = (
        "tf.experimental.dlpack.from_dlpack",
        "the memory that scenes take (locexp.training.examples)",
    )
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    expected = array.copy()
    tensor = promised(attribute, dependent, lambda: tensor_of(array))
    array[...] = 0
    gc.collect()
    holds(tensor.dtype == tf.uint8 and np.array_equal(tensor, expected), attribute, dependent)
    holds(np.array_equal(tf.gather(tensor, [0]), expected[:1]), attribute, dependent)


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_the_moments_of_adam_can_be_found(name: str) -> None:
    import keras
    import tensorflow as tf

    from locexp.keras_internals import adam_moments

    attribute = f"keras.optimizers.{name}._get_variable_index, ._momentums or ._velocities"
    dependent = "the fused Adam (locexp.training.fused)"
    variables = [keras.Variable(np.ones(shape, np.float32)) for shape in ((2,), (3,))]
    gradients = [tf.fill(variable.shape, value) for variable, value in zip(variables, (2.0, 3.0), strict=True)]
    optimizer = getattr(keras.optimizers, name)(beta_1=0.75, beta_2=0.5)
    optimizer.build(variables)
    optimizer.apply(gradients, variables)
    for variable, gradient in zip(variables, gradients, strict=True):
        first, second = promised(attribute, dependent, functools.partial(adam_moments, optimizer, variable.value))
        holds(first.numpy() == pytest.approx(0.25 * gradient.numpy()), attribute, dependent)
        holds(second.numpy() == pytest.approx(0.5 * gradient.numpy() ** 2), attribute, dependent)


def test_an_optimizer_updates_each_variable_by_update_step() -> None:
    """Keras documents the method for subclasses; locexp replaces it on an instance."""
    import keras
    import tensorflow as tf

    attribute, dependent = "keras.optimizers.Adam.update_step", "the fused Adam (locexp.training.fused)"
    variable, calls = keras.Variable(1.0), []
    optimizer = keras.optimizers.Adam()
    optimizer.update_step = lambda *given: calls.append(given)
    optimizer.build([variable])
    promised(attribute, dependent, lambda: optimizer.apply([tf.constant(2.0)], [variable]))
    holds([len(given) for given in calls] == [3], attribute, dependent)
    gradient, updated, rate = calls[0]
    holds(float(gradient) == 2.0 and float(rate) == pytest.approx(1e-3), attribute, dependent)
    holds(updated.handle is variable.value.handle, attribute, dependent)


def test_the_applications_of_a_layer_can_be_told_apart() -> None:
    import keras

    from locexp.keras_internals import application_of

    attribute, dependent = "KerasTensor._keras_history or Layer._inbound_nodes", "model/flops_per_image (locexp.models)"
    twice = keras.layers.Dense(3)
    image = keras.Input((3,))
    middle = twice(image)
    end = twice(middle)
    first, second = (
        promised(attribute, dependent, functools.partial(application_of, tensor)) for tensor in (middle, end)
    )
    holds(first[0] is second[0] is twice, attribute, dependent)
    holds((first[1], second[1]) == (0, 1), attribute, dependent)
    holds(first[2][0] is image and second[2][0] is middle and second[3][0] is end, attribute, dependent)
    _, _, inputs, _ = promised(attribute, dependent, lambda: application_of(image))
    holds(not inputs, attribute, dependent)
