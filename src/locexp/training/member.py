"""A member of a stack: a network with its optimizer, its loss weights and its own random seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from locexp.errors import UserError, worded
from locexp.keras_protocols import Model, Optimizer, Variable
from locexp.losses.mse import mse
from locexp.losses.weighting.base import GradientWeighting, Weighting
from locexp.losses.weighting.fixed import Fixed
from locexp.models.pixels import takes_pixels
from locexp.training.callbacks import check_callback
from locexp.training.fused import fuse
from locexp.training.trunk import find_trunk, needs_trunk, pick

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

BoxLoss = Callable[["tf.Tensor", "tf.Tensor"], "tf.Tensor"]
"""(ground_truth, prediction) -> (batch,)."""


class Member:
    """A member in training. Network, optimizer, callbacks and method are its own, and new.

    Args:
        seed: drives batch order and what the method draws. For initial weights and dropout that depend on nothing else,
            ``keras.utils.set_random_seed`` is called with it right before the network is built.
        model: takes images (n, height, width, channels) in [0, 1].
        optimizer: of the model, and of what the weighting method trains.
        loss_weights: the static weights of classification and box, >= 0.
        dtype: of targets, losses and their weights, ``float32`` or ``float64``.
        box_loss: of each example.
        weighting: its method; ``None`` for fixed weights.
        callbacks: Keras callbacks with epoch hooks.
        diagnostics: whether gradients are to be measured, whatever the method.
        monitor: the validation metric that picks the best epoch.
        graph_key: equal for members whose graphs differ in nothing but the values of variables, so that one trace
            serves them all; ``None`` for one that is like no other.

    Attributes:
        loss_weights: the static weights as variables: scalars.
        weighting: with its state.
        trunk: what both heads share; ``None`` where nobody looks at gradients, or they share nothing.
        step_weights: for the steps of the running epoch the effective weights and the gradients' Gramian: one array
            (steps, 5) per call into the graph, see :mod:`locexp.training.columns`.
        history: the metrics of each epoch.
        best_epoch: by the monitored metric, from 1.
        best_weights: the weights kept so far.
        failure: why training failed.
        cause: the error behind that, if there was one.
        stopped: it trains no more.
        paused: its training has ended before its end, as it was asked to, and can go on from a checkpoint.

    Raises:
        UserError: the model has the wrong outputs, its heads share nothing and the method needs what they share, or a
            callback cannot be called here.
    """

    def __init__(
        self,
        seed: int,
        model: Model,
        optimizer: Optimizer,
        loss_weights: tuple[float, float],
        *,
        dtype: str = "float32",
        box_loss: BoxLoss = mse,
        weighting: Weighting | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        diagnostics: bool = False,
        monitor: str = "val/loc_acc_50",
        graph_key: str | None = None,
    ) -> None:
        import keras

        check_model(model)
        self.model, self.optimizer, self.box_loss, self.callbacks = model, optimizer, box_loss, callbacks
        self.seed, self.dtype, self.monitor, self.graph_key = seed, dtype, monitor, graph_key
        self.weighting = weighting or Fixed()
        self.weighting.build(seed, dtype)
        self.trunk = find_trunk(model, self.weighting) if needs_trunk(self.weighting) or diagnostics else None
        if isinstance(self.weighting, GradientWeighting):
            assert self.trunk is not None
            self.weighting.build_for(pick(model.trainable_variables, self.trunk.chosen))
        if self.weighting.trainable_variables:
            optimizer.exclude_from_weight_decay(self.weighting.trainable_variables)
        optimizer.build([*model.trainable_variables, *self.weighting.trainable_variables])
        fuse(optimizer)
        if callbacks:
            model.optimizer = optimizer  # callbacks of Keras look for the learning rate there
        for callback in callbacks:
            check_callback(callback)
            try:
                callback.set_model(model)
            except Exception as error:  # of the user's own code, which may raise anything
                name = type(callback).__name__
                raise UserError(f"trainer.callbacks: {name} failed in set_model ({worded(error)}).") from error
        self.loss_weights: list[Variable] = [
            keras.Variable(weight, dtype=dtype, trainable=False) for weight in loss_weights
        ]
        self.step_weights: list[np.ndarray] = []
        self.history: list[dict[str, float]] = []
        self.best_epoch: int | None = None
        self.best_weights: list[np.ndarray] | None = None
        self.failure: str | None = None
        self.cause: BaseException | None = None
        self.stopped = False
        self.paused = False

    @property
    def variables(self) -> list[Variable]:
        """All state that a step reads or changes, in an order that is the same for all members with one graph key."""
        return [*self.loss_weights, *self.model.variables, *self.optimizer.variables, *self.weighting.variables]

    def batch_order(self, epoch: int, examples: int) -> np.ndarray:
        """Return the permutation of the training examples for an epoch (from 0): int32 (examples,)."""
        return np.random.default_rng((self.seed, epoch)).permutation(examples).astype(np.int32)


def check_model(model: object) -> None:
    """Check that a model returns ``{"classification": (n, classes), "bbox": (n, 4)}``; raises :class:`UserError`."""
    import keras

    if not isinstance(model, keras.Model):
        raise UserError(f"model: got a {type(model).__name__}; expected a keras.Model.")
    if takes_pixels(model):
        raise UserError(
            "model: the network takes pixels from 0 to 255, as saved ones do, but networks are trained on 0 to 1; "
            "return locexp.models.pixels.fraction_model(model) from its builder."
        )
    shapes = model.compute_output_shape((1, *model.input_shape[1:]))
    if not isinstance(shapes, Mapping) or set(shapes) != {"classification", "bbox"}:
        raise UserError(
            f"model: the network's outputs are {shapes}; expected a functional Keras model with outputs "
            "{'classification': (n, classes), 'bbox': (n, 4)}."
        )
    if len(shapes["classification"]) != 2 or tuple(shapes["bbox"][1:]) != (4,):
        raise UserError(f"model: output shapes are {dict(shapes)}; expected classification (n, classes), bbox (n, 4).")
