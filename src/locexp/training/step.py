"""One step of one member, as operations in a graph: forward, weigh, update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from locexp.bbox.scenes import Composer
from locexp.training.gradients import needs_trunk, pick, products, weigh
from locexp.training.member import Member

Batch = tuple[Any, Any, Any]
"""Images (uint8, (batch, height, width)), labels (int32, (batch,)) and boxes ((batch, 4))."""


@dataclass(frozen=True)
class Forward:
    """What a network says of a batch: probabilities, boxes, and the two unweighted losses of each example; with the
    boxes that were true."""

    probabilities: Any
    boxes: Any
    truth: Any
    losses: tuple[Any, Any]

    def packed(self) -> Any:
        """Return one row an example, so that a step hands out a single tensor: (batch, classes + 4 + 4 + 2)."""
        losses = (loss[:, tf.newaxis] for loss in self.losses)
        return tf.concat([self.probabilities, self.boxes, self.truth, *losses], axis=1)


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


class Held:
    """Examples that lie in memory and are the same in every epoch; see :class:`locexp.bbox.scenes.Composer`.

    Args:
        images: uint8, (n, height, width).
        boxes: (n, 4), normalised xyxy.
        dtype: of the boxes in the graph.
    """

    def __init__(self, images: Any, boxes: Any, dtype: tf.DType) -> None:
        # tf.constant keeps a second copy beside the tensor for as long as it lives; its identity does not.
        self.data = tf.identity(tf.constant(images)), tf.constant(boxes, dtype)

    def __call__(self, indices: Any, epoch: Any, *data: Any) -> tuple[Any, Any]:
        """Return the images and boxes with these indices."""
        images, boxes = data
        return tf.gather(images, indices), tf.gather(boxes, indices)


def batch_of(composer: Composer, dtype: tf.DType, indices: Any, epoch: Any, labels: Any, *source: Any) -> Batch:
    """Return the examples with these indices, as they are in an epoch (from 0)."""
    images, boxes = composer(indices, epoch, *source)
    return images, tf.gather(labels, indices), tf.cast(boxes, dtype)


def train_step(member: Member, batch: Batch, dtype: tf.DType) -> tuple[Any, Any | None]:
    """Train a member on a batch.

    Returns:
        What it said before the update, packed; and, where its method is not constant, what the losses were weighted
        with, and the gradients' a, b, c: (5,).
    """
    method = member.weighting
    with tf.GradientTape(persistent=needs_trunk(method)) as tape:
        made = forward(member, batch, dtype, training=True)
        losses = weighted(member, made)
        extra = [tf.cast(tf.add_n(member.model.losses), dtype)] if member.model.losses else []
        total = tf.add_n([method.combine(losses), *extra]) if method.constant else None
    variables = [*member.model.trainable_variables, *method.trainable_variables]
    if method.constant:
        gradients = tape.gradient(total, [variable.value for variable in variables])
        member.optimizer.apply(gradients, variables)
        return made.packed(), None
    found = weigh(method, member.trunk, member.model, tape, losses, extra)
    member.optimizer.apply([*found.network, *found.state], variables)
    if method.after:
        method.after_step(losses, weighted(member, forward(member, batch, dtype, training=True)))
    weights = [tf.cast(weight, dtype) * own for weight, own in zip(found.weights, _static(member), strict=True)]
    return made.packed(), tf.stack([*weights, *(tf.cast(value, dtype) for value in found.products)])


def weighted(member: Member, made: Forward) -> list[Any]:
    """Return the means of the two losses over the batch, statically weighted."""
    return [weight * tf.reduce_mean(loss) for weight, loss in zip(_static(member), made.losses, strict=True)]


def trunk_products(member: Member, batch: Batch, dtype: tf.DType) -> Any:
    """Return a, b, c of the statically weighted losses' gradients in the shared trunk: (3,); nothing is trained."""
    assert member.trunk is not None
    with tf.GradientTape(persistent=True) as tape:
        losses = weighted(member, forward(member, batch, dtype, training=False))
    values = pick([variable.value for variable in member.model.trainable_variables], member.trunk.shared)
    return tf.stack(products(*(tape.gradient(loss, values) for loss in losses)))


def _static(member: Member) -> Sequence[Any]:
    return member.classification_weight.value, member.bbox_weight.value
