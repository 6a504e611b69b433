"""A budget of time in epochs, by how long finished runs in the store took."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

from locexp.configuration.compose import Composer
from locexp.configuration.overrides import combinations, key_of
from locexp.errors import UserError, counted
from locexp.records.provenance import flattened
from locexp.records.sweep_list import SweepList
from locexp.sweep.display import SAME, seconds_alone
from locexp.sweep.plan import plan_of, takes_cells
from locexp.sweep.racing.layout import seconds_of
from locexp.system.commands import command
from locexp.tracking.location import location_of

BUDGET = "sweep.budget"


def with_measured_budget(given: SweepList, composer: Composer) -> tuple[SweepList, list[str]]:
    """Return a command in which a budget of time is one of epochs, so that a resume lays out the same race; and a note.

    Args:
        given: the command.
        composer: composes its configuration.

    Raises:
        UserError: no finished run in the store says how long an epoch takes.
    """
    cfg = composer.compose(combinations(given.overrides)[1][0]).cfg
    budget = cfg.sweep.get("budget")
    seconds = seconds_of(budget) if isinstance(budget, str) and takes_cells(plan_of(cfg)) else None
    if seconds is None:
        return given, []
    from locexp.tracking.store import MlflowStore

    try:
        runs = MlflowStore(location_of(cfg.tracking)).finished()
    except UserError:  # there is no store yet
        runs = []
    wanted = flattened(cfg)
    known = [
        seconds_alone(run) / run.metrics["epochs"]
        for run in runs
        if all(run.parameters.get(key) == wanted.get(key) for key in SAME if key != "trainer.epochs")
        and {"time/total_seconds", "epochs"} <= run.metrics.keys()
    ]
    if not known:
        raise UserError(
            f"{BUDGET}={budget}: how long an epoch takes is not known, as no finished run in this store has the same "
            f"data and network. Train one first ({command('train', *_without(given.overrides))}), or give the "
            "budget in epochs."
        )
    each = statistics.median(known)
    epochs = max(1, int(seconds / each))
    note = (
        f"{BUDGET}={budget}: {counted(epochs, 'epoch')}, at {each:.2g} s per epoch (median of "
        f"{counted(len(known), 'finished run')} with the same data and network)"
    )
    kept = [override for override in given.overrides if key_of(override) != BUDGET]
    return replace(given, overrides=[*kept, f"{BUDGET}='{epochs} epochs'"]), [note]


def _without(overrides: Sequence[str]) -> list[str]:
    """Return the overrides of a single run: without the sweep, and what the command sweeps."""
    swept = combinations(overrides)[0]
    return [one for one in overrides if not key_of(one).startswith(("sweep", "hydra")) and key_of(one) not in swept]
