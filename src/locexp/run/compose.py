"""From the words of a command to composed, valid configurations, before Hydra writes anything."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from locexp.config import config_directory, register, validate
from locexp.errors import UserError, listed, nearest


@dataclass(frozen=True)
class Job:
    """One run of a command: its overrides, its configuration and the directory it is to write to."""

    overrides: tuple[str, ...]
    cfg: DictConfig
    directory: Path


def compose_jobs(
    overrides: Sequence[str], *, multirun: bool = False, config_dir: str | None = None, config_name: str = "config"
) -> list[Job]:
    """Compose and validate every job that a command asks for.

    Args:
        overrides: as on the command line.
        multirun: sweep over comma-separated values; all combinations are composed.
        config_dir: a further directory of YAML files, searched first.
        config_name: the primary configuration.

    Raises:
        UserError: a configuration is wrong; the message names the key, what was given and what is allowed.
    """
    register()
    extra = []
    if config_dir is not None:
        folder = Path(config_dir).absolute()
        if not folder.is_dir():
            raise UserError(f"--config-dir {config_dir}: there is no such folder.")
        extra = [f"hydra.searchpath=['file://{folder}']"]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_directory()), job_name="train", version_base="1.3"):
        combinations = list(_combinations(overrides)) if multirun else [tuple(overrides)]
        jobs = []
        for number, words in enumerate(combinations):
            job = _compose(words, extra, config_name, number if multirun else None)
            try:
                validate(job.cfg)
            except OmegaConfBaseException as error:
                raise UserError(explain(error, words)) from error
            jobs.append(job)
    return jobs


def _combinations(overrides: Sequence[str]) -> Iterator[tuple[str, ...]]:
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:
        raise UserError(explain(error, overrides)) from error
    choices = []
    for override in parsed:
        if override.is_sweep_override():
            key = override.get_key_element()
            choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        else:
            choices.append([str(override.input_line)])
    yield from itertools.product(*choices)


def _compose(words: tuple[str, ...], extra: list[str], config_name: str, number: int | None) -> Job:
    try:
        cfg = compose(config_name, overrides=[*extra, *words], return_hydra_config=True)
        if number is None:
            directory = Path(cfg.hydra.run.dir)
            if cfg.hydra.mode == RunMode.MULTIRUN:
                raise UserError("hydra.mode=MULTIRUN: give --multirun instead.")
        else:
            with open_dict(cfg):
                cfg.hydra.job.num = number
            directory = Path(cfg.hydra.sweep.dir) / str(cfg.hydra.sweep.subdir)
        with open_dict(cfg):
            del cfg["hydra"]
        OmegaConf.to_container(cfg, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(explain(error, words)) from error
    return Job(words, cfg, directory)


def explain(error: BaseException, words: Sequence[str]) -> str:
    """Turn an error of Hydra or OmegaConf into one readable message."""
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read as KEY=VALUE ({str(error).splitlines()[0]})."
    if isinstance(error, MissingConfigException):
        return _explain_missing(error)
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    first_line = str(error).strip().splitlines()[0].rstrip(".")
    reason = str(cause).strip().splitlines()[0].rstrip(".")
    unmatched = re.match(r"Could not override '([^']+)'", first_line)
    key = getattr(cause, "full_key", None) or (unmatched.group(1) if unmatched else None)
    word = next((word for word in words if key and re.match(rf"[+~]*{re.escape(key)}(?![^.=])", word)), None)
    if "Ambiguous value" in reason:
        return f"{first_line.split(chr(39))[1]}: several values are a sweep; add --multirun, or quote the value."
    if "is not in struct" in reason or "not in '" in reason or "No match in the defaults list" in str(error):
        return _explain_unknown(key or first_line, word)
    if key and word:
        return f"{word}: {reason[0].lower()}{reason[1:]}."
    return f"{key}: {reason}." if key else f"{reason}."


def _explain_missing(error: MissingConfigException) -> str:
    missing = str(error.missing_cfg_file or "")
    group, _, name = missing.rpartition("/")
    if not group:
        return f"{missing}: there is no such configuration file."
    options = list(error.options or [])
    return f"{group}={name}: expected one of {listed(options)}.{nearest(name, options)}"


def _explain_unknown(key: str, word: str | None) -> str:
    """Name the nearest key among the siblings of an unknown one."""
    default = compose("config", return_hydra_config=True)
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(default, parent) if parent else default
    while parent and not isinstance(node, DictConfig):
        parent, _, name = parent.rpartition(".")
        node = OmegaConf.select(default, parent) if parent else default
    names = sorted(str(child) for child in node) if isinstance(node, DictConfig) else []
    if not parent:
        names = sorted({*names, "experiment"} - {"hydra"})
    every = [
        key for child in names if isinstance(default.get(child), DictConfig) for key in _keys(default[child], child)
    ]
    hint = nearest(name, names)
    if not hint:
        same = [path for path in every if path.rpartition(".")[2] == name]
        hint = f" Did you mean {same[0]!r}?" if same else ""
    where = f" in {parent}" if parent else ""
    allowed = f"allowed{where}: {listed(names)}" if names else f"{parent} is empty; add to it with +{key}=VALUE"
    return f"{word or key}: unknown key; {allowed}.{hint}"


def _keys(node: DictConfig, prefix: object) -> list[str]:
    return [f"{prefix}.{name}" for name in map(str, node)]
