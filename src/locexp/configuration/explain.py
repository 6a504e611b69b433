"""Errors of Hydra and OmegaConf as one readable line: the key, what was given, what is allowed, the nearest name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import get_type_hints

from hydra import compose
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException, ValidationError

from locexp.bounds import spelled
from locexp.configuration.schema import GROUPS, Config
from locexp.errors import listed, nearest


def explain(error: BaseException, overrides: Sequence[str]) -> str:
    """Turn an error of Hydra or OmegaConf into one readable message.

    Args:
        error: was raised while a configuration was composed; the search path is still open.
        overrides: of the command.
    """
    if isinstance(error, OverrideParseException):
        # Hydra 1.4 says first which of the overrides it is.
        reason = next(line for line in str(error).splitlines() if not line.startswith("Error when parsing index: "))
        return f"{error.override}: cannot be read as KEY=VALUE ({reason})."
    if isinstance(error, MissingConfigException):
        return _explain_missing(error)
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    first_line = str(error).strip().splitlines()[0].rstrip(".")
    reason = str(cause).strip().splitlines()[0].rstrip(".")
    unmatched = re.match(r"Could not override '([^']+)'", first_line)
    key = getattr(cause, "full_key", None) or (unmatched.group(1) if unmatched else None)
    given = next(
        (override for override in overrides if key and re.match(rf"[+~]*{re.escape(key)}(?![^.=])", override)), None
    )
    if "Ambiguous value" in reason:
        return f"{first_line.split(chr(39))[1]}: several values are a sweep; add --multirun, or quote the value."
    if "is not in struct" in reason or "not in '" in reason or "No match in the defaults list" in str(error):
        return _explain_unknown(key or first_line, given, overrides)
    if key and given:
        if isinstance(cause, ValidationError) and (expected := _expected(key)):
            return f"{given}: expected {expected}."
        return f"{given}: {reason[0].lower()}{reason[1:]}."
    return f"{key}: {reason}." if key else f"{reason}."


def _expected(key: str) -> str:
    """Return in words what a key of the schema takes; empty for one that is not in it."""
    group, _, name = key.rpartition(".")
    schema = GROUPS.get(group) if group else Config
    hints = get_type_hints(schema, include_extras=True) if schema is not None else {}
    return spelled(hints[name]) if name in hints else ""


def _explain_missing(error: MissingConfigException) -> str:
    missing = str(error.missing_cfg_file or "")
    group, _, name = missing.rpartition("/")
    if not group:
        return f"{missing}: there is no such configuration file."
    options = list(error.options or [])
    return f"{group}={name}: expected one of {listed(options)}.{nearest(name, options)}"


def _explain_unknown(key: str, given: str | None, overrides: Sequence[str]) -> str:
    """Name the nearest key among the siblings of an unknown one, in the groups that the overrides choose."""
    groups = [other for other in overrides if re.match(r"[\w/]+=", other) and other != given]
    try:
        default = compose("config", overrides=groups, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException):  # another override is wrong, too
        default = compose("config", return_hydra_config=True)
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(default, parent) if parent else default
    while parent and not isinstance(node, DictConfig):
        parent, _, name = parent.rpartition(".")
        node = OmegaConf.select(default, parent) if parent else default
    names = sorted(str(child) for child in node) if isinstance(node, DictConfig) else []
    if not parent:
        names = sorted({*names, "experiment"} - {"hydra"})
    hint = nearest(name, names)
    if not hint:
        parents = [child for child in names if isinstance(default.get(child), DictConfig) and name in default[child]]
        hint = f" Did you mean {f'{parents[0]}.{name}'!r}?" if parents else ""
    where = f" in {parent}" if parent else ""
    allowed = f"allowed{where}: {listed(names)}" if names else f"{parent} is empty; add to it with +{key}=VALUE"
    return f"{given or key}: unknown key; {allowed}.{hint}"
