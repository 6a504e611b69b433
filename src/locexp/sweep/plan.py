"""Starting the plan of a sweep, which may be the user's own code."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from omegaconf import DictConfig

from locexp.configuration.schema import PLAN_GIVEN, sweep_arguments
from locexp.configuration.targets import import_target
from locexp.errors import UserError, worded
from locexp.sweep.setting import Cell, Setting, Stage, Stages


def plan_of(cfg: DictConfig) -> Callable[..., Stages]:
    """Return the plan that a configuration names; without one, that of the one setting as it is.

    Raises:
        UserError: there is no such plan.
    """
    path = cfg.sweep._target_
    return _as_it_is if path is None else import_target(str(path), "sweep._target_")


def takes_cells(plan: Callable[..., Stages]) -> bool:
    """Whether a plan is over everything that the command sweeps, see :class:`~locexp.sweep.setting.Cell`."""
    return "cells" in inspect.signature(plan).parameters


def start_plan(cfg: DictConfig, cells: Sequence[Cell], replicates: int) -> Stages:
    """Start the plan that a configuration names.

    Args:
        cfg: what it varies.
        cells: all combinations of what the command sweeps, for a plan that takes them.
        replicates: how many seeds the sweep has, likewise.

    Raises:
        UserError: it cannot be started, or is none.
    """
    plan = plan_of(cfg)
    given = {"cells": cells, "replicates": replicates}
    names = inspect.signature(plan).parameters
    with plan_errors(cfg):
        found = plan(cfg, **sweep_arguments(cfg), **{name: given[name] for name in PLAN_GIVEN[1:] if name in names})
        if not isinstance(found, Generator):
            raise TypeError(f"it returns a {type(found).__name__}; expected a generator of stages")
    return found


@contextlib.contextmanager
def plan_errors(cfg: DictConfig) -> Iterator[None]:
    """Word what a plan raises, which may be the user's own code; raises :class:`UserError`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"sweep._target_={cfg.sweep._target_}: failed with {worded(error)}.") from error


def _as_it_is(base: Any) -> Stages:
    """Yield the one setting of a cell that no plan varies."""
    yield Stage([Setting()])
