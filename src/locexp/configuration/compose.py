"""From the overrides of a command to composed, valid jobs: each is composed once, and travels as a value."""

from __future__ import annotations

import argparse
import contextlib
import copy
import functools
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.conf import HydraConf
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from locexp.configuration.effects import check_alone, check_copied, check_hydra
from locexp.configuration.explain import explain
from locexp.configuration.files import FileConfigSource, located, own_keys
from locexp.configuration.hydra_internals import known_configuration, read_files_with, search_path, show
from locexp.configuration.interpolation import resolve
from locexp.configuration.overrides import check_groups, check_text, is_for_hydra, key_of, with_open_keys
from locexp.configuration.quoting import literal, quoted
from locexp.configuration.renamed import check_overrides
from locexp.configuration.rules import check_seed, validate
from locexp.configuration.schema import config_directory, config_hash, register
from locexp.configuration.templates import Templates, without_hydra
from locexp.errors import UserError, first_line
from locexp.system.folders import expanded


@dataclass(frozen=True)
class Composition:
    """What jobs that differ in nothing but their seed share.

    Attributes:
        cfg: the configuration, valid; its seed is the default one. Not to be changed: others may share its groups.
        hydra: Hydra's part as plain values, interpolations as they are written: what says how the job is run.
        config_hash: names the setting.
        seed_values: what depends on the seed, as text by key; other seeds have a composition of their own then.
    """

    cfg: DictConfig
    hydra: dict[str, Any]
    config_hash: str
    seed_values: dict[str, str] = field(default_factory=dict)

    @functools.cached_property
    def hydra_node(self) -> DictConfig:
        """Hydra's part with its types; made when a job is run, since it takes twenty times the memory and a tenth of a
        second."""
        node = OmegaConf.structured(HydraConf)
        OmegaConf.set_struct(node, False)
        del node["defaults"]  # of the schema: what they stand for has been composed
        node.merge_with(self.hydra)
        return node


@dataclass(frozen=True)
class Job:
    """One run of a command, composed and valid.

    Attributes:
        overrides: that compose it.
        seed: its own.
        composition: what it shares with jobs of other seeds.
    """

    overrides: tuple[str, ...]
    seed: int
    composition: Composition

    @property
    def config_hash(self) -> str:
        """See :func:`locexp.configuration.schema.config_hash`."""
        return self.composition.config_hash

    @functools.cached_property
    def cfg(self) -> DictConfig:
        """Its configuration; a copy, which takes milliseconds to make."""
        cfg = copy.deepcopy(self.composition.cfg)
        cfg.seed = self.seed
        return cfg

    def directory(self, kind: str) -> Path:
        """Return where a ``run`` by itself, or the whole ``sweep``, is to write. Ask once: it may contain the time.

        Raises:
            UserError: an interpolation in Hydra's part cannot be resolved.
        """
        config = whole(self.cfg, self.hydra(Path.cwd()))
        config.hydra.sweep.subdir = ""  # refers to the number of the job
        config.hydra.overrides.task = config.hydra.overrides.hydra = []
        try:
            with known_configuration(config):
                hydra = OmegaConf.to_container(config.hydra, resolve=True)
        except OmegaConfBaseException as error:
            raise UserError(explain(error, self.overrides)) from error
        assert isinstance(hydra, dict)
        if not str(hydra[kind]["dir"]).strip():
            raise UserError(f"hydra.{kind}.dir=: expected the name of a folder.")
        return expanded(str(hydra[kind]["dir"]), f"hydra.{kind}.dir")

    def hydra(
        self,
        directory: Path,
        *,
        index: int | None = None,
        extra: Sequence[str] = (),
        write_configuration: bool = True,
    ) -> DictConfig:
        """Return Hydra's part of the configuration for this job, as it is stored in ``config/hydra.yaml``.

        Args:
            directory: of the run, absolute.
            index: of the job in its sweep; ``None`` for a run by itself.
            extra: further overrides, of the sweep that the job belongs to.
            write_configuration: whether the configuration is to be stored at all.
        """
        node = copy.deepcopy(self.composition.hydra_node)
        overrides = [override for override in (*self.overrides, *extra) if not is_for_hydra(override)]
        node.overrides.task = [literal(override) for override in overrides]
        node.overrides.hydra = [literal(override) for override in self.composition.hydra["overrides"]["hydra"]]
        node.runtime.output_dir = literal(str(directory))
        node.job.override_dirname = literal(",".join(sorted(one for one in overrides if one[0] not in "+~")))
        if index is not None:
            node.mode = RunMode.MULTIRUN
            node.job.num, node.job.id = index, str(index)
            node.sweep.dir, node.sweep.subdir = literal(str(directory.parent)), directory.name
            node.overrides.hydra = [
                *(override for override in node.overrides.hydra if override != "hydra.mode=RUN"),
                "hydra.mode=MULTIRUN",
                literal(f"hydra.sweep.dir={quoted(str(directory.parent))}"),
                f"hydra.sweep.subdir={quoted(directory.name)}",
            ]
        if not write_configuration:
            node.output_subdir = None
        OmegaConf.set_struct(node, True)
        return node


def whole(cfg: DictConfig, hydra: DictConfig) -> DictConfig:
    """Return a configuration with Hydra's part in it, as launchers and callbacks of Hydra expect it."""
    made = copy.deepcopy(cfg)
    with open_dict(made):
        made.hydra = hydra
    return made


