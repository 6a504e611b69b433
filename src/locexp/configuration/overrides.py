"""The overrides of a command: ``key=value``, as Hydra reads them, before anything is composed."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from locexp.configuration.explain import explain
from locexp.configuration.quoting import as_text
from locexp.configuration.schema import OPEN, config_directory, is_text
from locexp.errors import UserError, listed
from locexp.system.commands import for_shell

MOST_JOBS = 100_000
"""More could not be trained; all are composed and listed before the first begins."""

LONGEST_KEY = 240
"""MLflow takes 250 characters, and what is swept is the tag ``varied.KEY``, too."""
NO_NAME = r"null|true|false|[-+]?(inf|nan|[\d._]+(e[-+]?\d+)?)|[\[{].*"
"""What Hydra's grammar reads as something else than text, which the name of a group's file is."""


def key_of(override: str) -> str:
    """Return the key that an override sets, adds or deletes."""
    return override.lstrip("+~").partition("=")[0].strip()


def value_of(override: str) -> str:
    """Return what an override gives, without quotes: text as it is, since an id of digits is not a number."""
    value = override.partition("=")[2].strip()
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if is_quoted else value


def is_for_hydra(override: str) -> bool:
    """Whether an override is about how jobs are run, not about what they are."""
    return key_of(override).startswith(("hydra.", "hydra/"))


def with_open_keys(overrides: Sequence[str]) -> list[str]:
    """Return overrides in which keys below :data:`~locexp.configuration.schema.OPEN` are added: Hydra wants ``++KEY``
    for those."""
    below = re.compile(rf"\+*((?:{'|'.join(map(re.escape, OPEN))})[.=])")
    return [below.sub(r"++\1", override, count=1) if below.match(override) else override for override in overrides]


def check_groups(overrides: Sequence[str]) -> None:
    """Check that groups are given names: Hydra itself breaks on ``model=null``.

    Raises:
        UserError: one is given something else.
    """
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        if not key_of(override):
            raise UserError(f"{override!r}: cannot be read as KEY=VALUE, such as loss.bbox_weight=10.")
        if len(key) > LONGEST_KEY:  # Hydra looks for a folder of this name
            raise UserError(f"{key[:40]}…: a key of {len(key)} characters; there is none of more than {LONGEST_KEY}.")
        if key == "hydra":
            raise UserError(f"{override}: expected a key below it, such as hydra.run.dir=FOLDER.")
        folder = config_directory() / key
        if key == "experiment" and value == "null":
            continue
        if key and os.path.isdir(folder) and re.fullmatch(NO_NAME, value, re.IGNORECASE):
            options = sorted(path.stem for path in folder.glob("*.yaml"))
            raise UserError(f"{override}: expected one of {listed(options)}.")


def check_text(overrides: Sequence[str]) -> None:
    """Check that keys which take text are given what stays as it was given: ``1e3`` would be ``1000.0``.

    Raises:
        UserError: one is given something else; the message quotes it.
    """
    for override in overrides:
        key, sign, value = override.lstrip("+").partition("=")
        if sign and is_text(key):
            with contextlib.suppress(HydraException):  # which is reported when it is composed
                read = OverridesParser.create().parse_overrides([override])[0]
                found = None if read.is_sweep_override() else read.value()
                if isinstance(found, int | float) and str(found) != value:
                    text = for_shell(as_text(key, value))
                    raise UserError(f"{override}: would be read as {found}; quote it to give it as text: {text}")


def combinations(overrides: Sequence[str]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the keys that the overrides sweep, and all combinations of their values, each with every override.

    Raises:
        UserError: an override cannot be read, sweeps no values, or gives a key that another one sweeps.
    """
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:
        raise UserError(explain(error, overrides)) from error
    keys, choices = [], []
    for override in parsed:
        if override.is_sweep_override():
            key = override.get_key_element()
            if key.lstrip("+").startswith(OPEN):
                key = key.lstrip("+")
            keys.append(key_of(key))
            try:
                swept = itertools.islice(override.sweep_string_iterator(), MOST_JOBS + 1)
                values = [f"{key}={value}" for value in swept]
            except (HydraException, OmegaConfBaseException):
                raise UserError(
                    f"{override.input_line}: is not a list of values; give them with commas, as range(FROM,TO), or as "
                    "choice(A,B)."
                ) from None
            if not values:
                raise UserError(f"{override.input_line}: holds no value to sweep over.")
            choices.append(values)
        else:
            choices.append([str(override.input_line)])
    for key in keys:
        given = [override for override in overrides if key_of(override) == key]
        if len(given) > 1:
            raise UserError(f"{' '.join(given)}: {key} is given twice, and swept; leave one out.")
    if math.prod(map(len, choices)) > MOST_JOBS:
        raise UserError(f"{listed(keys)}: more than {MOST_JOBS:,} jobs; give fewer values.")
    return keys, list(itertools.product(*choices))
