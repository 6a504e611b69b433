"""Which run or sweep a command continues, and what may stand beside that."""

from __future__ import annotations

import re
from collections.abc import Sequence

from locexp.configuration.overrides import key_of, value_of
from locexp.configuration.schema import RESUME_KEYS
from locexp.errors import UserError, listed

RUN, SWEEP = "trainer.resume", "sweep.resume"
BESIDE_SWEEP = ("tracking", "hydra/launcher", "hydra.launcher", *(f"sweep.{name}" for name in RESUME_KEYS))
"""What may stand beside ``sweep.resume``: where the sweep is, and how the rest of it is run."""


def resumed_run(overrides: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return which run a command continues, and its other overrides; ``None`` where it continues none.

    Raises:
        UserError: what stands beside ``trainer.resume`` would make it another run.
    """
    given = [override for override in overrides if key_of(override) == RUN and not override.startswith("~")]
    if not given or value_of(given[-1]) in ("", "null"):
        return None
    if len(given) > 1:
        raise UserError(f"{RUN}: given {len(given)} times; a command continues one run.")
    others = [override for override in overrides if override not in given]
    for override in others:
        key = key_of(override)
        if key == "hydra.run.dir":
            raise UserError(f"{override}: cannot stand beside {RUN}: the run goes on in its own folder.")
        if re.split("[./]", key)[0] not in ("tracking", "hydra"):
            raise UserError(
                f"{override}: cannot stand beside {RUN}, which continues a run with its own configuration; allowed "
                "beside it: tracking.*, hydra.*."
            )
    return value_of(given[0]), others


def resumed_sweep(overrides: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return which sweep a command resumes, and its other overrides; ``None`` where it resumes none.

    Raises:
        UserError: what stands beside ``sweep.resume`` would make it another sweep.
    """
    given = [override for override in overrides if key_of(override) == SWEEP and not override.startswith("~")]
    named = {override.partition("=")[2].strip().strip("'\"") for override in given} - {"null"}
    if not named:
        return None
    if "" in named:
        raise UserError(f"{given[-1]}: expected the id of a sweep, or last.")
    if len(named) > 1:
        raise UserError(f"{listed(given)}: a command resumes one sweep.")
    others = [override for override in overrides if override not in given]
    for override in others:
        if not any(key_of(override) == name or key_of(override).startswith(f"{name}.") for name in BESIDE_SWEEP):
            raise UserError(
                f"{override}: cannot stand beside {given[-1]}, which replays the stored list alone; allowed beside it: "
                f"{listed(BESIDE_SWEEP)}."
            )
    return named.pop(), others
