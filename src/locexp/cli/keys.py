"""The one reader of ``key=value`` for every door whose keys are not a run's."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any, get_type_hints

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from locexp.configuration.explain import explain
from locexp.configuration.overrides import check_text, value_of
from locexp.errors import UserError, first_line, listed, nearest


def is_override(argument: str) -> bool:
    """Whether an argument is KEY=VALUE: a path may contain an equals sign, but keys contain no slash."""
    return "=" in argument and os.sep not in argument.partition("=")[0]


def only_one(arguments: Sequence[str], what: str, question: str) -> tuple[str, list[str]]:
    """Return the one argument of a door that is no override, and the overrides.

    Args:
        arguments: of the command.
        what: the argument is, as in RUN.
        question: which one is meant, with what is expected.

    Raises:
        UserError: there is none, or there are several.
    """
    plain = [argument for argument in arguments if not is_override(argument)]
    if len(plain) != 1:
        raise UserError(f"{' '.join(plain) or what}: {question}.")
    return plain[0], [argument for argument in arguments if is_override(argument)]


def read_keys(schema: type, overrides: Sequence[str], check: Callable[[str, str], None] = lambda *_: None) -> Any:
    """Return the configuration of a door.

    Args:
        schema: a data class, whose fields are keys, or data classes of keys.
        overrides: KEY=VALUE, as Hydra reads them.
        check: gets each override and its key before it is read, and raises what is wrong with it.

    Raises:
        UserError: a key is unknown, or a value cannot be read or has another type.
    """
    cfg, hints = OmegaConf.structured(schema), _hints(schema)
    for override in overrides:
        key = override.partition("=")[0]
        if key not in hints:
            raise UserError(f"{override}: unknown key; allowed: {listed(hints)}.{nearest(key, hints)}")
        check(override, key)
        check_text([override])
        try:
            read = OverridesParser.create().parse_overrides([override])[0]
            if read.is_sweep_override() or read.value() == "":
                raise UserError(f"{override}: expected a value.")
            is_number = hints[key] in (str, str | None) and isinstance(read.value(), int | float)
            OmegaConf.update(cfg, key, value_of(override) if is_number else read.value())
            OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
        except HydraException as error:
            raise UserError(explain(error, [override])) from error
        except (OmegaConfBaseException, OverflowError) as error:
            raise UserError(f"{override}: {first_line(error)}.") from error
    return cfg


def _hints(schema: type, prefix: str = "") -> dict[str, Any]:
    """Return what each key is annotated with."""
    found: dict[str, Any] = {}
    for name, hint in get_type_hints(schema).items():
        is_group = isinstance(hint, type) and dataclasses.is_dataclass(hint)
        found |= _hints(hint, f"{prefix}{name}.") if is_group else {f"{prefix}{name}": hint}
    return found
