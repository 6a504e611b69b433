"""Every box loss, each with the weight that suits it: losses differ in scale, so equal weights would compare scales."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig

from locexp.configuration.schema import BBOX
from locexp.configuration.targets import find_loss, loss_names
from locexp.errors import UserError
from locexp.records.sweep_list import FINAL
from locexp.sweep.setting import Setting, Stage, Stages, best_of

LOSS = "loss.bbox_loss"


def check_ranges(losses: Sequence[str] | None, weights: Sequence[float], final_seeds: int) -> None:
    """Check the arguments of :func:`bbox_loss`; raises :class:`UserError`."""
    for name in losses or ():
        find_loss(name)
    if losses is not None and (not losses or len(set(losses)) < len(losses)):
        raise UserError(f"sweep.losses={list(losses)}: expected different box losses, or null for all.")
    if not weights or len(set(weights)) < len(weights) or not all(weight > 0 for weight in weights):
        raise UserError(f"sweep.weights={list(weights)}: expected different numbers > 0.")
    if final_seeds < 1:
        raise UserError(f"sweep.final_seeds={final_seeds}: expected a whole number >= 1.")


def bbox_loss(base: DictConfig, *, losses: Sequence[str] | None, weights: Sequence[float], final_seeds: int) -> Stages:
    """Yield every loss with every weight; then each loss with its best weight, on fresh seeds.

    The best weight is that on validation (:func:`~locexp.sweep.setting.best_of`). The configured loss and
    weight are run in both stages.

    Args:
        base: its box loss and weight are the configured ones; ``classification_weight`` stays.
        losses: names of box losses; ``None`` for all that locexp has.
        weights: values of ``loss.bbox_weight`` to try for each, on the seeds of the sweep.
        final_seeds: how many fresh seeds the losses are compared on.
    """
    names = list(losses) if losses is not None else loss_names()
    tried = [[Setting({LOSS: name, BBOX: float(weight)}) for weight in weights] for name in names]
    configured = Setting({LOSS: str(base.loss.bbox_loss), BBOX: float(base.loss.bbox_weight)})
    settings = [setting for row in tried for setting in row]
    if configured not in settings:
        settings.append(configured)
    outcomes = yield Stage(settings, more=True)
    finals = [configured]
    for row in tried:
        best = best_of(outcomes, [settings.index(setting) for setting in row])
        finals += [] if best is None else [settings[best]]
    chosen = [setting for place, setting in enumerate(finals) if setting not in finals[:place]]
    yield Stage([Setting(setting.values, fresh_seeds=final_seeds, role=FINAL) for setting in chosen])
