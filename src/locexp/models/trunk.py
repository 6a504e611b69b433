"""The trunk: stages one after another, of which the first ``model.shared`` serve both heads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from locexp.errors import UserError

Layers = Callable[[Any, str], Any]
"""A stage: (features, prefix of the layers' names) -> features; every call makes layers of its own."""
ALL = "all"
BRANCHES = ("classification", "bbox")


def branches(features: Any, stages: Sequence[Layers], shared: int | str) -> tuple[list[Any], list[Any]]:
    """Apply the stages, the first ``shared`` once for both heads and the others once for each.

    Args:
        features: the input of the first stage.
        stages: the whole trunk, in order.
        shared: how many of them both heads share; ``"all"``, or a number. With 0 the network is two separate networks.

    Returns:
        What each stage gives, on the way to the class and on the way to the box; the same tensors where shared.

    Raises:
        UserError: ``shared`` is out of range.
    """
    check_shared(shared, len(stages))
    count = shared if isinstance(shared, int) else len(stages)

    def chain(features: Any, stages: Sequence[Layers], prefix: str) -> list[Any]:
        return list(itertools.accumulate(stages, lambda given, stage: stage(given, prefix), initial=features))

    common = chain(features, stages[:count], "")
    first, second = (common + chain(common[-1], stages[count:], f"{branch}_")[1:] for branch in BRANCHES)
    return first[1:], second[1:]


def check_shared(shared: int | str, stages: int) -> None:
    """Check the key ``model.shared`` of a trunk with this many stages; raises :class:`UserError`."""
    is_number = isinstance(shared, int) and not isinstance(shared, bool)
    if shared == ALL or (is_number and 0 <= int(shared) <= stages):
        return
    nearest = min(max(int(shared), 0), stages) if is_number else ALL
    raise UserError(
        f"model.shared={shared}: expected a whole number from 0 (two separate networks) to {stages} (all stages of "
        f"the trunk are shared), or {ALL}. The nearest is {nearest}."
    )


def check_shared_with_dense(filters: Sequence[int], shared: int | str) -> None:
    """Check the key ``model.shared`` where a stage for each number of filters and a dense layer are the trunk."""
    check_shared(shared, len(filters) + 1)


def check_shared_with_filters(filters: Sequence[int], shared: int | str) -> None:
    """Check the key ``model.shared`` where a stage for each number of filters is the trunk."""
    check_shared(shared, len(filters))


def check_halvings(input_shape: Sequence[int], halvings: int, filters: Sequence[int]) -> None:
    """Check that an image has two pixels left to tell apart before each halving; raises :class:`UserError`."""
    height, width = input_shape[:2]
    if min(height, width) < 2**halvings:
        fit = min(height, width).bit_length() - 1
        raise UserError(
            f"model.filters={list(filters)}: {halvings} halvings leave nothing to tell apart of an image of "
            f"{width}x{height} pixels; it has room for {fit}. Give fewer filters."
        )
