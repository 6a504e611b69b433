"""What a member does, traced once for all members with its graph key: their variables are arguments of the graph."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from locexp.errors import first_line
from locexp.keras_internals import rebind
from locexp.training.member import Member
from locexp.training.step import batch_of, forward, train_step, trunk_gramian

logger = logging.getLogger(__name__)

KEPT = 32
"""How many programs a process keeps for later stacks."""


class Program:
    """The graphs of a member: a training step, an evaluation, a look at its gradients.

    Args:
        template: whose graph it is.
        dtype: of targets and losses.
        size: (height, width) of the images.
        shared: whether the member's variables are arguments, so that the graphs serve any member with its graph key;
            else they are part of the graphs.

    Attributes:
        records: whether a step returns what the losses were weighted with.

    Raises:
        ValueError: the graph holds state of the template that is none of its variables, so that it cannot be shared.
    """

    def __init__(self, template: Member, dtype: tf.DType, size: tuple[int, int], *, shared: bool) -> None:
        self._template, self._dtype, self.shared = template, dtype, shared
        self.records = not template.weighting.constant
        batch = data_specs(size, dtype)
        self._drawn = tf.TensorSpec([None], tf.int32), *batch
        self.step = self._traced(lambda *drawn: train_step(template, batch_of(*drawn), dtype), self._drawn)
        self.evaluate = self._traced(lambda *batch: forward(template, batch, dtype, training=False).packed(), batch)
        self._gramian = None

    @property
    def trunk_gramian(self) -> tf.types.experimental.ConcreteFunction:
        """The graph that measures gradients; traced when it is first asked for."""
        if self._gramian is None:
            template, dtype = self._template, self._dtype
            self._gramian = self._traced(
                lambda *drawn: tf.stack(trunk_gramian(template, batch_of(*drawn), dtype)), self._drawn
            )
        return self._gramian

    def state(self, member: Member) -> list[tf.Variable]:
        """Return what a member with this graph key hands to the graphs, after their other arguments."""
        return [variable.value for variable in member.variables] if self.shared else []

    def _traced(
        self, call: Callable[..., Any], specs: Sequence[tf.TensorSpec]
    ) -> tf.types.experimental.ConcreteFunction:
        traced = tf.function(call, autograph=False).get_concrete_function(*specs)
        return _for_any_member(traced, specs, self.state(self._template)) if self.shared else traced


def _for_any_member(
    traced: tf.types.experimental.ConcreteFunction, specs: Sequence[tf.TensorSpec], own: Sequence[tf.Variable]
) -> tf.types.experimental.ConcreteFunction:
    """Return a function that was traced with a member's own variables as one that takes those of any member.

    Args:
        traced: the function.
        specs: of its arguments, which the variables are to follow.
        own: the variables that it was traced with.
    """
    places = {id(variable.handle): place for place, variable in enumerate(own)}
    if any(id(tensor) not in places for tensor in traced.captured_inputs):
        raise ValueError("the network keeps state outside its variables")
    captured = [places[id(tensor)] for tensor in traced.captured_inputs]

    def call(*arguments: Any) -> Any:
        variables = arguments[len(specs) :]
        rebind(traced, [variables[place].handle for place in captured])
        return traced(*arguments[: len(specs)])

    return tf.function(call, autograph=False).get_concrete_function(*specs, *own)


def data_specs(size: tuple[int, int], dtype: tf.DType) -> tuple[tf.TensorSpec, tf.TensorSpec, tf.TensorSpec]:
    """Return what images of (height, width), their labels and boxes look like as tensors, however many there are."""
    images, boxes = tf.TensorSpec([None, *size], tf.uint8), tf.TensorSpec([None, 4], dtype)
    return images, tf.TensorSpec([None], tf.int32), boxes


_programs: OrderedDict[tuple[Any, ...], Program | None] = OrderedDict()
"""By what they serve; ``None`` where members with a graph key turned out to need one each."""


def program_of(member: Member, dtype: tf.DType, size: tuple[int, int]) -> Program:
    """Return the program of a member: that of an earlier one with its graph key, if this process has had one."""
    shared = None
    if member.spec.graph_key is not None:
        key = member.spec.graph_key, dtype, size
        if key not in _programs:
            _programs[key] = _shared(member, dtype, size)
        _programs.move_to_end(key)
        while len(_programs) > KEPT:
            _programs.popitem(last=False)
        shared = _programs[key]
    return shared or Program(member, dtype, size, shared=False)


def _shared(member: Member, dtype: tf.DType, size: tuple[int, int]) -> Program | None:
    try:
        return Program(member, dtype, size, shared=True)
    except Exception as error:
        reason = first_line(error)
        logger.warning("the graph cannot be shared with members like this (%s): each has its own", reason)
        return None
