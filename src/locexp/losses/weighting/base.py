"""What a weighting method can do: the hooks, and the two kinds."""

from __future__ import annotations

import fnmatch
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from annotated_types import MinLen, doc

from locexp.bounds import checked
from locexp.errors import UserError, listed
from locexp.keras_protocols import Tensor, Variable


class Gramian(NamedTuple):
    """The inner products of two gradients, all that decides with two losses; tensors of one shape.

    Attributes:
        a: |g₁|², of classification.
        b: g₁·g₂.
        c: |g₂|², of the box.
    """

    a: Tensor
    b: Tensor
    c: Tensor

    def lengths(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return both norms, the cosine between the gradients, and whether neither norm is 0 (where it is, cosine 0).

        Products of squared norms would leave float32's range; these do not.
        """
        from keras import ops

        first, second = ops.sqrt(ops.maximum(self.a, 0)), ops.sqrt(ops.maximum(self.c, 0))
        proper = (first > 0) & (second > 0)
        one = ops.ones_like(first)
        cosine = self.b / ops.where(proper, first, one) / ops.where(proper, second, one)
        return first, second, ops.where(proper, ops.clip(cosine, -1, 1), ops.zeros_like(first)), proper

    def scaled(self) -> Gramian:
        """Return all three over the larger of a and c, for weights that do not depend on a common scale."""
        from keras import ops

        largest = ops.maximum(self.a, self.c)
        divisor = ops.where(largest > 0, largest, ops.ones_like(largest))
        return Gramian(self.a / divisor, self.b / divisor, self.c / divisor)


Heads = Literal["own", "weighted"]
Trunk = Annotated[Annotated[list[str], MinLen(1)] | None, doc("patterns such as [conv2d*], or null")]


class Weighting:
    """A method that weights losses. By itself it is their plain sum; see the hooks for what others change.

    A method is made once for each member. Its state is in variables, which checkpoints keep; it is never less than
    float32, whatever the precision of the network. Members with equal arguments may share one traced graph: what
    differs between them, as the seed does, must be in variables, too.

    Attributes:
        norms: whether :meth:`after_gradients` wants the gradient norms of the last shared layer.
        after: whether :meth:`after_step` wants the losses on the same batch after the step, which takes one more
            forward pass.
        constant: whether the effective weights are the static ones at every step, so that nothing need be recorded.
        one_task: whether a weight may be 0; adaptive methods have nothing to do then.
        varies: whether the weights are meant to vary, so that their mean says nothing of the method.
        equivalent: another method that takes the same direction with two tasks, and what the difference is.
        variables: the state, all of it.
        trainable_variables: what of it the optimizer of the run trains.
    """

    norms: ClassVar[bool] = False
    after: ClassVar[bool] = False
    constant: ClassVar[bool] = False
    one_task: ClassVar[bool] = False
    varies: ClassVar[bool] = False
    equivalent: ClassVar[tuple[str, str] | None] = None

    def __init__(self) -> None:
        self.variables: list[Variable] = []
        self.trainable_variables: list[Variable] = []

    def build(self, seed: int, dtype: str) -> None:
        """Make the state.

        Args:
            seed: of the member, for what is drawn at random.
            dtype: of the losses, ``float32`` or ``float64``.
        """
        self.dtype, self.seed = dtype, seed

    def combine(self, losses: Sequence[Tensor]) -> Tensor:
        """Return what is minimised, from the two losses (scalars, statically weighted).

        Its derivatives are the effective weights; its gradient trains :attr:`trainable_variables` as well.
        """
        return losses[0] + losses[1]

    def after_gradients(self, norms: Sequence[Tensor], losses: Sequence[Tensor]) -> None:
        """Called in the graph, where :attr:`norms` is set, with both gradient norms (of the statically weighted
        losses) at the last shared layer."""

    def after_step(self, before: Sequence[Tensor], losses: Sequence[Tensor]) -> None:
        """Called in the graph after a step, where :attr:`after` is set, with the losses before and after it."""

    def after_epoch(self, losses: tuple[float, float]) -> None:
        """Called between epochs with the mean of each (statically weighted) loss over the epoch's steps."""

    def _variable(self, value: Any, *, trainable: bool = False, dtype: str | None = None) -> Variable:
        import keras

        name = type(self).__name__.lower()
        variable: Variable = keras.Variable(value, dtype=dtype or self.dtype, trainable=trainable, name=name)
        self.variables.append(variable)
        if trainable:
            self.trainable_variables.append(variable)
        return variable


class GradientWeighting(Weighting, ABC):
    """A method that weights the two gradients of the shared trunk.

    The heads, and what is in the model outside the trunk, are trained by their own (statically weighted) losses.

    Args:
        heads: ``own``: each head receives the gradient of its own loss as it is; ``weighted``: multiplied by the
            method's weight, as the trunk's.
        trunk: patterns such as ``conv2d*`` for the variables that count as trunk; ``None`` for all that both heads
            share.

    Raises:
        UserError: another value.
    """

    @checked("loss.weighting")
    def __init__(self, heads: Heads = "own", trunk: Trunk = None) -> None:
        super().__init__()
        self.heads, self.patterns = heads, trunk

    def chosen(self, paths: Sequence[str]) -> list[bool]:
        """Return which of the shared variables with these paths are trunk.

        Raises:
            UserError: a pattern matches none.
        """
        if self.patterns is None:
            return [True] * len(paths)
        for pattern in self.patterns:
            if not fnmatch.filter(paths, pattern):
                raise UserError(f"loss.weighting.trunk: {pattern!r} matches none of {listed(paths)}.")
        return [any(fnmatch.fnmatch(path, pattern) for pattern in self.patterns) for path in paths]

    def transform_losses(self, losses: Sequence[Tensor]) -> list[Tensor]:
        """Return the losses whose gradients are taken, for trunk and heads."""
        return list(losses)

    def transform_gradients(self, first: list[Tensor], second: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return the trunk's gradients that are weighted, from those of the two losses, variable by variable."""
        return first, second

    def build_for(self, trunk: Sequence[Variable]) -> None:
        """Make the state that has the trunk's shape; called after :meth:`build`."""

    @abstractmethod
    def trunk_weights(self, gramian: Gramian) -> tuple[Tensor, Tensor]:
        """Return the two weights, of the Gramian's shape."""
