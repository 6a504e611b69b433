"""The command ``python -m locexp.train``: check everything, then let Hydra run the jobs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig

from locexp.config import config_directory, register
from locexp.errors import RunFailedError, Terminated, UserError
from locexp.folders import check_writable
from locexp.run.compose import Job, compose_jobs, explain
from locexp.tracking.location import check, location_of


def train_command(words: Sequence[str]) -> int:
    """Run the command with these arguments; returns its exit status.

    0 done; 1 a run failed or diverged, or its results did not reach the store; 2 bad input, nothing written;
    130 Ctrl-C; 143 SIGTERM.
    """
    try:
        _run(words)
    except UserError as error:
        return _said(f"error: {error}", 2)
    except HydraException as error:
        return _said(f"error: {explain(error, words)}", 2)
    except RunFailedError as error:
        return _said(f"failed: {error}", 1)
    except KeyboardInterrupt:
        return _said("interrupted", 130)
    return 0


def _said(text: str, status: int) -> int:
    print(text, file=sys.stderr)
    return status


def _run(words: Sequence[str]) -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # its errors are caught and worded above
    signal.signal(signal.SIGTERM, _terminate)
    register()
    parser = get_args_parser()
    parser.prog = "python -m locexp.train"
    arguments = parser.parse_intermixed_args(list(words))
    informs = any(getattr(arguments, name) for name in ("help", "hydra_help", "cfg", "info", "shell_completion"))
    prepared: dict[str, Any] = {}
    if not informs:
        jobs = compose_jobs(
            arguments.overrides,
            multirun=arguments.multirun,
            config_dir=arguments.config_dir,
            config_name=arguments.config_name or "config",
        )
        _check_surroundings(jobs)
        prepared = _prepare(jobs)

    failures: list[Exception] = []

    def task(cfg: DictConfig) -> None:
        from locexp.run.execute import execute
        from locexp.run.prepare import prepare
        from locexp.run.screen import Screen

        choices = HydraConfig.get()
        try:
            ready = prepared.pop("single", None) or prepare(cfg)
            execute(ready, Path(choices.runtime.output_dir), list(choices.overrides.task), Screen())
        except RunFailedError as error:  # Hydra would print it in its own words and hide all but the first
            failures.append(error)

    # Hydra's own parser takes no overrides on both sides of a flag.
    flags = [word for word in words if word not in arguments.overrides]
    program, sys.argv = sys.argv, ["locexp.train", *flags, *arguments.overrides]
    try:
        hydra.main(config_path=str(config_directory()), config_name="config", version_base="1.3")(task)()
    finally:
        sys.argv = program
    if failures:
        raise RunFailedError("; ".join(map(str, failures)))


def _check_surroundings(jobs: list[Job]) -> None:
    """Check what a process has one of, folders and tracking stores, each once."""
    for name in ("threads", "deterministic"):
        values = sorted({str(job.cfg.trainer[name]) for job in jobs})
        if len(values) > 1:
            raise UserError(
                f"trainer.{name}={','.join(values)}: TensorFlow takes one value in a process, so it cannot be swept; "
                "give one command for each value."
            )
    for directory in {job.directory.parent for job in jobs}:
        check_writable(directory, "hydra.run.dir")
    for location in {location_of(job.cfg.tracking) for job in jobs}:
        check(location)


def _prepare(jobs: list[Job]) -> dict[str, Any]:
    """Load the data of every job and build its network once, so that what is wrong shows before Hydra writes."""
    from locexp.run.prepare import load_problem, prepare

    for job in jobs:
        load_problem(job.cfg)
    if len(jobs) == 1:
        return {"single": prepare(jobs[0].cfg)}
    seen = set()
    for job in jobs:
        shape = str((job.cfg.data, job.cfg.bbox, job.cfg.model, job.cfg.optimizer, job.cfg.trainer.callbacks))
        if shape not in seen:
            seen.add(shape)
            prepare(job.cfg)
    return {}


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise Terminated
