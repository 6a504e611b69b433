"""Weight pairs that sum to 1, evenly spaced."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from omegaconf import DictConfig

from locexp.bounds import checked
from locexp.sweep.plans.bbox_weight import configured as configured_weights
from locexp.sweep.plans.bbox_weight import pair
from locexp.sweep.setting import Stage, Stages, distinct


@checked("sweep")
def simplex(base: DictConfig, *, points: Annotated[int, Ge(3)], configured: bool) -> Stages:
    """Yield the pairs (1 - w, w) for w = 0, 1/(points-1), … 1 as (classification_weight, bbox_weight).

    Args:
        base: its loss weights are the configured ones.
        points: how many pairs, both single-task ends included.
        configured: add the configured weights where they are not among the pairs.
    """
    shares = [index / (points - 1) for index in range(points)]
    settings = [pair(base, 1 - share, share) for share in shares]
    yield Stage(distinct([*settings, configured_weights(base)] if configured else settings))
