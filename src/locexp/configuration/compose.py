"""From the words of a command to composed, valid configurations, before Hydra writes anything."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException, ValidationError

from locexp.bounds import spelled
from locexp.configuration.renamed import check_overrides
from locexp.configuration.rules import check_seed, validate
from locexp.configuration.schema import GROUPS, OPEN, Config, config_directory, config_hash, register
from locexp.errors import UserError, listed, nearest


@dataclass(frozen=True)
class Composed:
    """What runs that differ in nothing but their seed share."""

    cfg: DictConfig
    launcher: DictConfig
    config_hash: str
    run_directory: Path
    sweep_directory: Path


@dataclass(frozen=True)
class Job:
    """One run of a command.

    Attributes:
        overrides: that compose it.
        seed: its own.
        directory: its own, or the one of its sweep.
    """

    overrides: tuple[str, ...]
    seed: int
    directory: Path
    _shared: Composed

    @property
    def config_hash(self) -> str:
        """See :func:`locexp.configuration.schema.config_hash`."""
        return self._shared.config_hash

    @property
    def launcher(self) -> DictConfig:
        """The configuration of Hydra's launcher."""
        return self._shared.launcher

    @functools.cached_property
    def cfg(self) -> DictConfig:
        """Its configuration, composed and valid; a copy, which takes milliseconds to make."""
        cfg = copy.deepcopy(self._shared.cfg)
        cfg.seed = self.seed
        return cfg


class Composer:
    """Composes and validates configurations; made by :func:`composing`."""

    def __init__(self, extra: Sequence[str], config_name: str) -> None:
        self._extra, self._config_name = list(extra), config_name
        self._known: dict[tuple[str, ...], Composed] = {}

    def compose(self, words: Sequence[str], *, sweeps: bool = False) -> Job:
        """Compose and validate the configuration of one run.

        Args:
            words: overrides that fix values; none of them sweeps.
            sweeps: the run is one of a sweep.

        Raises:
            UserError: the configuration is wrong; the message names the key, what was given and what is allowed.
        """
        check_overrides(words)
        given, words = words, opened(words)
        # Runs that differ only in their seed share one composition, which takes tens of milliseconds.
        seeds = [word for word in words if re.fullmatch(r"seed=\d{1,10}", word)]
        rest = tuple(word for word in words if word not in seeds)
        try:
            if rest not in self._known:
                check_groups(rest)
                self._known[rest] = self._compose(rest)
            shared = self._known[rest]
            seed = int(seeds[-1].partition("=")[2]) if seeds else int(shared.cfg.seed)
            check_seed(seed)
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(explain(error, given)) from error
        return Job(tuple(words), seed, shared.sweep_directory if sweeps else shared.run_directory, shared)

    def _compose(self, words: tuple[str, ...]) -> Composed:
        cfg = compose(self._config_name, overrides=[*self._extra, *words], return_hydra_config=True)
        if cfg.hydra.mode == RunMode.MULTIRUN:
            raise UserError("hydra.mode=MULTIRUN: give --multirun instead.")
        if not str(cfg.hydra.sweeper._target_).endswith(".LocexpSweeper"):
            raise UserError(
                "hydra/sweeper: sweeps go through locexp's own sweeper, which keeps their jobs and compares them; "
                "leave it out. Grids, whole sweeps and searches: docs/sweeps.md."
            )
        run, sweep, launcher = Path(cfg.hydra.run.dir), Path(cfg.hydra.sweep.dir), cfg.hydra.launcher
        with open_dict(cfg):
            del cfg["hydra"]
        OmegaConf.to_container(cfg, resolve=True)
        validate(cfg)
        return Composed(cfg, launcher, config_hash(cfg), run, sweep)


@contextlib.contextmanager
def composing(config_dir: str | None = None, config_name: str = "config") -> Iterator[Composer]:
    """Open the configuration for composing.

    Args:
        config_dir: a further directory of YAML files, searched first.
        config_name: the primary configuration.

    Raises:
        UserError: there is no such directory.
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
        yield Composer(extra, config_name)


def key_of(word: str) -> str:
    """Return the key that an override sets, adds or deletes."""
    return word.lstrip("+~").partition("=")[0].strip()


def opened(words: Sequence[str]) -> list[str]:
    """Return overrides in which keys below :data:`~.schema.OPEN` are added: Hydra wants ``++KEY``."""
    below = re.compile(rf"\+*((?:{'|'.join(map(re.escape, OPEN))})[.=])")
    return [below.sub(r"++\1", word, count=1) if below.match(word) else word for word in words]


def check_groups(words: Sequence[str]) -> None:
    """Check that groups are given names: Hydra itself breaks on ``model=null``.

    Raises:
        UserError: one is given something else.
    """
    for word in words:
        key, _, value = word.partition("=")
        folder = config_directory() / key
        if key == "experiment" and value == "null":
            continue
        if key and folder.is_dir() and re.fullmatch(r"null|true|false|[-+\d.]+|[\[{].*", value):
            options = sorted(path.stem for path in folder.glob("*.yaml"))
            raise UserError(f"{word}: expected one of {listed(options)}.")


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
            keys.append(key)
            try:
                values = [f"{key}={value}" for value in override.sweep_string_iterator()]
            except HydraException:
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
        given = [word for word in overrides if key_of(word) == key_of(f"{key}=")]
        if len(given) > 1:
            raise UserError(f"{' '.join(given)}: {key_of(f'{key}=')} is given twice, and swept; leave one out.")
    return keys, list(itertools.product(*choices))


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
        return _explain_unknown(key or first_line, word, words)
    if key and word:
        expected = _expected(key) if isinstance(cause, ValidationError) else ""
        if expected:
            return f"{word}: expected {expected}."
        return f"{word}: {reason[0].lower()}{reason[1:]}."
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


def _explain_unknown(key: str, word: str | None, words: Sequence[str]) -> str:
    """Name the nearest key among the siblings of an unknown one, in the groups that the words choose."""
    groups = [other for other in words if re.match(r"[\w/]+=", other) and other != word]
    try:
        default = compose("config", overrides=groups, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException):  # another word is wrong, too
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
