"""Every box loss, each with the weight that suits it: losses differ in scale, so equal weights would compare scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, Gt, MinLen, Predicate, doc
from omegaconf import DictConfig

from locexp.bounds import checked, different
from locexp.configuration.schema import BBOX
from locexp.configuration.targets import find_loss, loss_names
from locexp.sweep.setting import Setting, Stage, Stages, best_of, distinct, final_stage

LOSS = "loss.bbox_loss"


def check_names(losses: Sequence[str] | None) -> None:
    """Check that each is a box loss; raises :class:`UserError`."""
    for name in losses or ():
        find_loss(name)


@checked("sweep", check_names)
def bbox_loss(
    base: DictConfig,
    *,
    losses: Annotated[
        Annotated[Sequence[str], MinLen(1), Predicate(different)] | None, doc("different box losses, or null for all")
    ],
    weights: Annotated[
        Sequence[Annotated[float, Gt(0)]], MinLen(1), Predicate(different), doc("different numbers > 0")
    ],
    final_seeds: Annotated[int, Ge(1)],
) -> Stages:
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
    settings = distinct([*(setting for row in tried for setting in row), configured])
    outcomes = yield Stage(settings, more=True)
    best = [best_of(outcomes, [settings.index(setting) for setting in row]) for row in tried]
    yield final_stage([configured, *(settings[index] for index in best if index is not None)], final_seeds)
