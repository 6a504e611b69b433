"""The weight sweep: ratios on a logarithmic axis, the configured weights and both tasks alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import numpy as np
from annotated_types import Ge
from omegaconf import DictConfig

from locexp.bounds import checked
from locexp.configuration.schema import BBOX, CLASSIFICATION
from locexp.errors import UserError
from locexp.records.sweep_list import LEAST_DIGITS, MOST_DIGITS
from locexp.sweep.setting import Setting, Stage, Stages, best_of, distinct, final_stage


def check_axis(low: float, high: float) -> None:
    """Check the ends of a logarithmic axis of ratios; raises :class:`UserError`."""
    if not 0 < low < high:
        raise UserError(f"sweep.low={low} and sweep.high={high}: expected 0 < low < high.")


@checked("sweep", check_axis)
def bbox_weight(
    base: DictConfig,
    *,
    low: float,
    high: float,
    points: Annotated[int, Ge(2)],
    constant_sum: bool,
    single_task: bool,
    final_seeds: Annotated[int, Ge(0)],
) -> Stages:
    """Yield the settings of the sweep, and then, where asked for, the best and the configured one again on fresh seeds.

    Args:
        base: its loss weights are the configured ones.
        low, high: the ends of bbox_weight / classification_weight, both swept.
        points: how many ratios, evenly spaced in the logarithm, see :func:`ratios_between`.
        constant_sum: make the weights sum to 1; else ``classification_weight`` stays as configured (1 where it is 0).
        single_task: add (1, 0) and (0, 1).
        final_seeds: run the setting that is best on validation (:func:`~locexp.sweep.setting.best_of`) and the
            configured one again on this many fresh seeds, which had no part in the choice.
    """
    grid = [
        pair(base, 1 / (1 + ratio), ratio / (1 + ratio)) if constant_sum else of_ratio(base, ratio)
        for ratio in ratios_between(low, high, points)
    ]
    settings = distinct([*grid, configured(base), *(single_tasks(base) if single_task else [])])
    outcomes = yield Stage(settings, more=final_seeds > 0)
    best = best_of(outcomes, range(len(settings))) if final_seeds > 0 else None
    if best is not None:
        yield final_stage([settings[best], configured(base)], final_seeds)


def ratios_between(low: float, high: float, points: int) -> list[float]:
    """Return ratios evenly spaced in the logarithm, with as few digits as tell them apart, at least three.

    The ends are as they were given.
    """
    inner = np.geomspace(low, high, points).tolist()[1:-1]
    for digits in range(LEAST_DIGITS, MOST_DIGITS + 1):
        ratios = [low, *(rounded(ratio, digits) for ratio in inner), high]
        if all(one < other for one, other in pairwise(ratios)):
            break
    return ratios


def rounded(ratio: float, digits: int = LEAST_DIGITS) -> float:
    """Return a ratio with so many significant digits."""
    return float(f"{ratio:.{digits}g}")


def unit(base: DictConfig) -> float:
    """Return the classification weight that a sweep leaves: the configured one, 1 where that is 0."""
    return float(base.loss.classification_weight) or 1.0


def of_ratio(base: DictConfig, ratio: float) -> Setting:
    """Return the setting in which bbox_weight is ``ratio`` times the classification weight, which stays."""
    return pair(base, unit(base), unit(base) * ratio)


def configured(base: DictConfig) -> Setting:
    """Return the setting of the configured weights."""
    return pair(base, float(base.loss.classification_weight), float(base.loss.bbox_weight))


def single_tasks(base: DictConfig) -> list[Setting]:
    """Return the settings in which one task is trained alone: classification, then the box."""
    return [pair(base, unit(base), 0.0), pair(base, 0.0, 1.0)]


def pair(base: DictConfig, classification: float, bbox: float) -> Setting:
    """Return the setting of two weights, rounded to six digits; a classification weight as configured is left out."""
    first, second = rounded(classification, MOST_DIGITS), rounded(bbox, MOST_DIGITS)
    if first == float(base.loss.classification_weight):
        return Setting({BBOX: second})
    return Setting({CLASSIFICATION: first, BBOX: second})
