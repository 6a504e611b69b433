"""One step of one member, as operations in a graph: forward, weigh, update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from locexp.losses.weighting.base import Gramian
from locexp.training.columns import pack
from locexp.training.gradients import gramian_of, needs_trunk, pick, weigh
from locexp.training.member import Member

Batch = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
"""Images (uint8, (batch, height, width)), labels (int32, (batch,)) and boxes ((batch, 4), normalised xyxy)."""


@dataclass(frozen=True)
class Forward:
    """A network's predictions for a batch, and how far they are from the truth.

    Attributes:
        probabilities: (batch, classes), each row with sum 1.
        boxes: the predicted ones, (batch, 4), normalised xyxy.
        truth: the true boxes, (batch, 4), normalised xyxy.
        losses: of classification and box, without weights: (batch,) each.
    """

    probabilities: tf.Tensor
    boxes: tf.Tensor
    truth: tf.Tensor
    losses: tuple[tf.Tensor, tf.Tensor]

    def packed(self) -> tf.Tensor:
        """Return one row per example, so that a step hands out a single tensor: (batch, classes + 10)."""
        return pack(self.probabilities, self.boxes, self.truth, self.losses)


def forward(member: Member, batch: Batch, dtype: tf.DType, *, training: bool) -> Forward:
    """Show a batch to a member; targets and losses have ``dtype``."""
    from keras.losses import sparse_categorical_crossentropy

    images, labels, boxes = batch
    scaled = tf.cast(images, dtype)[..., tf.newaxis] / tf.constant(255, dtype)
    outputs = member.model(scaled, training=training)
    probabilities = tf.cast(outputs["classification"], dtype)
    predicted = tf.cast(outputs["bbox"], dtype)
    losses = sparse_categorical_crossentropy(labels, probabilities), member.box_loss(boxes, predicted)
    return Forward(probabilities, predicted, boxes, losses)


def batch_of(indices: tf.Tensor, images: tf.Tensor, labels: tf.Tensor, boxes: tf.Tensor) -> Batch:
    """Return the examples with these indices (int32 (batch,))."""
    return tf.gather(images, indices), tf.gather(labels, indices), tf.gather(boxes, indices)


def train_step(member: Member, batch: Batch, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Train a member on a batch.

    Returns:
        Its predictions before the update, packed: (batch, classes + 10); and, where its method is not constant, what
        the losses were weighted with and the gradients' Gramian: (5,), see :mod:`locexp.training.columns`.
    """
    method = member.weighting
    with tf.GradientTape(persistent=needs_trunk(method)) as tape:
        predictions = forward(member, batch, dtype, training=True)
        losses = weighted(member, predictions)
        extra = [tf.cast(tf.add_n(member.model.losses), dtype)] if member.model.losses else []
        total = tf.add_n([method.combine(losses), *extra]) if method.constant else None
    variables = [*member.model.trainable_variables, *method.trainable_variables]
    if method.constant:
        gradients = tape.gradient(total, [variable.value for variable in variables])
        member.optimizer.apply(gradients, variables)
        return predictions.packed(), None
    found = weigh(method, member.trunk, member.model, tape, losses, extra)
    member.optimizer.apply([*found.network, *found.state], variables)
    if method.after:
        method.after_step(losses, weighted(member, forward(member, batch, dtype, training=True)))
    weights = [
        tf.cast(weight, dtype) * static.value for weight, static in zip(found.weights, member.loss_weights, strict=True)
    ]
    return predictions.packed(), tf.stack([*weights, *(tf.cast(value, dtype) for value in found.gramian)])


def weighted(member: Member, predictions: Forward) -> Sequence[tf.Tensor]:
    """Return the means of the two losses over the batch, statically weighted: two scalars."""
    return [
        weight.value * tf.reduce_mean(loss)
        for weight, loss in zip(member.loss_weights, predictions.losses, strict=True)
    ]


def trunk_gramian(member: Member, batch: Batch, dtype: tf.DType) -> Gramian:
    """Return the Gramian of the statically weighted losses' gradients in the shared trunk; nothing is trained."""
    assert member.trunk is not None
    with tf.GradientTape(persistent=True) as tape:
        losses = weighted(member, forward(member, batch, dtype, training=False))
    values = pick([variable.value for variable in member.model.trainable_variables], member.trunk.shared)
    return gramian_of(*(tape.gradient(loss, values) for loss in losses))
