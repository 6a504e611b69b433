"""A stack of members and its compiled graph: many steps a call, one copy of the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from locexp.metrics import Predictions
from locexp.training.gradients import needs_trunk, pick, products, weigh
from locexp.training.member import Member

BoxLoss = Callable[[Any, Any], Any]
Arrays = tuple[tf.TensorArray, ...]


class Stack:
    """Members that train side by side on one data set held in memory.

    No operation mixes members, so a member's numbers do not depend on who else is in the stack. Images stay uint8
    and are gathered and scaled inside the graph.

    Args:
        members: at least one.
        images: uint8, (n, height, width).
        labels: int64, (n,).
        boxes: float, (n, 4), normalised xyxy.
        box_loss: (ground_truth, prediction) -> (batch,).
        dtype: of images, targets and losses, ``float32`` or ``float64``.
    """

    def __init__(
        self,
        members: Sequence[Member],
        images: np.ndarray,
        labels: np.ndarray,
        boxes: np.ndarray,
        *,
        box_loss: BoxLoss,
        dtype: str = "float32",
    ) -> None:
        self.members = list(members)
        self.dtype = tf.as_dtype(dtype)
        self.canvas = (int(images.shape[2]), int(images.shape[1]))
        self.labels, self.boxes = labels, boxes
        self._box_loss = box_loss
        # tf.constant keeps a second copy beside the tensor for as long as it lives; its identity does not.
        self._images = tf.identity(tf.constant(images))
        self._labels = tf.constant(labels, tf.int32)
        self._boxes = tf.constant(boxes, self.dtype)
        order_spec = tf.TensorSpec([len(self.members), None, None], tf.int32)
        self._train = tf.function(self._train_steps, input_signature=[order_spec], autograph=False)
        self._evaluators: dict[int, Callable[..., tf.Tensor]] = {}
        self._probes: dict[int, Callable[..., tf.Tensor]] = {}

    @property
    def examples(self) -> int:
        """How many training examples there are."""
        return len(self.labels)

    def train_steps(self, order: np.ndarray) -> list[Predictions]:
        """Train every member for some steps.

        Args:
            order: int32 (members, steps, batch): which examples each member sees, step by step.

        Returns:
            For each member the predictions it made on its batches before each update, in that order. What the steps
            were weighted with is appended to the members' ``steps``.
        """
        packed, weighed = self._train(tf.constant(order, tf.int32))
        for member, rows in zip(self.members, weighed, strict=True):
            member.steps.append(rows.numpy())
        return [
            self._unpack(rows.numpy(), self.labels[order[m].ravel()], self.boxes[order[m].ravel()])
            for m, rows in enumerate(packed)
        ]

    def evaluate(
        self, index: int, images: np.ndarray, labels: np.ndarray, boxes: np.ndarray, batch_size: int
    ) -> Predictions:
        """Return what member ``index`` says about images (uint8, (n, height, width))."""
        if index not in self._evaluators:
            member = self.members[index]
            self._evaluators[index] = tf.function(
                lambda image, label, box: self._pack(*self._forward(member, image, label, box, training=False)),
                input_signature=[
                    tf.TensorSpec([None, *images.shape[1:]], tf.uint8),
                    tf.TensorSpec([None], tf.int32),
                    tf.TensorSpec([None, 4], self.dtype),
                ],
                autograph=False,
            )
        evaluator = self._evaluators[index]
        blocks = []
        for start in range(0, len(labels), batch_size):
            part = slice(start, start + batch_size)
            blocks.append(
                evaluator(
                    tf.constant(images[part]), tf.constant(labels[part], tf.int32), tf.constant(boxes[part], self.dtype)
                ).numpy()
            )
        return self._unpack(np.concatenate(blocks), labels, boxes)

    def gradient_products(self, index: int, order: np.ndarray) -> np.ndarray:
        """Return a, b, c of the (statically weighted) losses' gradients in the trunk of member ``index``; no training.

        Args:
            order: int32 (batches, batch): which examples.

        Returns:
            (batches, 3); with dropout off and other state left as it is.
        """
        member = self.members[index]
        assert member.trunk is not None
        shared = member.trunk.shared
        if index not in self._probes:

            def probe(indices: tf.Tensor) -> tf.Tensor:
                with tf.GradientTape(persistent=True) as tape:
                    losses = self._weighted(member, self._forward(member, *self._batch(indices), training=False))
                values = pick([variable.value for variable in member.model.trainable_variables], shared)
                return tf.stack(products(*(tape.gradient(loss, values) for loss in losses)))

            self._probes[index] = tf.function(probe, input_signature=[tf.TensorSpec([None], tf.int32)], autograph=False)
        return np.stack([self._probes[index](tf.constant(batch, tf.int32)).numpy() for batch in order])

    def _forward(
        self, member: Member, images: tf.Tensor, labels: tf.Tensor, boxes: tf.Tensor, *, training: bool
    ) -> tuple[tf.Tensor, ...]:
        """Return probabilities, boxes and the two unweighted losses of each example."""
        from keras.losses import sparse_categorical_crossentropy

        scaled = tf.cast(images, self.dtype)[..., tf.newaxis] / tf.constant(255, self.dtype)
        outputs = member.model(scaled, training=training)
        probabilities = tf.cast(outputs["classification"], self.dtype)
        predicted = tf.cast(outputs["bbox"], self.dtype)
        return (
            probabilities,
            predicted,
            sparse_categorical_crossentropy(labels, probabilities),
            self._box_loss(boxes, predicted),
        )

    def _step(self, member: Member, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return what was predicted before the update, and what the losses were weighted with: (5,)."""
        method = member.weighting
        batch = self._batch(indices)
        with tf.GradientTape(persistent=needs_trunk(method)) as tape:
            forward = self._forward(member, *batch, training=True)
            losses = self._weighted(member, forward)
            extra = [tf.cast(tf.add_n(member.model.losses), self.dtype)] if member.model.losses else []
        made = weigh(method, member.trunk, member.model, tape, losses, extra)
        variables = [*member.model.trainable_variables, *method.trainable_variables]
        member.optimizer.apply([*made.network, *made.state], variables)
        if method.after:
            method.after_step(losses, self._weighted(member, self._forward(member, *batch, training=True)))
        static = member.classification_weight, member.bbox_weight
        weights = [tf.cast(weight, self.dtype) * own for weight, own in zip(made.weights, static, strict=True)]
        return self._pack(*forward), tf.stack([*weights, *(tf.cast(value, self.dtype) for value in made.products)])

    def _batch(self, indices: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return tuple(tf.gather(values, indices) for values in (self._images, self._labels, self._boxes))

    def _weighted(self, member: Member, forward: tuple[tf.Tensor, ...]) -> list[tf.Tensor]:
        """Return the means of the two losses over the batch, statically weighted."""
        static = member.classification_weight, member.bbox_weight
        return [weight * tf.reduce_mean(loss) for weight, loss in zip(static, forward[2:], strict=True)]

    def _train_steps(self, order: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        steps = tf.shape(order)[1]
        rows = tuple(tf.TensorArray(self.dtype, size=steps, element_shape=[None, None]) for _ in self.members)
        weighed = tuple(tf.TensorArray(self.dtype, size=steps, element_shape=[5]) for _ in self.members)

        def body(step: tf.Tensor, rows: Arrays, weighed: Arrays) -> tuple[tf.Tensor, Arrays, Arrays]:
            written: list[tuple[tf.TensorArray, tf.TensorArray]] = []
            for m, member in enumerate(self.members):
                made, weights = self._step(member, order[m, step])
                written.append((rows[m].write(step, made), weighed[m].write(step, weights)))
            return step + 1, tuple(one for one, _ in written), tuple(other for _, other in written)

        start = (tf.constant(0), rows, weighed)
        _, rows, weighed = tf.while_loop(lambda step, *_: step < steps, body, start, parallel_iterations=1)
        return [made.concat() for made in rows], [made.stack() for made in weighed]

    def _pack(self, probabilities: tf.Tensor, boxes: tf.Tensor, *losses: tf.Tensor) -> tf.Tensor:
        """One row an example, so that a step hands out a single tensor: (batch, classes + 4 + 2)."""
        return tf.concat([probabilities, boxes, *(loss[:, tf.newaxis] for loss in losses)], axis=1)

    def _unpack(self, rows: np.ndarray, labels: np.ndarray, boxes: np.ndarray) -> Predictions:
        return Predictions(
            probabilities=rows[:, :-6],
            boxes=rows[:, -6:-2],
            labels=labels,
            truth=boxes,
            classification_loss=rows[:, -2],
            bbox_loss=rows[:, -1],
            canvas=self.canvas,
        )
