"""The trunk: stages one after another, of which the first ``model.shared`` serve both heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from locexp.errors import UserError

Stage = Callable[[Any, str], Any]
"""(features, prefix of the layers' names) -> features; every call makes layers of its own."""
BRANCHES = ("classification", "bbox")


def branches(features: Any, stages: Sequence[Stage], shared: int | None) -> tuple[list[Any], list[Any]]:
    """Apply the stages, the first ``shared`` once for both heads and the others once for each.

    Args:
        features: the input of the first stage.
        stages: the whole trunk, in order.
        shared: how many of them both heads share; ``None`` for all. With 0 the network is two separate networks.

    Returns:
        What each stage gives, on the way to the class and on the way to the box; the same tensors where shared.

    Raises:
        UserError: ``shared`` is out of range.
    """
    check_shared(shared, len(stages))
    count = len(stages) if shared is None else shared
    common = _chain(features, stages[:count], "")
    start = common[-1] if common else features
    first, second = (_chain(start, stages[count:], f"{branch}_") for branch in BRANCHES)
    return common + first, common + second


def check_shared(shared: int | None, stages: int) -> None:
    """Check the key ``model.shared`` of a trunk with so many stages; raises :class:`UserError`."""
    if shared is not None and not 0 <= shared <= stages:
        raise UserError(
            f"model.shared={shared}: expected a whole number from 0 (two separate networks) to {stages} (all stages of "
            f"the trunk are shared), or null for all. The nearest is {min(max(shared, 0), stages)}."
        )


def _chain(features: Any, stages: Sequence[Stage], prefix: str) -> list[Any]:
    made = []
    for stage in stages:
        features = stage(features, prefix)
        made.append(features)
    return made
