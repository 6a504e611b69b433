"""What a member does, traced once for all members with its graph key: their variables are arguments of the graph."""

from __future__ import annotations

import copy
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from locexp.bbox.scenes import Composer
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
        composer: makes the training examples.
        shared: whether the member's variables are arguments, so that the graphs serve any member with its graph
            key; else they are part of the graphs.

    Attributes:
        records: whether a step returns what the losses were weighted with.

    Raises:
        ValueError: the graph holds state of the template that is none of its variables, so that it cannot be shared.
    """

    def __init__(
        self, template: Member, dtype: tf.DType, size: tuple[int, int], composer: Composer, *, shared: bool
    ) -> None:
        self._template, self._dtype, self.shared = template, dtype, shared
        self.records = not template.weighting.constant
        labels = tf.TensorSpec([None], tf.int32)
        composer, data = copy.copy(composer), composer.data
        composer.data = ()  # it is handed the data of each stack; those of the first would be kept for all
        drawn = tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32), labels, *_specs(data)
        images, boxes = tf.TensorSpec([None, *size], tf.uint8), tf.TensorSpec([None, 4], dtype)
        self.step = self._traced(lambda *given: train_step(template, batch_of(composer, dtype, *given), dtype), drawn)
        self.evaluate = self._traced(
            lambda *batch: forward(template, batch, dtype, training=False).packed(), (images, labels, boxes)
        )
        self._drawn, self._composer, self._gramian = drawn, composer, None

    @property
    def trunk_gramian(self) -> Any:
        """The graph that measures gradients; traced when it is first asked for."""
        if self._gramian is None:
            template, composer, dtype = self._template, self._composer, self._dtype
            self._gramian = self._traced(
                lambda *given: tf.stack(trunk_gramian(template, batch_of(composer, dtype, *given), dtype)), self._drawn
            )
        return self._gramian

    def state(self, member: Member) -> list[tf.Variable]:
        """Return what a member with this graph key hands to the graphs, after their other arguments."""
        return [variable.value for variable in member.variables] if self.shared else []

    def _traced(self, call: Callable[..., Any], specs: Sequence[tf.TensorSpec]) -> Any:
        traced = tf.function(call, autograph=False).get_concrete_function(*specs)
        return _for_any_member(traced, specs, self.state(self._template)) if self.shared else traced


def _for_any_member(traced: Any, specs: Sequence[tf.TensorSpec], own: Sequence[tf.Variable]) -> Any:
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


def _specs(data: Sequence[tf.Tensor]) -> list[tf.TensorSpec]:
    """Return what tensors of any number of examples look like."""
    return [tf.TensorSpec([None, *values.shape[1:]], values.dtype) for values in data]


_programs: OrderedDict[tuple[Any, ...], Program | None] = OrderedDict()
"""By what they serve; ``None`` where members with a graph key turned out to need one each."""


def program_of(member: Member, dtype: tf.DType, size: tuple[int, int], composer: Composer) -> Program:
    """Return the program of a member: that of an earlier one with its graph key, if this process has had one."""
    shared = None
    if member.spec.graph_key is not None:
        key = member.spec.graph_key, dtype, size, type(composer), *_specs(composer.data)
        if key not in _programs:
            _programs[key] = _shared(member, dtype, size, composer)
        _programs.move_to_end(key)
        while len(_programs) > KEPT:
            _programs.popitem(last=False)
        shared = _programs[key]
    return shared or Program(member, dtype, size, composer, shared=False)


def _shared(member: Member, dtype: tf.DType, size: tuple[int, int], composer: Composer) -> Program | None:
    try:
        return Program(member, dtype, size, composer, shared=True)
    except Exception as error:
        reason = first_line(error)
        logger.warning("the graph cannot be shared with members like this (%s): each has its own", reason)
        return None
