"""Methods in real training: alone and in a stack, with their state frozen and put back, with and without a trunk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from locexp.errors import UserError
from tests.losses.weighting.conftest import STATIC, batches, network, stack, train_epoch
from tests.losses.weighting.methods import GRADIENT, LOSS, NAMES, find

ORDER = batches(4)
SEEDS = [index % 3 for index in range(len(NAMES))]
pytestmark = pytest.mark.usefixtures("float32")


def with_dropout() -> Any:
    return network(dropout=0.3)


def adam() -> Any:
    import keras

    return keras.optimizers.Adam(0.01, weight_decay=0.01)


def state(member: Any) -> list[np.ndarray]:
    """All that a checkpoint keeps."""
    variables = [*member.model.variables, *member.optimizer.variables, *member.weighting.variables]
    return [np.array(variable) for variable in variables]


def put_back(member: Any, values: list[np.ndarray]) -> None:
    variables = [*member.model.variables, *member.optimizer.variables, *member.weighting.variables]
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def assert_same(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def together() -> tuple[Any, list[list[np.ndarray]], list[list[np.ndarray]], np.ndarray]:
    """A stack of all methods, its members' states after two epochs and after four, and the last rows."""
    from locexp.system.tensorflow import start_tensorflow

    start_tensorflow()
    made = stack([find(name) for name in NAMES], seeds=SEEDS, build_model=with_dropout, optimizer=adam)
    for order in ORDER[:2]:
        train_epoch(made, order)
    middle = [state(member) for member in made.members]
    rows = [train_epoch(made, order) for order in ORDER[2:]]
    return made, middle, [state(member) for member in made.members], np.concatenate(rows, axis=1)


QUICK = ("db_mtl", "famo", "gradnorm", "rlw")
"""On gradients and on losses, learning and at random: each of the others takes seconds to trace by itself, too."""


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_a_method_does_not_notice_the_others_in_a_stack(name: str, together: Any) -> None:
    index = NAMES.index(name)
    alone = stack([find(name)], seeds=[SEEDS[index]], build_model=with_dropout, optimizer=adam)
    for order in ORDER:
        train_epoch(alone, order)
    assert_same(state(alone.members[0]), together[2][index])


@pytest.mark.slow
def test_putting_the_variables_back_goes_on_as_if_nothing_had_happened(together: Any) -> None:
    """Had a method kept anything elsewhere (rlw its draws, dwa its epochs), it would be of the end, not the middle."""
    made, middle, end, rows = together
    for member, values in zip(made.members, middle, strict=True):
        put_back(member, values)
    again = [train_epoch(made, order) for order in ORDER[2:]]
    np.testing.assert_array_equal(np.concatenate(again, axis=1), rows)
    for member, values in zip(made.members, end, strict=True):
        assert_same(state(member), values)


STATEFUL = {"rlw", "uncertainty", "imtl_l", "dwa", "stch", "famo", "gradnorm", "db_mtl"}


@pytest.mark.parametrize("name", NAMES)
def test_state_is_what_changes_and_all_of_it_is_in_the_variables(name: str, together: Any) -> None:
    made, middle, _, _ = together
    index = NAMES.index(name)
    method = made.members[index].weighting
    assert bool(method.variables) == (name in STATEFUL)
    first: Any = find(name)()
    first.build(0, "float32")
    if name in GRADIENT:
        first.build_for(made.members[index].model.trainable_variables[:4])
    if method.variables:
        kept = middle[index][-len(method.variables) :]
        moved = [not np.array_equal(np.asarray(old), new) for old, new in zip(first.variables, kept, strict=True)]
        assert any(moved)


def rounded(value: float, other: float) -> float:
    """The product as float32 computes it."""
    return float(np.float32(value) * np.float32(other))


def frozen_dwa() -> Any:
    method = find("dwa")()
    build = method.build
    method.build = lambda seed, dtype: (build(seed, dtype), method.variables[0].assign([1.7, 0.3]))
    method.after_epoch = lambda losses: None
    return method


def frozen_scales(name: str) -> Any:
    """s set to numbers, and kept from the optimizer."""
    method = find(name)()
    build = method.build

    def frozen(seed: int, dtype: str) -> None:
        build(seed, dtype)
        for variable, value in zip(method.variables, (0.5, -1.25), strict=True):
            variable.assign(value)
        method.trainable_variables = []

    method.build = frozen
    return method


