"""Errors of Hydra and OmegaConf as one readable line: the key, what was given, what is allowed, the nearest name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from hydra import compose
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationValidationError, OmegaConfBaseException, ValidationError

from locexp.bounds import spelled
from locexp.configuration.hydra_internals import options as options_of
from locexp.configuration.hydra_internals import sources
from locexp.configuration.quoting import as_text, as_value
from locexp.configuration.schema import GROUPS, hint_of, is_text
from locexp.errors import first_line, listed, nearest
from locexp.system.commands import for_shell

THERE = "Multiple values for|force-add of config groups|is already at|appears more than once"
"""What Hydra says where a + adds what exists already."""


def explain(error: BaseException, overrides: Sequence[str]) -> str:
    """Turn an error of Hydra or OmegaConf into one readable message.

    Args:
        error: was raised while a configuration was composed; the search path is still open.
        overrides: of the command.
    """
    if isinstance(error, OverrideParseException):
        return _explain_unreadable(error)
    if isinstance(error, MissingConfigException):
        return _explain_missing(error)
    if isinstance(error, OverflowError):  # OmegaConf makes floats of whole numbers
        found = re.search(r"full_key: (\S+)", str(error))
        return f"{found[1] if found else 'a value'}: is larger than any number that can be computed with."
    causes = (error, error.__cause__, error.__context__)
    cause = next((one for one in causes if isinstance(one, OmegaConfBaseException)), error)
    message, reason = re.sub("^In '[^']+': ", "", first_line(error)), first_line(cause)
    if re.search(THERE, message):
        for override in overrides:
            known = override.lstrip("+").partition("=")[0]
            if override[:1] == "+" and re.search(rf"\b{re.escape(known)}\b", message):
                return f"{override}: {known} is there already, and takes no +: {for_shell(override.lstrip('+'))}"
    if twice := re.match(r"(\S+) appears more than once in the final defaults list", message):
        return f"{twice.group(1)}: is chosen already; write - override /{twice.group(1)}: NAME."
    if deleted := re.match("Could not delete (?:from config. )?'([^']+)'", message):
        if hint_of(deleted.group(1)) is not None:
            return f"~{deleted.group(1)}: cannot be taken out; give {deleted.group(1)}=null."
        return _explain_unknown(deleted.group(1), f"~{deleted.group(1)}", overrides)
    unmatched = re.match("Could not override '([^']+)'", message)
    if unmatched and (relative := re.fullmatch(r"(\w+/(\w+))@\2", unmatched.group(1))):
        return f"{relative.group(1)}: there is no group of that name; one at the top has a slash: /{relative.group(2)}"
    key = getattr(cause, "full_key", None) or (unmatched.group(1) if unmatched else None)
    merged = str(error).removeprefix("Error merging override ")
    about = [one for one in overrides if one == merged or (key and re.match(rf"[+~]*{re.escape(key)}(?![^.=])", one))]
    if key in (None, "_dummy_"):  # of a name in a list of defaults
        key, about = None, [one for one in overrides if one.partition("=")[2] in message and "${" in one]
    given = merged if merged in about else (about[-1] if about else None)
    if given and "possible interpolation keys" in message:
        group = given.lstrip("+").partition("=")[0]
        return f"{given}: a group is chosen before any key has a value; expected one of {listed(options_of(group))}."
    if "Ambiguous value" in reason:
        override = first_line(error).split("'", 1)[1].removesuffix("'")
        swept = override.lstrip("+").partition("=")[0]
        several = f"{override}: several values are a sweep; add --multirun"
        if _expected(swept) and not is_text(swept):
            return f"{several}."
        return f"{several}, or quote the value: {for_shell(as_text(*override.split('=', 1)))}"
    if "is not in struct" in reason or "not in '" in reason or "No match in the defaults list" in str(error):
        return _explain_unknown(key or message, given, overrides)
    reason = re.sub(r"^\w+ (raised )?while resolving interpolation: ", "", reason).strip('"')
    if "does not support deletion" in reason:
        reason = "cannot be taken out; give it another value"
    if "recursi" in reason:
        reason, given = "refers to itself", given or next((one for one in overrides if "${" in one), None)
    if merge := re.match(r"Merge error: .* is not a subclass of (\w+)\. value: (.*)", reason):
        key = next((group for group, schema in GROUPS.items() if schema.__name__ == merge.group(1)), "")
        return f"{key}={merge.group(2)}: expected {_expected(key)}."
    if isinstance(cause, ValidationError) and not isinstance(cause, InterpolationValidationError) and key:
        value = re.match("Value '(.*?)' of type|Incompatible value '(.*?)'", reason)
        wrong = given or (f"{key}={value.group(1) or value.group(2)}" if value else key)
        if expected := _expected(key):
            remedy = f"; as text: {for_shell(as_text(*wrong.split('=', 1)))}" if is_text(key) and "=" in wrong else "."
            return f"{wrong}: expected {expected}{remedy}"
    if re.match(r"[A-Z][a-z]*\b", reason):
        reason = reason[0].lower() + reason[1:]
    return f"{given or key}: {reason}." if key else f"{f'{given}: ' if given else ''}{message}."


def _explain_unreadable(error: OverrideParseException) -> str:
    """Say how to quote what Hydra's grammar cannot read."""
    override = error.override
    key, sign, value = override.partition("=")
    shown = override if override.isprintable() else for_shell(override)
    is_key = re.fullmatch(r"(\+{0,2}|~)[\w$.@/-]+", key, re.ASCII)
    if not (sign and is_key):
        return f"{shown}: cannot be read as KEY=VALUE, such as loss.bbox_weight=10."
    if value[:1] in ("[", "{") and not is_text(key):
        # Hydra 1.4 says first which of the overrides it is.
        reason = next(line for line in str(error).splitlines() if not line.startswith("Error when parsing index: "))
        return f"{shown}: cannot be read as KEY=VALUE ({reason}); lists are [A,B], dictionaries {{KEY: VALUE}}."
    text, expected = as_value(key, value), _expected(key.lstrip("+"))
    if expected and not is_text(key.lstrip("+")) and text == as_text(key, value):  # no quotes make it one
        return f"{shown}: cannot be read as KEY=VALUE; expected {expected}."
    text = for_shell(text)
    return f"{shown}: cannot be read as KEY=VALUE; quote the value for Hydra and the whole for the shell: {text}"


def _expected(key: str) -> str:
    """Return in words what a key of the schema takes; empty for one that is not in it."""
    if key in GROUPS:
        return f"keys: {listed(one.name for one in fields(GROUPS[key]))}"
    hint = hint_of(key)
    return spelled(hint) if hint is not None else ""


def _explain_missing(error: MissingConfigException) -> str:
    missing = str(error.missing_cfg_file or "")
    group, _, name = missing.rpartition("/")
    if any(Path(str(source.path), f"{missing}.yml").is_file() for source in sources()):
        return f"{missing}.yml: is not read; give it the ending .yaml."
    options = list(error.options or []) or options_of(group)
    if not group:
        return f"{missing}: there is no such configuration file."
    if not options:
        top = group.rpartition("/")[2]
        return f"{group}={name}: there is no group {group}; a group at the top is named with a slash: /{top}"
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