class Composer:
    """Composes and validates configurations; made by :func:`composing`."""

    def __init__(self, config_name: str) -> None:
        self._config_name = config_name
        self._known: dict[tuple[tuple[str, ...], int | None], Composition] = {}
        self._first: DictConfig | None = None
        self._templates = Templates(self._with_hydra)
        self._valid: set[str] = set()

    def compose(self, overrides: Sequence[str]) -> Job:
        """Compose and validate the configuration of one run.

        Args:
            overrides: that fix values; none of them sweeps.

        Raises:
            UserError: the configuration is wrong; the message names the key, what was given and what is allowed.
        """
        check_overrides(overrides)
        opened = with_open_keys(overrides)
        # Jobs that differ only in their seed share one composition, which takes tens of milliseconds.
        seeds = [override for override in opened if key_of(override) == "seed"]
        if not all(re.fullmatch(r"seed=\d{1,10}", override) for override in seeds):
            seeds = []
        rest = tuple(override for override in opened if override not in seeds)
        seed = int(seeds[-1].partition("=")[2]) if seeds else None
        if seed is not None:
            check_seed(seed)
        composition = self._known.get((rest, None)) or self._known.get((rest, seed))
        if composition is None:
            with explained(overrides, self._config_name):
                check_groups(rest)
                check_text(rest)
                check_copied(rest)
                composition = self._compose(rest, seed)
            own = int(composition.cfg.seed)
            self._known[rest, own if composition.seed_values else None] = composition
        return Job(tuple(opened), int(composition.cfg.seed) if seed is None else seed, composition)

    def _compose(self, overrides: tuple[str, ...], seed: int | None) -> Composition:
        seed_values: dict[str, str] = {}
        made = self._templates.with_values(overrides if seed is None else (*overrides, f"seed={seed}"))
        if made is None:
            cfg = self._with_hydra(overrides)
            seed_values = resolve(cfg, seed)
            made = without_hydra(cfg)
        cfg = made.cfg
        validate(cfg, self._valid)
        check_alone(cfg, overrides, lambda: own_keys(self._config_name, overrides))
        return Composition(cfg, made.hydra, config_hash(cfg), seed_values)

    def _with_hydra(self, overrides: Sequence[str]) -> DictConfig:
        cfg = compose(self._config_name, overrides=list(overrides), return_hydra_config=True)
        check_hydra(cfg.hydra, overrides)
        if self._first is None:
            self._first = cfg
        OmegaConf.copy_cache(self._first, cfg)  # all jobs share one time
        return cfg


@contextlib.contextmanager
def explained(overrides: Sequence[str], config_name: str) -> Iterator[None]:
    """Turn errors of Hydra and OmegaConf into one line, with the place in the user's files that it is about.

    Args:
        overrides: of the command.
        config_name: of the primary configuration, whose search path is open.

    Raises:
        UserError: in place of these.
    """
    with _existing_folders():
        try:
            yield
        except (HydraException, OmegaConfBaseException, OverflowError, UserError) as error:
            message = str(error) if isinstance(error, UserError) else explain(error, overrides)
            raise UserError(located(message, error, config_name, overrides)) from error
        except RecursionError:
            raise UserError(
                f"{' '.join(overrides) or config_name}: a file's list of defaults leads back to that file; take it out."
            ) from None


def set_up() -> None:
    """Make Hydra know locexp's schema, resolvers and reader of files; calling it again changes nothing."""
    register()
    read_files_with(FileConfigSource)


def show_configuration(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Let Hydra answer a command that runs no job, see :func:`locexp.configuration.hydra_internals.show`.

    Raises:
        UserError: the configuration cannot be composed.
        SystemExit: help was shown.
    """
    overrides, name = list(arguments.overrides), arguments.config_name or "config"
    arguments.overrides = with_open_keys(overrides)
    try:
        with _existing_folders():
            show(parser, arguments, config_directory())
    except SystemExit as ended:  # of Hydra, which reports what it could not show
        raise SystemExit(2 if ended.code else 0) from None
    except (HydraException, OmegaConfBaseException, OverflowError, RecursionError) as error:
        with composing(arguments.config_dir, name) as composer, explained(overrides, name):
            if arguments.cfg:
                composer.compose(overrides)  # says which key it is about
            raise error


@contextlib.contextmanager
def _existing_folders() -> Iterator[None]:
    """Refuse missing folders in ``hydra.searchpath``, which Hydra only warns about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".* is not available")
        try:
            yield
        except UserWarning as warning:
            raise UserError(f"hydra.searchpath: {first_line(warning)}; expected folders that exist.") from None


@contextlib.contextmanager
def composing(config_dir: str | None = None, config_name: str = "config") -> Iterator[Composer]:
    """Open the configuration for composing.

    Args:
        config_dir: a further directory of YAML files, for names that locexp's own lacks.
        config_name: the primary configuration.

    Raises:
        UserError: there is no such directory.
    """
    set_up()
    further = None if config_dir is None else Path(config_dir).absolute()
    if further is not None and not further.is_dir():
        what = "is a file, not a folder" if further.exists() else "there is no such folder"
        raise UserError(f"--config-dir {config_dir}: {what}.")
    group, _, choice = config_name.removesuffix(".yaml").rpartition("/")
    if group and (config_directory() / group / f"{choice}.yaml").is_file():
        raise UserError(f"--config-name {config_name}: is not a whole configuration; give {group}={choice}.")
    with search_path(config_directory(), further):
        yield Composer(config_name)
