"""A member of a stack: a network with its optimizer, its loss weights and its own random seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from locexp.errors import UserError
from locexp.losses.mse import mse
from locexp.losses.weighting.base import GradientWeighting, Weighting
from locexp.losses.weighting.fixed import Fixed
from locexp.training.callbacks import check_callback
from locexp.training.fused import fuse
from locexp.training.gradients import Trunk, find_trunk, needs_trunk, pick

BoxLoss = Callable[[Any, Any], Any]
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
        kind: equal for members whose graphs differ in nothing but the values of variables, so that one trace serves
            them all; ``None`` for one that is like no other.
    """

    seed: int
    build_model: Callable[[], Any]
    build_optimizer: Callable[[int], Any]
    classification_weight: float
    bbox_weight: float
    box_loss: BoxLoss = mse
    build_callbacks: Callable[[], Sequence[Any]] = tuple
    build_weighting: Callable[[], Weighting] = Fixed
    diagnostics: bool = False
    monitor: str = "val/loc_acc_50"
    kind: str | None = None


@dataclass
class Member:
    """A member in training; made by :func:`build_member`.

    ``steps`` holds, for the steps of the running epoch, the two effective weights and the gradients' a, b, c:
    (steps, 5) a call. ``failure`` says why training failed, ``cause`` is the error behind it if there was one.
    """

    spec: MemberSpec
    model: Any
    optimizer: Any
    classification_weight: Any
    bbox_weight: Any
    callbacks: Sequence[Any]
    weighting: Weighting
    trunk: Trunk | None = None
    steps: list[np.ndarray] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    best_weights: list[np.ndarray] | None = None
    failure: str | None = None
    cause: Exception | None = None
    stopped: bool = False

    @property
    def box_loss(self) -> BoxLoss:
        """The box loss of each example."""
        return self.spec.box_loss

    @property
    def variables(self) -> list[Any]:
        """All state that a step reads or changes, in an order that is the same for all members of a kind."""
        weights = [self.classification_weight, self.bbox_weight]
        return [*weights, *self.model.variables, *self.optimizer.variables, *self.weighting.variables]

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


def check_model(model: Any) -> None:
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
