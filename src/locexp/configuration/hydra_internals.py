"""All that locexp uses of Hydra's internals, each piece with its reason.

locexp composes a configuration once and runs it as a value. Hydra's public ways do only one of the two: ``hydra.main``
composes by itself from ``sys.argv``, and the compose API runs nothing. ``tests/configuration/test_hydra_internals.py``
says which piece a new release has changed.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import hydra
from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra._internal.utils import _run_hydra, create_config_search_path, get_args_parser
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, configure_log, env_override
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, Node, OmegaConf

__all__ = [
    "Callbacks",
    "ConfigResult",
    "FileConfigSource",
    "HydraConfig",
    "JobReturn",
    "JobStatus",
    "Launcher",
    "env_override",
]

TaskFunction = Callable[[DictConfig], object]


def set_up_logging(config: DictConfig, verbose: bool | str | Sequence[str]) -> None:
    """Set logging up as ``hydra.job_logging`` or ``hydra.hydra_logging`` say.

    Hydra 1.4 warns of each class that is not one of ``logging``'s, such as a handler of the user's own or of ours.

    Raises:
        OSError: a log file cannot be opened.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Hydra configured Python logging", UserWarning)
        try:
            configure_log(config, verbose)
        except ValueError as error:
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            raise


def argument_parser(program: str) -> argparse.ArgumentParser:
    """Return the parser of Hydra's own flags. Hydra keeps it to itself, and ``--help`` lists what it knows."""
    parser = get_args_parser()
    parser.prog = program
    return parser


def show(parser: argparse.ArgumentParser, arguments: argparse.Namespace, conf: Path) -> None:
    """Let Hydra answer ``--help``, ``--hydra-help``, ``--cfg``, ``--info`` or ``--shell-completion``; none runs a job.

    ``hydra.main`` does the same, but parses ``sys.argv``, which is not ours to change.

    Args:
        parser: of these arguments.
        arguments: of the command.
        conf: the folder of the primary configuration.

    Raises:
        HydraException: the configuration cannot be composed.
        SystemExit: help was shown.
    """
    set_version_base()
    never_called: Any = show  # Hydra names the task by the module of its function
    _run_hydra(
        args=arguments, args_parser=parser, task_function=never_called, config_path=str(conf), config_name="config"
    )


def set_version_base() -> None:
    """Ask Hydra 1.3 for its own defaults: without, it takes those of 1.1. From 1.4 on there is nothing to ask for."""
    if hydra.__version__.startswith("1.3."):
        version.setbase("1.3")


@contextlib.contextmanager
def search_path(conf: Path, further: Path | None) -> Iterator[None]:
    """Let ``hydra.compose`` find the files of ``conf``, and after them those of a further folder, as --config-dir does.

    ``initialize_config_dir`` takes one folder alone; as a ``hydra.searchpath`` the further one would have to be quoted.
    """
    set_version_base()
    path = create_config_search_path(str(conf))
    assert isinstance(path, ConfigSearchPathImpl)
    if further is not None:
        path.prepend("command-line", f"file://{further}", SearchPathQuery(provider="schema"))
    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    Hydra.create_main_hydra2(task_name="train", config_search_path=path)
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = before


def read_files_with(source: type[FileConfigSource]) -> None:
    """Let folders of YAML files be read by a source of locexp's own, here and in ``show``."""
    Plugins.instance()  # which would register Hydra's
    SourcesRegistry.instance().types["file"] = source


def sources() -> list[ConfigSource]:
    """Return what the open search path holds, in the order in which a configuration is looked for."""
    return list(_loader().get_sources())


def file_defaults(config_name: str, overrides: Sequence[str]) -> list[tuple[str, str]]:
    """Return path and package of each configuration that is composed, the last first, as the last one counts.

    Raises:
        HydraException: the lists of defaults are wrong.
    """
    found = _loader().compute_defaults_list(config_name, list(overrides), RunMode.RUN).defaults
    return [(str(one.config_path), one.package or "") for one in reversed(found)]


