"""A stack of members and its compiled graph: many steps per call, one copy of the data."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import tensorflow as tf
from cachetools import LRUCache, cached

from locexp.evaluation.metrics import Predictions
from locexp.training.columns import STEP_WEIGHTS, constant_step_weights, unpack
from locexp.training.examples import Examples, FreshScenes
from locexp.training.member import Member
from locexp.training.program import Graph, Program, shared_program

Arrays = tuple[tf.TensorArray, ...]
KEPT = 8
"""How many loops a process keeps for later stacks."""


class Stack:
    """Members that train side by side on one data set held in memory.

    No operation mixes members, so a member's numbers do not depend on who else is in the stack. Images stay uint8
    and are gathered and scaled inside the graph.

    Args:
        members: at least one; of one dtype.
        images: uint8, (n, height, width[, 3]).
        labels: int64, (n,).
        boxes: float, (n, 4), normalised xyxy.
        fresh: makes the scenes of later epochs, while others train; those given are of epoch 0.
    """

    def __init__(
        self,
        members: Sequence[Member],
        images: np.ndarray,
        labels: np.ndarray,
        boxes: np.ndarray,
        *,
        fresh: FreshScenes | None = None,
    ) -> None:
        self.members, self.dtype = list(members), members[0].dtype
        self.images, self.labels, self.boxes = images, labels, boxes
        self.size = tuple(map(int, images.shape[1:]))
        self._examples = Examples(images, labels, boxes, self.dtype, fresh)
        self._programs: list[Program] = []
        self._own_loop = _kept_by_programs()  # not for later stacks, for it holds the members
        self._evaluators = ThreadPoolExecutor(_at_a_time(), thread_name_prefix="evaluation")

    @property
    def canvas(self) -> tuple[int, int]:
        """(width, height) of the images in pixels."""
        return self.size[1], self.size[0]

    @property
    def examples(self) -> int:
        """How many training examples there are."""
        return len(self.labels)

    def traced(self) -> list[Program]:
        """Return the graphs of each member, which are traced when they are first asked for."""
        self._programs = self._programs or [
            shared_program(member, self.size) or Program(member, self.size, shared=False) for member in self.members
        ]
        return self._programs

    def begin_epoch(self, epoch: int, *, last: bool) -> None:
        """Get the examples of an epoch (from 0) ready, and begin to make those of the next, except after the last."""
        self._examples.of_epoch(epoch)
        if not last:
            self._examples.make_ahead(epoch + 1)

    def close(self) -> None:
        """End what :meth:`begin_epoch` has begun."""
        self._examples.close()

    def train_steps(
        self, order: np.ndarray, chosen: Sequence[int] | None = None, *, epoch: int = 0
    ) -> list[Predictions]:
        """Train members for some steps.

        Args:
            order: int32 (members, steps, batch): which examples each member sees, step by step.
            chosen: indices of the members; ``None`` for all.
            epoch: from 0, for examples that are made anew in each.

        Returns:
            For each of them the predictions it made on its batches before each update, in that order. What the steps
            were weighted with is appended to the members' ``step_weights``.
        """
        chosen = range(len(self.members)) if chosen is None else chosen
        programs = tuple(self.traced()[index] for index in chosen)
        states = [program.state(self.members[index]) for program, index in zip(programs, chosen, strict=True)]
        loop = _shared_loop if all(program.shared for program in programs) else self._own_loop
        data = self._examples.of_epoch(epoch)
        rows, recorded = loop(programs, states)(tf.constant(order, tf.int32), *data, *itertools.chain(*states))
        recorded = iter(recorded)
        predictions = []
        for position, (program, index) in enumerate(zip(programs, chosen, strict=True)):
            member = self.members[index]
            if program.records:
                member.step_weights.append(next(recorded).numpy())
            else:
                static = [float(weight.numpy()) for weight in member.loss_weights]
                member.step_weights.append(constant_step_weights(static, order.shape[1]))
            predictions.append(unpack(rows[position].numpy(), self.labels[order[position].ravel()], self.canvas))
        return predictions

    def evaluations(
        self, chosen: Sequence[int], images: np.ndarray, labels: np.ndarray, boxes: np.ndarray, batch_size: int
    ) -> dict[int, Future[tuple[Predictions, float]]]:
        """Begin to evaluate members on images (uint8, (n, height, width)), as many at a time as cores allow.

        Returns:
            By index the predictions, and the seconds that they took.
        """

        programs = self.traced()  # by this thread, not by one of several

        def evaluate(index: int) -> tuple[Predictions, float]:
            start = time.perf_counter()
            state = programs[index].state(self.members[index])
            rows = []
            for first in range(0, len(labels), batch_size):
                part = slice(first, first + batch_size)
                batch = tf.constant(images[part]), tf.constant(labels[part], tf.int32)
                rows.append(programs[index].evaluate(*batch, tf.constant(boxes[part], self.dtype), *state).numpy())
            return unpack(np.concatenate(rows), labels, self.canvas), time.perf_counter() - start

        return {index: self._evaluators.submit(evaluate, index) for index in chosen}

    def gramians(self, index: int, order: np.ndarray, *, epoch: int = 0) -> np.ndarray:
        """Return the Gramians of the (statically weighted) losses' gradients in the trunk of a member; no training.

        Args:
            index: of the member.
            order: int32 (batches, batch): which examples.
            epoch: see :meth:`train_steps`.

        Returns:
            a, b and c: (batches, 3); with dropout off and other state left as it is.
        """
        program = self.traced()[index]
        state = program.state(self.members[index])
        graph = program.trunk_gramian(self.members[index])
        batches = (tf.constant(batch, tf.int32) for batch in order)
        data = self._examples.of_epoch(epoch)
        return np.stack([graph(batch, *data, *state).numpy() for batch in batches])


def _at_a_time() -> int:
    """Return how many evaluations run side by side: one, where each has all cores for its operations."""
    threads = tf.config.threading
    return max(1, threads.get_inter_op_parallelism_threads()) if threads.get_intra_op_parallelism_threads() == 1 else 1


def _loop(programs: Sequence[Program], states: Sequence[Sequence[tf.Variable]]) -> Graph:
    """Trace the hot loop: in each step every member takes one of its own.

    Args:
        programs: one per member.
        states: of the members for which it is traced; any others with their graph keys can be handed over.

    Returns:
        A function of order (int32 (members, steps, batch)), images, labels, boxes and the variables of all states, to
        rows of predictions (steps · batch, classes + 10) for each member, and step weights (steps, 5) for each whose
        program records them.
    """
    *_, boxes = programs[0].data
    sizes = [len(state) for state in states]  # not the states: the graph may outlive their members
    recording = [position for position, program in enumerate(programs) if program.records]

    def loop(order: tf.Tensor, *arguments: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        data, variables = arguments[:3], iter(arguments[3:])
        given = [list(itertools.islice(variables, size)) for size in sizes]
        steps = tf.shape(order)[1]
        rows = tuple(tf.TensorArray(boxes.dtype, size=steps, element_shape=[None, None]) for _ in programs)
        weights = tuple(tf.TensorArray(boxes.dtype, size=steps, element_shape=[STEP_WEIGHTS]) for _ in recording)

        def body(step: tf.Tensor, rows: Arrays, weights: Arrays) -> tuple[tf.Tensor, Arrays, Arrays]:
            taken = [
                program.step(order[position, step], *data, *state)
                for position, (program, state) in enumerate(zip(programs, given, strict=True))
            ]
            rows = tuple(array.write(step, packed) for array, (packed, _) in zip(rows, taken, strict=True))
            weights = tuple(
                array.write(step, taken[position][1]) for array, position in zip(weights, recording, strict=True)
            )
            return step + 1, rows, weights

        start = (tf.constant(0), rows, weights)
        _, rows, weights = tf.while_loop(lambda step, *_: step < steps, body, start, parallel_iterations=1)
        return [array.concat() for array in rows], [array.stack() for array in weights]

    order = tf.TensorSpec([len(programs), None, None], tf.int32)
    variables = itertools.chain(*states)
    return tf.function(loop, autograph=False).get_concrete_function(order, *programs[0].data, *variables)


def _kept_by_programs() -> Callable[[Sequence[Program], Sequence[Sequence[tf.Variable]]], Graph]:
    """Return what traces a loop, or gives that which it has traced for the same programs."""
    return cached(LRUCache(KEPT), key=lambda programs, _: programs)(_loop)


_shared_loop = _kept_by_programs()
