"""Every weighting method with its controls: fixed weights over a grid, and each method's own mean weights, frozen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, MinLen, Predicate, doc
from omegaconf import DictConfig

from locexp.bounds import checked, different
from locexp.configuration.schema import BBOX, CLASSIFICATION, METHOD
from locexp.errors import UserError, listed, nearest
from locexp.losses.weighting import methods as known_methods
from locexp.records.sweep_list import CONTROL, REPLAY
from locexp.sweep.plans.bbox_weight import check_axis, configured, of_ratio, pair, ratios_between
from locexp.sweep.setting import Setting, Stage, Stages, distinct, mean_outcome


def check_names(methods: Sequence[str] | None) -> None:
    """Check that each is a method of ``loss/weighting`` other than fixed; raises :class:`UserError`."""
    adaptive = [name for name in known_methods() if name != "fixed"]
    for name in methods or ():
        if name not in adaptive:
            raise UserError(f"sweep.methods: {name!r}: expected one of {listed(adaptive)}.{nearest(name, adaptive)}")


@checked("sweep", check_axis, check_names)
def weighting(
    base: DictConfig,
    *,
    methods: Annotated[
        Annotated[Sequence[str], MinLen(1), Predicate(different)] | None, doc("different methods, or null for all")
    ],
    low: float,
    high: float,
    points: Annotated[int, Ge(2)],
    single_task: bool,
    replay: bool,
) -> Stages:
    """Yield fixed weights and all methods; then the replays: fixed weights, each the mean of what a method used.

    Every method starts from static weights 1, 1. A method that only finds better constant weights is no better than
    its replay.

    Args:
        base: its loss weights are the configured ones, run as fixed weights.
        methods: names of ``loss/weighting``; ``None`` for all but fixed.
        low, high, points: the grid of fixed bbox_weight / classification_weight, evenly spaced in the logarithm; equal
            weights are added where they are not on it.
        single_task: add (1, 0) and (0, 1), by which Δm is measured.
        replay: run the replays.
    """
    equal = pair(base, 1.0, 1.0)
    fixed = [*(of_ratio(base, ratio) for ratio in ratios_between(low, high, points)), equal, configured(base)]
    fixed += [pair(base, 1.0, 0.0), pair(base, 0.0, 1.0)] if single_task else []
    settings = distinct(fixed)
    known = known_methods()
    names = list(methods) if methods is not None else [name for name in known if name != "fixed"]
    first = len(settings)
    settings += [Setting(equal.values | {METHOD: name}) for name in names]
    outcomes = yield Stage(settings, more=replay)
    if not replay:
        return
    replays = []
    for name, row in zip(names, outcomes[first:], strict=True):
        used = [mean_outcome(row, f"mean_weights/{task}") for task in ("classification", "bbox")]
        if known[name].varies or any(value is None or not value > 0 for value in used):
            continue  # a mean that is only that of chance, such as 1, 1, is among the fixed weights
        means = zip((CLASSIFICATION, BBOX), used, strict=True)
        replays.append(Setting({key: float(f"{mean:.4g}") for key, mean in means}, role=CONTROL, facts={REPLAY: name}))
    yield Stage(replays)
