"""The weight sweep: ratios on a logarithmic axis, the configured weights and both tasks alone."""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Ge
from omegaconf import DictConfig

from locexp.bounds import checked
from locexp.configuration.schema import BBOX, CLASSIFICATION
from locexp.errors import UserError
from locexp.records.sweep_list import FINAL
from locexp.sweep.setting import Setting, Stage, Stages, best_of


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
    """Yield the settings of the sweep, and then, where asked for, the replay of the best and the configured one.

    Args:
        base: its loss weights are the configured ones.
        low, high: the ends of bbox_weight / classification_weight, both swept.
        points: how many ratios, evenly spaced in the logarithm.
        constant_sum: make the weights sum to 1; else ``classification_weight`` stays as configured (1 where it is 0).
        single_task: add (1, 0) and (0, 1).
        final_seeds: run the setting that is best on validation (:func:`~locexp.sweep.setting.best_of`) and the
            configured one again on this many fresh seeds, which had no part in the choice.
    """
    ratios = spaced(low, high, points)
    configured = pair(base, float(base.loss.classification_weight), float(base.loss.bbox_weight))
    unit = float(base.loss.classification_weight) or 1.0
    settings = [pair(base, *weights(ratio, unit, constant_sum)) for ratio in ratios]
    if configured not in settings:
        settings.append(configured)
    if single_task:
        settings += [alone for alone in (pair(base, unit, 0.0), pair(base, 0.0, 1.0)) if alone not in settings]
    outcomes = yield Stage(settings, more=final_seeds > 0)
    if final_seeds == 0:
        return
    best = best_of(outcomes, range(len(settings)))
    if best is None:
        return
    chosen = [settings[best]] if settings[best] == configured else [settings[best], configured]
    yield Stage([Setting(setting.values, fresh_seeds=final_seeds, role=FINAL) for setting in chosen])


def spaced(low: float, high: float, points: int) -> list[float]:
    """Return ``points`` ratios from ``low`` to ``high``, evenly spaced in the logarithm."""
    step = math.log(high / low) / (points - 1)
    return [low * math.exp(step * index) for index in range(points)]


def weights(ratio: float, unit: float, constant_sum: bool) -> tuple[float, float]:
    """Return (classification_weight, bbox_weight) with the given ratio: summing to 1, or with the first ``unit``."""
    return (1 / (1 + ratio), ratio / (1 + ratio)) if constant_sum else (unit, unit * ratio)


def pair(base: DictConfig, classification: float, bbox: float) -> Setting:
    """Return the setting of two weights, rounded to six digits; a classification weight as configured goes unsaid."""
    first, second = float(f"{classification:.6g}"), float(f"{bbox:.6g}")
    if first == float(base.loss.classification_weight):
        return Setting({BBOX: second})
    return Setting({CLASSIFICATION: first, BBOX: second})
