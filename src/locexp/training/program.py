"""What a member does, traced once for all members of its kind: their variables are arguments of the graph."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from locexp.bbox.scenes import Composer
from locexp.errors import first_line
from locexp.training.member import Member
from locexp.training.step import batch_of, forward, train_step, trunk_products

logger = logging.getLogger(__name__)

KEPT = 32
"""How many programs a process keeps for later stacks."""
State = Sequence[tf.Variable]


class Program:
    """The graphs of a member: a training step, an evaluation, a look at its gradients.

    Args:
        template: whose graph it is.
        dtype: of targets and losses.
        size: (height, width) of the images.
        composer: makes the training examples.
        shared: whether the member's variables are arguments, so that the graphs serve any member of its kind; else
            they are part of the graphs.

    Attributes:
        records: whether a step tells what the losses were weighted with.

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
        self._drawn, self._composer, self._products = drawn, composer, None

    @property
    def trunk_products(self) -> Any:
        """The graph that measures gradients; traced when it is first asked for."""
        if self._products is None:
            template, composer, dtype = self._template, self._composer, self._dtype
            self._products = self._traced(
                lambda *given: trunk_products(template, batch_of(composer, dtype, *given), dtype), self._drawn
            )
        return self._products

    def state(self, member: Member) -> list[tf.Variable]:
        """Return what a member of this kind hands to the graphs, after their other arguments."""
        return [variable.value for variable in member.variables] if self.shared else []

    def _traced(self, call: Callable[..., Any], specs: Sequence[tf.TensorSpec]) -> Any:
        def graph(*arguments: Any) -> Any:
            with _standing_in(self._template, arguments[len(specs) :]):
                return call(*arguments[: len(specs)])

        function = tf.function(graph, autograph=False)
        traced = function.get_concrete_function(*specs, *self.state(self._template))
        if self.shared and traced.captured_inputs:
            raise ValueError("the network keeps state outside its variables")
        return traced


def _specs(data: Sequence[tf.Tensor]) -> list[tf.TensorSpec]:
    """Return what tensors of any number of examples look like."""
    return [tf.TensorSpec([None, *values.shape[1:]], values.dtype) for values in data]


_programs: OrderedDict[tuple[Any, ...], Program | None] = OrderedDict()
"""By what they serve; ``None`` where members of a kind turned out to need one each."""


def program_of(member: Member, dtype: tf.DType, size: tuple[int, int], composer: Composer) -> Program:
    """Return the program of a member: that of an earlier one of its kind, where there was one in this process."""
    shared = None
    if member.spec.kind is not None:
        key = member.spec.kind, dtype, size, type(composer), *_specs(composer.data)
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


@contextlib.contextmanager
def _standing_in(template: Member, state: State) -> Iterator[None]:
    """Let the template's Keras variables hold others while its graph is traced; nothing is changed without state."""
    if not state:
        yield
        return
    variables, optimizer = template.variables, template.optimizer
    own, indices = [variable._value for variable in variables], optimizer._trainable_variables_indices
    trained = [*template.model.trainable_variables, *template.weighting.trainable_variables]
    try:
        for variable, other in zip(variables, state, strict=True):
            variable._value = other
        optimizer._trainable_variables_indices = {
            optimizer._var_key(variable): index for index, variable in enumerate(trained)
        }
        yield
    finally:
        for variable, value in zip(variables, own, strict=True):
            variable._value = value
        optimizer._trainable_variables_indices = indices