def exponential(value: float) -> float:
    import tensorflow as tf

    return float(tf.exp(tf.constant(value)))


FROZEN = {
    "dwa": (frozen_dwa, lambda: (1.7, 0.3)),
    "gradnorm": (lambda: find("gradnorm")(learning_rate=1e-30), lambda: (1.0, 1.0)),
    "imtl_l": (lambda: frozen_scales("imtl_l"), lambda: (exponential(0.5), exponential(-1.25))),
    "uncertainty": (
        lambda: frozen_scales("uncertainty"),
        lambda: (rounded(0.5, exponential(-0.5)), rounded(0.5, exponential(1.25))),
    ),
}


@pytest.mark.parametrize("name", FROZEN)
def test_a_frozen_state_is_a_fixed_run_bit_for_bit(name: str) -> None:
    build, weights = FROZEN[name]
    frozen = stack([build], build_model=with_dropout)
    first, second = (rounded(own, static) for own, static in zip(weights(), STATIC, strict=True))
    fixed = stack([find("fixed")], build_model=with_dropout, static=(first, second))
    for order in ORDER:
        rows, expected = train_epoch(frozen, order), train_epoch(fixed, order)
        np.testing.assert_array_equal(rows[..., :2], expected[..., :2])
    assert_same(frozen.members[0].model.get_weights(), fixed.members[0].model.get_weights())


def test_dwa_is_a_fixed_run_for_two_epochs() -> None:
    both = stack([find("dwa"), find("fixed")])
    for epoch, order in enumerate(ORDER, 1):
        train_epoch(both, order)
        weights = [np.concatenate([w.ravel() for w in member.model.get_weights()]) for member in both.members]
        assert np.array_equal(weights[0], weights[1]) == (epoch <= 2)


def test_a_sum_of_weighted_gradients_is_the_gradient_of_the_weighted_sum() -> None:
    """cagrad without reach weighs ½, ½: with ``heads=weighted`` a fixed run, but for rounding."""
    made = stack([lambda: find("cagrad")(kappa=0.0, heads="weighted"), find("fixed")])
    for weight, static in zip(made.members[1].loss_weights, STATIC, strict=True):
        weight.assign(static / 2)
    for order in ORDER:
        rows = train_epoch(made, order)
        np.testing.assert_array_equal(rows[0][:, :2], rows[1][:, :2])
    for one, other in zip(*(member.model.get_weights() for member in made.members), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("name", [*GRADIENT, "gradnorm"])
def test_methods_on_gradients_want_a_shared_trunk(name: str) -> None:
    with pytest.raises(UserError, match=r"loss/weighting: .* layers that both heads share, and this network has none"):
        stack([find(name)], build_model=lambda: network(shared=False))


def test_methods_on_losses_do_without_a_shared_trunk() -> None:
    names = [name for name in LOSS if name != "gradnorm"]
    made = stack([find(name) for name in names], build_model=lambda: network(shared=False))
    before = [member.model.get_weights() for member in made.members]
    train_epoch(made, ORDER[0][:1])
    for old, member in zip(before, made.members, strict=True):
        assert not np.array_equal(old[0], member.model.get_weights()[0])


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("name", ["fixed", "mgda"])
def test_a_variable_that_no_head_uses_is_left_alone(name: str) -> None:
    """A network of one's own may have one; with a penalty on it, that alone moves it."""
    import keras

    class Spare(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.unused = self.add_weight(shape=(2,), initializer="ones", name="unused")
            self.shrunk = self.add_weight(
                shape=(2,), initializer="ones", name="shrunk", regularizer=keras.regularizers.L2(0.5)
            )

        def call(self, values: Any) -> Any:
            return values

    def build() -> Any:
        image = keras.Input((4, 4, 1))
        shared = Spare()(keras.layers.Dense(3, "tanh")(keras.layers.Flatten()(image)))
        heads = {
            "classification": keras.layers.Dense(3, "softmax", name="classification")(shared),
            "bbox": keras.layers.Dense(4, name="bbox")(shared),
        }
        return keras.Model(image, heads)

    made = stack([find(name)], build_model=build)
    train_epoch(made, ORDER[0][:1])
    unused, shrunk = (
        variable.numpy()
        for variable in made.members[0].model.variables
        if variable.path.split("/")[-1] in ("unused", "shrunk")
    )
    np.testing.assert_array_equal(unused, 1)
    np.testing.assert_allclose(shrunk, 1 - 0.1, rtol=1e-6)
