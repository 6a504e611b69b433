"""The folder of a run as Hydra lays it out: its configuration, its log; and what Hydra's callbacks receive."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from logging.config import DictConfigurator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hydra.conf import HydraConf
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from locexp.configuration.compose import whole
from locexp.configuration.hydra_internals import (
    Callbacks,
    HydraConfig,
    JobReturn,
    JobStatus,
    env_override,
    set_up_logging,
)
from locexp.configuration.schema import plain
from locexp.errors import UserError, first_line
from locexp.system.files import write_whole
from locexp.system.logs import LogFile, RunLog

FILE = "file"
"""The handler of ``hydra.job_logging`` that writes a run's log file."""
LONGEST_FILE_NAME = 255
"""The most bytes of a file's name that Linux and macOS take."""
PARTS = ("config.yaml", "hydra.yaml", "overrides.yaml")
"""The files of a run's configuration that are Hydra's, too."""


class RunFolder:
    """A run's folder, from before the run is prepared until it has ended.

    Entered, it holds the folder with its configuration, and takes in what is logged on the run's behalf.

    Args:
        cfg: the run's configuration.
        hydra: Hydra's part of it, which names the folder.
        callbacks: the user's, of ``hydra.callbacks``.
        alone: this process has one run, whose logging is all that ``hydra.job_logging`` says. Else the run has its log
            file, for what is logged within :meth:`current`, and shares the rest: see :func:`shared_logging`.

    Attributes:
        directory: the folder, absolute.
        error: what ended the run, for the callbacks; set by whoever ran it.
        job_return: what Hydra's callbacks receive in the end.
    """

    def __init__(self, cfg: DictConfig, hydra: DictConfig, callbacks: Callbacks, *, alone: bool) -> None:
        self._cfg, self._whole = cfg, whole(cfg, hydra)
        self._callbacks, self._alone = callbacks, alone
        self._log: RunLog | None = None
        self._hydra_config: Any = None
        self.directory = Path(hydra.runtime.output_dir)
        self.overrides = [str(override) for override in hydra.overrides.task]
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        hydra = self._whole.hydra
        self.directory.mkdir(parents=True, exist_ok=True)
        if self._alone:
            set_up_logging(hydra.job_logging, hydra.verbose)
        else:
            self._log = RunLog(_handler(hydra.job_logging, self.directory))
        self._write_configuration()
        with self.current():
            self._callbacks.on_job_start(config=self._whole, task_function=lambda cfg: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended = self.error or error
        self.job_return = JobReturn(
            overrides=self.overrides,
            cfg=self._cfg,
            hydra_cfg=OmegaConf.masked_copy(self._whole, ["hydra"]),
            working_dir=str(Path.cwd()),
            task_name=str(self._whole.hydra.job.name),
            status=JobStatus.COMPLETED if ended is None else JobStatus.FAILED,
        )
        self.job_return.return_value = ended
        try:
            with self.current():
                self._callbacks.on_job_end(config=self._whole, job_return=self.job_return)
        finally:
            if self._log is not None:
                self._log.close()
            else:
                set_up_logging(self._whole.hydra.hydra_logging, self._whole.hydra.verbose)

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        """Make the run the one on whose behalf things are logged, and whose configuration Hydra knows."""
        known = HydraConfig.instance()
        before = known.cfg
        if self._hydra_config is None:  # which takes ten milliseconds to make, and is asked for at every step
            known.set_config(self._whole)
            self._hydra_config = known.cfg
        log = self._log.current() if self._log is not None else contextlib.nullcontext()
        with log, env_override(self._whole.hydra.job.env_set):
            known.cfg = self._hydra_config
            try:
                yield
            finally:
                known.cfg = before

    def _write_configuration(self) -> None:
        hydra = self._whole.hydra
        if hydra.output_subdir is None:
            return
        folder = self.directory / hydra.output_subdir
        folder.mkdir(parents=True, exist_ok=True)
        parts = self._cfg, OmegaConf.masked_copy(self._whole, ["hydra"]), OmegaConf.create(self.overrides)
        for name, node in zip(PARTS, parts, strict=True):
            write_whole(folder / name, OmegaConf.to_yaml(node))


def check_folder(hydra: DictConfig) -> None:
    """Check what Hydra's part says of a run's folder and its logging, before anything is written.

    Raises:
        UserError: a name leads out of the folder, or is not a file's; logging cannot be set up as it says.
    """
    job_name, subdir = str(hydra.job.name), hydra.output_subdir
    if Path(job_name).name != job_name or len(os.fsencode(f"{job_name}.log")) > LONGEST_FILE_NAME:
        raise UserError(f"hydra.job.name={job_name}: expected the name of a file, without its ending.")
    if subdir is not None and (Path(subdir).is_absolute() or ".." in Path(subdir).parts or not Path(subdir).parts):
        raise UserError(f"hydra.output_subdir={subdir}: expected the name of a folder in the run's own, or null.")
    if any(len(os.fsencode(part)) > LONGEST_FILE_NAME for part in Path(subdir or "").parts):
        raise UserError(f"hydra.output_subdir={subdir}: expected at most {LONGEST_FILE_NAME} bytes.")
    for key in ("job_logging", "hydra_logging"):
        _check_logging(f"hydra.{key}", hydra[key], Path(hydra.runtime.output_dir))


def _check_logging(key: str, config: DictConfig, directory: Path) -> None:
    """Make the handlers and close them: files are not opened, and the logging of this process stays as it is."""
    try:
        asked = plain(config)
        for name, handler in asked.get("handlers", {}).items():
            if not isinstance(handler, dict):
                raise UserError(f"{key}.handlers.{name}: expected the keys of a handler, such as class.")
            if "filename" in handler:
                parent = Path(handler["filename"]).absolute().parent
                if not (directory.is_relative_to(parent) or parent.is_dir()):
                    raise UserError(f"{key}.handlers.{name}.filename: there is no folder {parent}.")
                handler["filename"] = os.devnull
        configurator: Any = DictConfigurator(asked)  # whose parts typeshed leaves out
        formatters = configurator.config.get("formatters", {})
        for name in formatters:
            formatters[name] = configurator.configure_formatter(formatters[name])
        for name in asked.get("handlers", {}):
            configurator.configure_handler(configurator.config["handlers"][name]).close()
        for log in (asked.get("root") or {}, *asked.get("loggers", {}).values()):
            logging.Handler(log.get("level") or 0)  # refuses a level that there is not
            missing = set(log.get("handlers", ())) - set(asked.get("handlers", {}))
            if missing:
                raise UserError(f"{key}: there is no handler {min(missing)}.")
    except (ValueError, TypeError, KeyError, AttributeError, ImportError, OSError, OmegaConfBaseException) as error:
        cause = error.__cause__ or error
        raise UserError(f"{key}: logging cannot be set up so ({first_line(error)}: {first_line(cause)}).") from error


def chosen_files(hydra: HydraConf) -> list[str]:
    """Return the files of a run, relative to its folder, that Hydra's part of its configuration names."""
    handlers, folder = hydra.job_logging.get("handlers", {}), hydra.output_subdir
    log = [_log_name(handlers[FILE])] if FILE in handlers else []
    return log + ([str(Path(folder, name)) for name in PARTS] if folder is not None else [])


@contextlib.contextmanager
def shared_logging(hydra: DictConfig) -> Iterator[None]:
    """Log as ``hydra.job_logging`` says, without its file, since each run has its own; afterwards as before jobs."""
    set_up_logging(without_file(hydra.job_logging), hydra.verbose)
    try:
        yield
    finally:
        set_up_logging(hydra.hydra_logging, hydra.verbose)


def without_file(job_logging: DictConfig) -> DictConfig:
    """Return ``hydra.job_logging`` without the file of a run."""
    shared = plain(job_logging)
    shared.get("handlers", {}).pop(FILE, None)
    for log in (shared.get("root") or {}, *shared.get("loggers", {}).values()):
        if "handlers" in log:
            log["handlers"] = [name for name in log["handlers"] if name != FILE]
    return OmegaConf.create(shared)


def _log_name(handler: Mapping[str, Any]) -> str:
    return Path(str(handler["filename"])).name


def _handler(asked: DictConfig, directory: Path) -> logging.Handler:
    """Return the handler of a run's log file, as its configuration has it."""
    if FILE not in asked.get("handlers", {}):
        return logging.NullHandler()
    handler = LogFile(directory / _log_name(asked.handlers[FILE]))
    style = asked.get("formatters", {}).get(asked.handlers.file.get("formatter"), {})
    handler.setFormatter(logging.Formatter(style.get("format")))
    return handler


def began_in(directory: Path) -> Path | None:
    """Return the folder that a run was started in, which its relative paths are meant from; ``None`` if unknown."""
    try:
        return Path(OmegaConf.load(directory / "config" / "hydra.yaml").hydra.runtime.cwd)
    except Exception:  # of a file that is not there, or was tampered with
        return None
