"""A member of a stack: a network with its optimizer, its loss weights and its own random seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from locexp.errors import UserError
from locexp.keras_protocols import Model, Optimizer, Variable
from locexp.losses.mse import mse
from locexp.losses.weighting.base import GradientWeighting, Weighting
from locexp.losses.weighting.fixed import Fixed
from locexp.training.callbacks import check_callback
from locexp.training.fused import fuse
from locexp.training.gradients import Trunk, find_trunk, needs_trunk, pick

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

BoxLoss = Callable[["tf.Tensor", "tf.Tensor"], "tf.Tensor"]
"""(ground_truth, prediction) -> (batch,)."""


@dataclass(frozen=True)
class MemberSpec:
    """How to build a member.

    Attributes:
        seed: drives initial weights, batch order and dropout.
        build_model: makes a fresh Keras model.
        build_optimizer: makes a fresh Keras optimizer, given the number of steps of the run.
        classification_weight, bbox_weight: the static loss weights, >= 0.
        box_loss: of each example.
        build_callbacks: makes fresh Keras callbacks with epoch hooks.
        build_weighting: makes the weighting method.
        diagnostics: whether gradients are to be measured, whatever the method.
        monitor: the validation metric that picks the best epoch.
        graph_key: equal for members whose graphs differ in nothing but the values of variables, so that one trace
            serves them all; ``None`` for one that is like no other.
    """

    seed: int
    build_model: Callable[[], Model]
    build_optimizer: Callable[[int], Optimizer]
    classification_weight: float
    bbox_weight: float
    box_loss: BoxLoss = mse
    build_callbacks: Callable[[], Sequence[keras.callbacks.Callback]] = tuple
    build_weighting: Callable[[], Weighting] = Fixed
    diagnostics: bool = False
    monitor: str = "val/loc_acc_50"
    graph_key: str | None = None


@dataclass
class Member:
    """A member in training; made by :func:`build_member`.

    Attributes:
        spec: how it was built.
        model: takes images (n, height, width, 1) in [0, 1].
        optimizer: of the model, and of what the weighting method trains.
        classification_weight, bbox_weight: the static loss weights: scalars.
        callbacks: its own.
        weighting: its method, with its state.
        trunk: what both heads share; ``None`` where nobody looks at gradients, or they share nothing.
        step_weights: for the steps of the running epoch the effective weights and the gradients' Gramian: one array
            (steps, 5) per call into the graph, see :mod:`locexp.training.columns`.
        history: the metrics of each epoch.
        best_epoch: by the monitored metric, from 1.
        best_weights: the weights kept so far.
        failure: why training failed.
        cause: the error behind that, if there was one.
        stopped: it trains no more.
    """

    spec: MemberSpec
    model: Model
    optimizer: Optimizer
    classification_weight: Variable
    bbox_weight: Variable
    callbacks: Sequence[keras.callbacks.Callback]
    weighting: Weighting
    trunk: Trunk | None = None
    step_weights: list[np.ndarray] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    best_weights: list[np.ndarray] | None = None
    failure: str | None = None
    cause: BaseException | None = None
    stopped: bool = False

    @property
    def box_loss(self) -> BoxLoss:
        """The box loss of each example."""
        return self.spec.box_loss

    @property
    def loss_weights(self) -> tuple[Variable, Variable]:
        """The static weights of classification and box."""
        return self.classification_weight, self.bbox_weight

    @property
    def variables(self) -> list[Variable]:
        """All state that a step reads or changes, in an order that is the same for all members with one graph key."""
        return [*self.loss_weights, *self.model.variables, *self.optimizer.variables, *self.weighting.variables]

    def batch_order(self, epoch: int, examples: int) -> np.ndarray:
        """Return the permutation of the training examples for an epoch (from 0): int32 (examples,)."""
        return np.random.default_rng((self.spec.seed, epoch)).permutation(examples).astype(np.int32)


def build_member(spec: MemberSpec, steps: int, dtype: str) -> Member:
    """Build a member; its initial weights depend on its seed alone, not on what was built before.

    Args:
        spec: how.
        steps: optimizer steps of the whole run, for the learning-rate schedule.
        dtype: of the loss weights, ``float32`` or ``float64``.

    Raises:
        UserError: the model has the wrong outputs, or a callback cannot be called here.
    """
    import keras

    keras.utils.set_random_seed(spec.seed)
    model = spec.build_model()
    check_model(model)
    weighting = spec.build_weighting()
    weighting.build(spec.seed, dtype)
    trunk = find_trunk(model, weighting) if needs_trunk(weighting) or spec.diagnostics else None
    if isinstance(weighting, GradientWeighting):
        assert trunk is not None
        weighting.build_for(pick(model.trainable_variables, trunk.chosen))
    optimizer = spec.build_optimizer(steps)
    if weighting.trainable_variables:
        optimizer.exclude_from_weight_decay(weighting.trainable_variables)
    fuse(optimizer)
    optimizer.build([*model.trainable_variables, *weighting.trainable_variables])
    callbacks = list(spec.build_callbacks())
    for callback in callbacks:
        check_callback(callback)
        model.optimizer = optimizer
        callback.set_model(model)
    return Member(
        spec=spec,
        model=model,
        optimizer=optimizer,
        classification_weight=keras.Variable(spec.classification_weight, dtype=dtype, trainable=False),
        bbox_weight=keras.Variable(spec.bbox_weight, dtype=dtype, trainable=False),
        callbacks=callbacks,
        weighting=weighting,
        trunk=trunk,
    )


def check_model(model: object) -> None:
    """Check that a model returns ``{"classification": (n, classes), "bbox": (n, 4)}``; raises :class:`UserError`."""
    import keras

    if not isinstance(model, keras.Model):
        raise UserError(f"model: got a {type(model).__name__}; expected a keras.Model.")
    shapes = model.compute_output_shape((1, *model.input_shape[1:]))
    if not isinstance(shapes, Mapping) or set(shapes) != {"classification", "bbox"}:
        raise UserError(
            f"model: the network's outputs are {shapes}; expected a functional Keras model with outputs "
            "{'classification': (n, classes), 'bbox': (n, 4)}."
        )
    if len(shapes["classification"]) != 2 or tuple(shapes["bbox"][1:]) != (4,):
        raise UserError(f"model: output shapes are {dict(shapes)}; expected classification (n, classes), bbox (n, 4).")