def options(group: str) -> list[str]:
    """Return the names of a group's files on the open search path."""
    return list(_loader().get_group_options(group))


def parse_override(text: str) -> Override:
    """Return an override as Hydra reads it; raises HydraException."""
    return OverridesParser.create().parse_overrides([text])[0]


def apply_overrides(overrides: Sequence[Override], cfg: DictConfig) -> None:
    """Set values in a composed configuration as Hydra does when it composes one, but for groups.

    Raises:
        HydraException, OmegaConfBaseException: a key is unknown, or its value has the wrong type.
    """
    ConfigLoaderImpl._apply_overrides_to_config(list(overrides), cfg)


def part_of(cfg: DictConfig, name: str) -> Node:
    """Return what a configuration holds at its top, as OmegaConf keeps it; it may be put into others."""
    node = cfg._get_node(name)
    assert isinstance(node, Node)
    return node


def with_parts(shell: DictConfig, parts: Mapping[str, Node]) -> DictConfig:
    """Return a configuration of parts that it shares with others, and so must not be changed.

    OmegaConf has no shallow copy, since each node knows one parent; a deep one takes milliseconds and 50 KB.

    Args:
        shell: without parts, for its type and flags.
        parts: by their names, without interpolations.
    """
    made = copy.deepcopy(shell)
    made.__dict__["_content"].update(parts)
    return made


def _loader() -> ConfigLoader:
    return GlobalHydra.instance().config_loader()


def store_once(name: str, schema: type) -> None:
    """Store a schema that the primary configuration names; Hydra 1.4 warns of one that is stored twice."""
    store = ConfigStore.instance()
    if f"{name}.yaml" not in store.list(""):
        store.store(name=name, node=schema)


def register_resolver(name: str, resolver: Callable[[], str]) -> None:
    """Register a resolver whose result stays the same within a configuration.

    OmegaConf 2.4 has a new name for ``register_new_resolver``: that of a function which 2.3 has for something older.
    """
    register: Any = OmegaConf.register_resolver
    if "use_cache" not in inspect.signature(register).parameters:
        register = OmegaConf.register_new_resolver
    register(name, resolver, use_cache=True, replace=True)


@contextlib.contextmanager
def known_configuration(cfg: DictConfig) -> Iterator[None]:
    """Let ``${hydra:…}`` find Hydra's part of a whole configuration."""
    known: Any = HydraConfig.instance()
    before, known.cfg = known.cfg, cfg
    try:
        yield
    finally:
        known.cfg = before


class JobConfigurations(Protocol):
    """Where a foreign launcher's jobs are composed already."""

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the whole configuration of the job with these overrides, Hydra's part included."""
        ...


def error_of(returned: JobReturn) -> Exception | None:
    """Return what ended a launcher's call; ``return_value`` would raise it, and print it as well."""
    error = returned._return_value if returned.status is JobStatus.FAILED else None
    return error if isinstance(error, Exception) else None


def hydra_launcher(
    cfg: DictConfig, configurations: JobConfigurations, callbacks: Callbacks, task: TaskFunction
) -> Launcher:
    """Return one of Hydra's launchers, ready to launch.

    Launchers are plugins, and ask a configuration loader for each job's configuration, in this process or in the
    worker's. They are given one that has them composed, so that nothing is composed again.

    Args:
        cfg: of the sweep, Hydra's part included; names the launcher.
        configurations: of the jobs; is pickled for workers.
        callbacks: the user's, of ``hydra.callbacks``.
        task: what each job calls; is pickled for workers.
    """
    # Launchers call only a loader's ``load_sweep_config``: basic, joblib, submitit and ray were read.
    context = HydraContext(config_loader=cast(ConfigLoader, configurations), callbacks=callbacks)
    return Plugins.instance().instantiate_launcher(hydra_context=context, task_function=task, config=cfg)
