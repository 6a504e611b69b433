"""The overrides that name the run or sweep to continue, and those that are allowed beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from locexp.configuration.overrides import key_of, value_of
from locexp.configuration.schema import RESUME_KEYS, RESUME_RUN, RESUME_SWEEP
from locexp.errors import UserError, listed

RUN, SWEEP = RESUME_RUN, RESUME_SWEEP
BESIDE = {
    RUN: ("tracking", "hydra"),
    SWEEP: ("tracking", "hydra/launcher", "hydra.launcher", *(f"sweep.{name}" for name in RESUME_KEYS)),
}
"""What is allowed beside each, the keys below included: where the results are, and how the rest is run."""
EXPECTED_VALUES = {RUN: "the folder of a run, or its MLflow id", SWEEP: "the id of a sweep, or last"}
LIMITS = {RUN: "continues one run", SWEEP: "resumes one sweep"}
"""How messages say that a command takes one of each."""
REASONS = {RUN: "continues a run with its own configuration", SWEEP: "goes on with the stored list alone"}
"""How messages say why other overrides are refused."""


def resumed(key: str, overrides: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return which run or sweep a command continues, and its other overrides; ``None`` where it continues none.

    Args:
        key: :data:`RUN` or :data:`SWEEP`.
        overrides: of the command.

    Raises:
        UserError: none or several are named, or another override would make it another run or sweep.
    """
    given = [override for override in overrides if key_of(override) == key and not override.startswith("~")]
    named = {value_of(override) for override in given} - {"null"}
    if not named:
        return None
    if "" in named:
        raise UserError(f"{given[-1]}: expected {EXPECTED_VALUES[key]}.")
    if len(named) > 1:
        raise UserError(f"{listed(given)}: given {len(given)} times; a command {LIMITS[key]}.")
    others = [override for override in overrides if override not in given]
    for override in others:
        if key == RUN and key_of(override) == "hydra.run.dir":
            raise UserError(f"{override}: cannot be combined with {RUN}: the run goes on in its own folder.")
        if not any(re.match(rf"{re.escape(name)}([./]|$)", key_of(override)) for name in BESIDE[key]):
            raise UserError(
                f"{override}: cannot be combined with {given[-1]}, which {REASONS[key]}; allowed with it: "
                f"{listed(BESIDE[key])}."
            )
    return named.pop(), others
