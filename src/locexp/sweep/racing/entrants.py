"""The settings of a race: ratios on an axis, over every combination of what else the command sweeps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from omegaconf import DictConfig

from locexp.configuration.schema import BBOX, CLASSIFICATION, config_hash
from locexp.errors import UserError
from locexp.sweep.plans import bbox_weight as plan
from locexp.sweep.plans.bbox_weight import ratios_between, single_tasks, unit
from locexp.sweep.setting import Cell, Setting, distinct


@dataclass(frozen=True)
class Axis:
    """The settings of one combination that differ in their ratio alone.

    Attributes:
        cell: the combination.
        ratios: of bbox_weight to classification_weight, rising.
        settings: one for each.
        step: from one ratio to the next, as a factor; 1 where there are no ratios.
    """

    cell: Cell
    ratios: tuple[float, ...]
    settings: tuple[Setting, ...]
    step: float


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

    def ratios(self, settings: Sequence[Setting]) -> list[dict[int, float]]:
        """Return, axis by axis, the ratios of its settings by where they lie in a list, rising."""
        where = {id(setting): index for index, setting in enumerate(settings)}
        pairs = (zip(axis.settings, axis.ratios, strict=True) for axis in self.chains)
        return [{where[id(one)]: ratio for one, ratio in of_axis if id(one) in where} for of_axis in pairs]


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
    weights = plan.configured(base).values if points else {}
    configured = Setting({**(own.values if own is not None else {}), **weights})
    step = (high / low) ** (1 / (points - 1)) if points else 1.0
    chains = []
    for cell in cells:
        ratios = ratios_between(low, high, points) if points else []
        settings = {ratio: of_ratio(cell, ratio) for ratio in ratios}
        if not points:
            settings[_ratio(cell.base)] = Setting(dict(cell.values))
        elif cell is own and configured not in settings.values() and _has_both(base):
            settings[_ratio(base)] = configured
        rising = sorted(settings)
        chains.append(Axis(cell, tuple(rising), tuple(settings[ratio] for ratio in rising), step))
    racing = distinct(itertools.chain(*(axis.settings for axis in chains), [configured]))
    known = {str(setting.values): setting for setting in racing}  # one object for each, by which it is found
    chains = [replace(axis, settings=tuple(known[str(one.values)] for one in axis.settings)) for axis in chains]
    configured = known[str(configured.values)]
    return Entrants(racing, single_tasks(base) if single_task else [], configured, chains)


def of_ratio(cell: Cell, ratio: float) -> Setting:
    """Return the setting of a combination in which bbox_weight is ``ratio`` times the classification weight."""
    return Setting({**cell.values, **plan.of_ratio(cell.base, ratio).values})


def _has_both(cfg: DictConfig) -> bool:
    """Whether both tasks are trained; one alone has no place on an axis."""
    return float(cfg.loss.bbox_weight) > 0 and float(cfg.loss.classification_weight) > 0


def _ratio(cfg: DictConfig) -> float:
    return float(cfg.loss.bbox_weight) / unit(cfg)


def _check_weights(cells: Sequence[Cell]) -> None:
    for key in (BBOX, CLASSIFICATION):
        if any(key in cell.values for cell in cells):
            raise UserError(
                f"{key}: is swept, and the race varies it itself; leave it out, or give sweep.points=0 to race the "
                "given values alone."
            )
