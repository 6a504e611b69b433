"""A member's numbers do not depend on the stack: eight side by side are eight one by one."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("float32")
WEIGHTS = [(1.0, weight) for weight in (0.1, 0.5, 1.0, 5.0, 20.0, 100.0)] + [(1.0, 0.0), (0.0, 1.0)]
SEEDS = (0, 0, 1, 1, 2, 2, 3, 3)


def network(**keys: Any) -> Any:
    """A network with state that no gradient moves: batch normalisation and dropout."""
    import keras

    image = keras.Input((28, 28, 1))
    x = keras.layers.Conv2D(8, 3, activation="relu")(image)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.MaxPooling2D(4)(x)
    x = keras.layers.Dropout(0.3)(keras.layers.Flatten()(x))
    outputs = {
        "classification": keras.layers.Dense(10, activation="softmax", name="classification")(x),
        "bbox": keras.layers.Dense(4, activation="sigmoid", name="bbox")(x),
    }
    return keras.Model(image, outputs)


def states(stack: Any) -> list[list[np.ndarray]]:
    return [[np.asarray(variable.numpy()) for variable in member.variables] for member in stack.members]


@pytest.fixture
def make(make_stack: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    from locexp.models import cnn

    monkeypatch.setattr(cnn, "build", lambda *_, **keys: network(**keys))
    return lambda chosen, **keys: make_stack(
        seeds=[SEEDS[index] for index in chosen], weights=[WEIGHTS[index] for index in chosen], examples=256, **keys
    )


def train(stack: Any, steps: int) -> list[Any]:
    order = np.stack([member.batch_order(0, 256)[: steps * 32].reshape(steps, 32) for member in stack.members])
    return list(stack.train_steps(order))


def test_members_evaluated_side_by_side_say_what_each_says_alone(make: Callable[..., Any]) -> None:
    stack = make(range(4), graph_key="one graph for all")
    train(stack, 2)
    held = stack.images[:100], stack.labels[:100], stack.boxes[:100]
    evaluations = stack.evaluations([3, 1, 0], *held, 32)
    assert set(evaluations) == {0, 1, 3}
    for index, evaluation in evaluations.items():
        expected = stack.members[index].model(held[0][..., None].astype(np.float32) / 255, training=False)
        said, seconds = evaluation.result(60)
        assert seconds > 0
        np.testing.assert_allclose(said.probabilities, expected["classification"], atol=1e-5)
        np.testing.assert_allclose(said.boxes, expected["bbox"], atol=1e-5)


@pytest.mark.parametrize("graph_key", [pytest.param(None, marks=pytest.mark.slow), "one graph for all"])
def test_eight_side_by_side_are_eight_one_by_one(make: Callable[..., Any], graph_key: str | None) -> None:
    together = make(range(8), graph_key=graph_key)
    said = train(together, 8)
    for index in range(8):
        alone = make([index], graph_key=graph_key)
        (mine,) = train(alone, 8)
        np.testing.assert_allclose(said[index].probabilities, mine.probabilities, atol=1e-5)
        np.testing.assert_allclose(said[index].boxes, mine.boxes, atol=1e-5)
        for there, here in zip(states(together)[index], states(alone)[0], strict=True):
            np.testing.assert_allclose(there, here, rtol=1e-4, atol=1e-5)


def test_a_shared_graph_is_the_same_as_one_of_its_own(make: Callable[..., Any]) -> None:
    """Also after another stack with the same graph key has used it: nothing of that one is left in it."""
    train(make([3, 4], graph_key="shared"), 8)
    shared, own = make(range(2), graph_key="shared"), make(range(2))
    for ours, theirs in zip(train(shared, 8), train(own, 8), strict=True):
        np.testing.assert_array_equal(ours.probabilities, theirs.probabilities)
    for there, here in zip(states(shared), states(own), strict=True):
        for one, other in zip(there, here, strict=True):
            np.testing.assert_array_equal(one, other)


def test_members_that_are_left_out_stay_as_they_are(make: Callable[..., Any]) -> None:
    stack = make(range(3), graph_key="left out")
    before = states(stack)
    order = np.stack([stack.members[index].batch_order(0, 256)[:64].reshape(2, 32) for index in (0, 2)])
    made = stack.train_steps(order, [0, 2])
    assert len(made) == 2
    after = states(stack)
    for one, other in zip(before[1], after[1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(before[0][2], after[0][2])
    assert not np.array_equal(before[2][2], after[2][2])


def test_a_graph_that_is_kept_for_later_members_does_not_keep_the_first(make: Callable[..., Any]) -> None:
    """It holds weights, moments and the best weights; a process keeps many graphs."""
    stack = make([0], graph_key="forgotten")
    member = weakref.ref(stack.members[0])
    weights = weakref.ref(stack.members[0].model.weights[0].value)
    stack.traced()
    del stack
    gc.collect()
    assert (member(), weights()) == (None, None)


def test_state_outside_the_variables_is_never_shared(
    make_stack: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A layer that hides a variable from Keras: each member trains with its own, and the log says why."""
    import keras
    import tensorflow as tf

    from locexp.models import cnn

    class Hiding(keras.layers.Layer):
        hidden: list[tf.Variable] = []  # noqa: RUF012

        def __init__(self) -> None:
            super().__init__()
            type(self).hidden.append(tf.Variable(0.0))
            self.number = len(self.hidden) - 1

        def call(self, values: Any) -> Any:
            self.hidden[self.number].assign_add(1.0)
            return values

    def build(*_: Any, **__: Any) -> Any:
        image = keras.Input((28, 28, 1))
        features = keras.layers.Flatten()(Hiding()(image))
        return keras.Model(
            image,
            {
                "classification": keras.layers.Dense(10, activation="softmax", name="classification")(features),
                "bbox": keras.layers.Dense(4, activation="sigmoid", name="bbox")(features),
            },
        )

    monkeypatch.setattr(cnn, "build", build)
    stack = make_stack(seeds=(1, 2), examples=64, graph_key="hiding")
    Hiding.hidden[0].assign(0.0)
    Hiding.hidden[1].assign(10.0)
    stack.train_steps(np.arange(64, dtype=np.int32).reshape(1, 1, 64).repeat(2, axis=0).reshape(2, 1, 64))
    assert [float(value) for value in Hiding.hidden] == [1.0, 11.0]
    assert "keeps state outside its variables" in caplog.text
