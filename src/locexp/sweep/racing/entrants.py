"""The settings of a race: ratios on an axis, over every combination of what else the command sweeps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from omegaconf import DictConfig

from locexp.configuration.schema import BBOX, CLASSIFICATION, config_hash
from locexp.errors import UserError
from locexp.sweep.plans.bbox_weight import configured as configured_weights
from locexp.sweep.plans.bbox_weight import pair, single_tasks, unit
from locexp.sweep.setting import Cell, Setting, distinct

DIGITS = 3
"""Significant digits of a weight that a race tries: settings that are closer cannot be told apart."""


@dataclass(frozen=True)
class Axis:
    """The settings of one combination that differ in their ratio alone.

    Attributes:
        cell: the combination.
        ratios: of bbox_weight to classification_weight, rising.
        settings: one for each.
    """

    cell: Cell
    ratios: tuple[float, ...]
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class Entrants:
    """Who races.

    Attributes:
        racing: what is chosen from, the configured setting among it.
        alone: settings of one task.
        configured: the configured setting.
        chains: the axes.
    """

    racing: list[Setting]
    alone: list[Setting]
    configured: Setting
    chains: list[Axis]

    def indices(self, settings: Sequence[Setting]) -> list[list[int]]:
        """Return, chain by chain, where its settings lie in a list, in their order on the axis."""
        where = {id(setting): index for index, setting in enumerate(settings)}
        return [[where[id(one)] for one in axis.settings if id(one) in where] for axis in self.chains]


def entrants(
    base: DictConfig, cells: Sequence[Cell], low: float, high: float, points: int, *, single_task: bool
) -> Entrants:
    """Return who races.

    Args:
        base: the configured setting.
        cells: the combinations of what the command sweeps beside the ratios; none is the same as the one of ``base``.
        low, high, points: the axis of ratios; 0 points for the weights as they are in each cell.
        single_task: add both tasks alone.

    Raises:
        UserError: the command sweeps the weights, and the race would vary them, too.
    """
    cells = cells or [Cell({}, base)]
    if points:
        _check_weights(cells)
    own = next((cell for cell in cells if config_hash(cell.base) == config_hash(base)), None)
    weights = configured_weights(base).values if points else {}
    configured = Setting({**(own.values if own is not None else {}), **weights})
    chains = []
    for cell in cells:
        ratios = np.geomspace(low, high, points).tolist() if points else []
        settings = {ratio: of_ratio(cell, ratio) for ratio in ratios}
        if not points:
            settings[_ratio(cell.base)] = Setting(dict(cell.values))
        elif cell is own and configured not in settings.values():
            settings[_ratio(base)] = configured
        rising = sorted(settings)
        chains.append(Axis(cell, tuple(rising), tuple(settings[ratio] for ratio in rising)))
    racing = distinct(itertools.chain(*(axis.settings for axis in chains), [configured]))
    known = {str(setting.values): setting for setting in racing}  # one object for each, by which it is found
    chains = [Axis(one.cell, one.ratios, tuple(known[str(s.values)] for s in one.settings)) for one in chains]
    configured = known[str(configured.values)]
    return Entrants(racing, single_tasks(base) if single_task else [], configured, chains)


def of_ratio(cell: Cell, ratio: float) -> Setting:
    """Return the setting of a combination in which bbox_weight is ``ratio`` times the classification weight."""
    first = unit(cell.base)
    weights = pair(cell.base, first, float(f"{first * ratio:.{DIGITS}g}"))
    return Setting({**cell.values, **weights.values})


def _ratio(cfg: DictConfig) -> float:
    return float(cfg.loss.bbox_weight) / unit(cfg)


def _check_weights(cells: Sequence[Cell]) -> None:
    for key in (BBOX, CLASSIFICATION):
        if any(key in cell.values for cell in cells):
            raise UserError(
                f"{key}: is swept, and the race varies it itself; leave it out, or give sweep.points=0 to race the "
                "given values alone."
            )
