"""A stack of members and its compiled graph: many steps a call, one copy of the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from locexp.metrics import Predictions
from locexp.training.member import Member

BoxLoss = Callable[[Any, Any], Any]


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

    @property
    def examples(self) -> int:
        """How many training examples there are."""
        return len(self.labels)

    def train_steps(self, order: np.ndarray) -> list[Predictions]:
        """Train every member for some steps.

        Args:
            order: int32 (members, steps, batch): which examples each member sees, step by step.

        Returns:
            For each member the predictions it made on its batches before each update, in that order.
        """
        packed = self._train(tf.constant(order, tf.int32))
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

    def _step(self, member: Member, indices: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            forward = self._forward(
                member,
                tf.gather(self._images, indices),
                tf.gather(self._labels, indices),
                tf.gather(self._boxes, indices),
                training=True,
            )
            total = member.classification_weight * tf.reduce_mean(forward[2])
            total += member.bbox_weight * tf.reduce_mean(forward[3])
            if member.model.losses:
                total += tf.cast(tf.add_n(member.model.losses), self.dtype)
        variables = member.model.trainable_variables
        gradients = tape.gradient(total, [variable.value for variable in variables])
        member.optimizer.apply(gradients, variables)
        return self._pack(*forward)

    def _train_steps(self, order: tf.Tensor) -> list[tf.Tensor]:
        steps = tf.shape(order)[1]
        rows = tuple(tf.TensorArray(self.dtype, size=steps, element_shape=[None, None]) for _ in self.members)

        def body(step: tf.Tensor, rows: tuple[tf.TensorArray, ...]) -> tuple[tf.Tensor, tuple[tf.TensorArray, ...]]:
            written = [
                made.write(step, self._step(member, order[m, step]))
                for m, (member, made) in enumerate(zip(self.members, rows, strict=True))
            ]
            return step + 1, tuple(written)

        _, rows = tf.while_loop(lambda step, _: step < steps, body, (tf.constant(0), rows), parallel_iterations=1)
        return [made.concat() for made in rows]

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
