"""What a member does, traced once for all members with its graph key: their variables are arguments of the graph."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf
from cachetools import LRUCache, cached

from locexp.errors import first_line
from locexp.keras_internals import rebind
from locexp.training.member import Member
from locexp.training.step import forward, train_step, trunk_gramian

logger = logging.getLogger(__name__)

Graph: TypeAlias = tf.types.experimental.ConcreteFunction
KEPT = 32
"""How many programs a process keeps for later stacks."""


class Program:
    """The graphs of a member: a training step, an evaluation, a look at its gradients.

    Args:
        template: whose graph it is. It is not kept where the graph is shared, for it may be large.
        size: (height, width) of the images.
        shared: whether the member's variables are arguments, so that the graphs serve any member with its graph key;
            else they are part of the graphs.

    Attributes:
        shared: see the arguments.
        records: whether a step returns what the losses were weighted with.
        data: the specifications of images (n, height, width[, 3]), labels (n,) and boxes (n, 4), for any n.
        step: trains on the examples with some indices, int32 (batch,), of images, labels and boxes; returns what
            :func:`~locexp.training.step.train_step` does.
        evaluate: from images, labels and boxes to rows of predictions (n, classes + 10), see
            :mod:`locexp.training.columns`.

    Raises:
        ValueError: the graph holds state of the template that is none of its variables, so that it cannot be shared.
    """

    def __init__(self, template: Member, size: tuple[int, ...], *, shared: bool) -> None:
        self.shared = shared
        self.records = not template.weighting.constant
        labels, boxes = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, 4], template.dtype)
        self.data = tf.TensorSpec([None, *size], tf.uint8), labels, boxes
        self._drawn = tf.TensorSpec([None], tf.int32), *self.data
        self.step = self._traced(template, lambda *drawn: train_step(template, _batch(*drawn)), self._drawn)
        self.evaluate = self._traced(template, lambda *batch: forward(template, batch, training=False)[0], self.data)
        self._trunk_gramian: Graph | None = None

    def trunk_gramian(self, member: Member) -> Graph:
        """Return the graph that measures gradients; traced with the first member for which it is asked."""
        if self._trunk_gramian is None:
            self._trunk_gramian = self._traced(
                member, lambda *drawn: trunk_gramian(member, _batch(*drawn)), self._drawn
            )
        return self._trunk_gramian

    def state(self, member: Member) -> list[tf.Variable]:
        """Return what a member with this graph key hands to the graphs, after their other arguments."""
        return [variable.value for variable in member.variables] if self.shared else []

    def _traced(self, member: Member, call: Callable[..., Any], specs: Sequence[tf.TensorSpec]) -> Graph:
        traced = tf.function(call, autograph=False).get_concrete_function(*specs)
        return _for_any_member(traced, specs, self.state(member)) if self.shared else traced


def _batch(indices: tf.Tensor, *data: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Return the examples with these indices (int32 (batch,))."""
    return tuple(tf.gather(values, indices) for values in data)


def _for_any_member(traced: Graph, specs: Sequence[tf.TensorSpec], own: Sequence[tf.Variable]) -> Graph:
    """Return a function that was traced with a member's own variables as one that takes those of any member.

    Args:
        traced: the function.
        specs: of its arguments, which the variables are to follow.
        own: the variables that it was traced with.
    """
    positions = {id(variable.handle): position for position, variable in enumerate(own)}
    if any(id(tensor) not in positions for tensor in traced.captured_inputs):
        raise ValueError("the network keeps state outside its variables")
    captured = [positions[id(tensor)] for tensor in traced.captured_inputs]

    def call(*arguments: Any) -> Any:
        variables = arguments[len(specs) :]
        rebind(traced, [variables[position].handle for position in captured])
        return traced(*arguments[: len(specs)])

    return tf.function(call, autograph=False).get_concrete_function(*specs, *own)


@cached(LRUCache(KEPT), key=lambda member, size: (member.graph_key, member.dtype, size))
def shared_program(member: Member, size: tuple[int, ...]) -> Program | None:
    """Return the program for all members with a graph key, kept for later stacks; ``None`` where each needs its own."""
    if member.graph_key is None:
        return None
    try:
        return Program(member, size, shared=True)
    except Exception as error:
        reason = first_line(error)
        logger.warning("the graph cannot be shared with members like this (%s): each has its own", reason)
        return None
