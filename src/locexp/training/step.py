"""One step of one member, as operations in a graph: forward, weigh, update."""

from __future__ import annotations

import tensorflow as tf

from locexp.training.columns import pack
from locexp.training.gradients import gramian_of, weigh
from locexp.training.member import Member
from locexp.training.trunk import needs_trunk, pick

Batch = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
"""Images (uint8, (batch, height, width[, 3])), labels (int32, (batch,)) and boxes ((batch, 4), normalised xyxy)."""


def forward(member: Member, batch: Batch, *, training: bool) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Show a batch to a member.

    Returns:
        Its predictions and their losses, one row per example, see :mod:`locexp.training.columns`: (batch, classes +
        10); and the means of the two losses over the batch, statically weighted: two scalars.
    """
    from keras.losses import sparse_categorical_crossentropy

    images, labels, boxes = batch
    if images.shape.rank == 3:
        images = images[..., tf.newaxis]
    scaled = tf.cast(images, member.dtype) / tf.constant(255, member.dtype)
    outputs = member.model(scaled, training=training)
    probabilities, predicted = (tf.cast(outputs[name], member.dtype) for name in ("classification", "bbox"))
    losses = sparse_categorical_crossentropy(labels, probabilities), member.box_loss(boxes, predicted)
    return pack(probabilities, predicted, boxes, losses), [
        weight.value * tf.reduce_mean(loss) for weight, loss in zip(member.loss_weights, losses, strict=True)
    ]


def train_step(member: Member, batch: Batch) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Train a member on a batch.

    Returns:
        Its rows before the update: (batch, classes + 10); and, where its method is not constant, what the losses were
        weighted with and the gradients' Gramian: (5,), see :mod:`locexp.training.columns`.
    """
    method, dtype = member.weighting, member.dtype
    with tf.GradientTape(persistent=needs_trunk(method)) as tape:
        rows, losses = forward(member, batch, training=True)
        extra = [tf.cast(tf.add_n(member.model.losses), dtype)] if member.model.losses else []
        total = tf.add_n([method.combine(losses), *extra]) if method.constant else None
    variables = [*member.model.trainable_variables, *method.trainable_variables]
    if method.constant:
        member.optimizer.apply(tape.gradient(total, [variable.value for variable in variables]), variables)
        return rows, None
    weighted = weigh(member, tape, losses, extra)
    member.optimizer.apply(weighted.gradients, variables)
    if method.after:
        _, after = forward(member, batch, training=True)
        method.after_step(losses, after)
    weights = [
        tf.cast(weight, dtype) * static.value
        for weight, static in zip(weighted.weights, member.loss_weights, strict=True)
    ]
    return rows, tf.stack([*weights, *(tf.cast(value, dtype) for value in weighted.gramian)])


def trunk_gramian(member: Member, batch: Batch) -> tf.Tensor:
    """Return the Gramian of the statically weighted losses' gradients in the shared trunk: (3,); nothing is trained."""
    assert member.trunk is not None
    with tf.GradientTape(persistent=True) as tape:
        _, losses = forward(member, batch, training=False)
    values = pick([variable.value for variable in member.model.trainable_variables], member.trunk.shared)
    return tf.stack(gramian_of(*(tape.gradient(loss, values) for loss in losses)))
