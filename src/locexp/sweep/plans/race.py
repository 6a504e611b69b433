"""A race: all settings for a part of their training, the best to its end, the chosen one confirmed on fresh seeds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from annotated_types import Ge, Gt, MinLen, doc
from omegaconf import DictConfig

from locexp.bounds import checked
from locexp.errors import UserError, listed
from locexp.sweep.plans.bbox_weight import check_axis
from locexp.sweep.racing.entrants import entrants
from locexp.sweep.racing.layout import LEAST_CONFIRM, Layout, epochs_of, fitted, rungs_of, seconds_of
from locexp.sweep.racing.stages import stages
from locexp.sweep.setting import Cell, Stages
from locexp.sweep.swept import differing

RANGE_CONFIRM = 8
"""The fewest fresh seeds on which the edges of a range are confirmed."""


def check_budget(budget: str | None) -> None:
    """Check how a budget is given; raises :class:`UserError`."""
    if budget is not None and seconds_of(budget) is None:
        epochs_of(budget)


def check_points(points: int) -> None:
    """Check the number of ratios; raises :class:`UserError`."""
    if points == 1:
        raise UserError("sweep.points=1: expected 0 for no ratios, or a whole number >= 2.")


def check_keep(rungs: Sequence[float], keep: Sequence[int]) -> None:
    """Check that each rung keeps fewer than the one before; raises :class:`UserError`."""
    if len(keep) != len(rungs) or any(late > early for early, late in pairwise(keep)):
        raise UserError(
            f"sweep.keep={list(keep)} and sweep.rungs={list(rungs)}: expected one number for each rung, none above the "
            "one before."
        )


def check_confirm(confirm: int, range: bool) -> None:
    """Check that a confirmation can show something; raises :class:`UserError`."""
    if range and confirm == 0:
        raise UserError("sweep.confirm=0 and sweep.range=true: the edges of a range are confirmed on fresh seeds.")
    if 0 < confirm < LEAST_CONFIRM:
        raise UserError(
            f"sweep.confirm={confirm}: expected 0 for no confirmation, or a whole number >= {LEAST_CONFIRM}: with "
            f"fewer seeds the smallest p is {2.0 ** (1 - confirm):.2g}, so nothing can be shown at .05."
        )


@checked("sweep", check_axis, check_points, check_keep, check_confirm, check_budget)
def race(
    base: DictConfig,
    *,
    low: float,
    high: float,
    points: Annotated[int, Ge(0)],
    rungs: Annotated[Sequence[Annotated[float, Gt(0)]], MinLen(1)],
    keep: Annotated[Sequence[Annotated[int, Ge(1)]], MinLen(1)],
    front: Annotated[int, Ge(0)],
    finalist_seeds: Annotated[int, Ge(1)],
    confirm: Annotated[int, Ge(0)],
    range: bool,
    margin: Annotated[float, Gt(0)],
    single_task: bool,
    budget: Annotated[str | None, doc("a time such as 10min, epochs such as '120 epochs', or null")],
    cells: Sequence[Cell] = (),
    replicates: int = 1,
) -> Stages:
    """Return the stages of a race among all settings, over everything that the command sweeps.

    Args:
        base: the configured setting; its ``classification_weight`` stays (1 where it is 0).
        low, high, points: the ratios bbox_weight / classification_weight, evenly spaced in the logarithm, with
            three significant digits; 0 points for none, so that ``cells`` alone are the settings.
        rungs: after which share of the budget (< 1) or which epochs settings are dropped.
        keep, front: how many of the best go on from each rung by the selection metric, and how many further ones that
            no other setting dominates in accuracy and mean IoU. Nothing is dropped while the settings that would go on
            lie at the baseline, or while settings do not differ by more than their seeds do
            (:func:`locexp.sweep.racing.standing.apart`).
        finalist_seeds: on how many seeds those that are trained to the end are, by which one of them is chosen
            (:func:`~locexp.sweep.racing.choice.best_first`); the seeds of the race are the first.
        confirm: the chosen setting and the configured one run again on so many fresh seeds, and after them, where the
            chosen one is shown to be better, the runner-up; 0: they do not.
        range, margin: also confirm the edges of the range of ratios around the chosen one whose validation metric is
            within ``margin`` of it, on at least eight fresh seeds; ratios are added where an edge is open.
        single_task: train both tasks alone, too, and confirm them beside the chosen setting.
        budget: the epochs that may be trained up to the end of the first confirmation; the race is laid out to fit.
        cells: the combinations of what the command sweeps.
        replicates: how many seeds the sweep has.

    Raises:
        UserError: the rungs do not fit the epochs, the budget is too small, or there is nothing to choose from.
    """
    epochs = int(base.trainer.epochs)
    if epochs < 2:
        raise UserError(
            f"trainer.epochs={epochs}: a race drops settings before the end of their training, so it needs at least 2; "
            "sweep=bbox_weight trains all to the end."
        )
    if range and points == 0:
        raise UserError("sweep.points=0 and sweep.range=true: a range is one of ratios; give sweep.points, too.")
    mixed = differing([base, *(cell.base for cell in cells)])
    if mixed and not base.sweep.allow_mixed:
        raise UserError(
            f"{listed(mixed)}: settings that differ in this cannot be compared, so they cannot race; give one command "
            "for each, or sweep.allow_mixed=true."
        )
    asked = max(confirm, RANGE_CONFIRM) if range else confirm
    known = entrants(base, cells, low, high, points, single_task=single_task)
    layout = Layout(
        axes=len(known.chains),
        points=points,
        beside=len(known.racing) - len(known.chains) * max(1, points),
        alone=len(known.alone),
        seeds=replicates,
        extra=max(0, finalist_seeds - replicates),
        epochs=epochs,
        rungs=rungs_of(rungs, epochs),
        keep=tuple(keep),
        front=front,
        confirm=asked,
        edges=range,
    )
    limit = None if budget is None else epochs_of(budget)
    if limit is not None:
        layout = fitted(layout, limit)
        known = entrants(base, cells, low, high, layout.points, single_task=single_task)
    if len(known.racing) < 2:
        raise UserError("sweep=race: there is one setting alone; give sweep.points, or sweep a key with --multirun.")
    if points == 0 and replicates < 2:
        raise UserError(
            "sweep.points=0 and one seed: without ratios, whether settings differ by more than their seeds do can only "
            "be told from two seeds or more; give sweep.seeds=2."
        )
    if max(layout.keep) >= len(known.racing):
        raise UserError(
            f"sweep.keep={list(keep)}: expected fewer than the {len(known.racing)} settings that race, such as "
            f"sweep.keep={[1] * len(keep)}."
        )
    return stages(known, layout, limit, margin if range else None)
