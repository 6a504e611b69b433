"""``hydra/launcher=stacked``: jobs that share data, boxes, network and schedule train side by side in one process.

Each leaves what Hydra's basic launcher would have left: its folder with the configuration and the log, its record, its
run in the store. What cannot be stacked is trained alone.
"""

from __future__ import annotations

import copy
import logging
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus, configure_log, env_override, filter_overrides, setup_globals
from omegaconf import DictConfig, OmegaConf, open_dict

from locexp.configuration.compose import key_of
from locexp.records.sweep_list import SweepLink
from locexp.run.job import forget
from locexp.run.pictures import Draw, Drawer
from locexp.sweep.conduct import planned
from locexp.sweep.launching import most_members
from locexp.system.logs import RunLog
from locexp.system.process import core_count
from locexp.system.screen import Screen

if TYPE_CHECKING:
    from hydra_plugins.locexp.launcher import StackedLauncher
    from locexp.run.running import Run

logger = logging.getLogger(__name__)

OWN = ("seed", "sweep.job", "hydra.sweep.subdir")
"""Keys that differ between jobs of one setting; all that is composed is the same."""
MAX_DRAWING_PROCESSES = 4
"""At most so many processes draw pictures, and no more than there are cores: each takes a tenth of a gigabyte."""
SHARED = ("data", "bbox", "model", "trainer")
"""Groups in which the jobs of a stack are equal. Different networks could train together as well, but then it would not
be known what time and memory each takes."""


@dataclass
class StackedJob:
    """A job on its way: its whole configuration, Hydra's part included, and what Hydra is told of it."""

    cfg: DictConfig
    returned: JobReturn

    @property
    def directory(self) -> Path:
        """Its folder."""
        return Path(self.cfg.hydra.sweep.dir) / str(self.cfg.hydra.sweep.subdir)

    @property
    def group(self) -> str:
        """Equal for jobs that can share a stack."""
        return OmegaConf.to_yaml(OmegaConf.masked_copy(self.cfg, list(SHARED)), resolve=True)


def launch(launcher: StackedLauncher, overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """Run jobs in stacks.

    Args:
        launcher: Hydra's, set up.
        overrides: the words of each job.
        first: the number of the first job.

    Raises:
        KeyboardInterrupt, Terminated: after every open run has been closed as KILLED.
    """
    setup_globals()
    jobs = _composed(launcher, overrides, first)
    groups: dict[str, list[StackedJob]] = {}
    for job in jobs:
        groups.setdefault(job.group, []).append(job)
    hydra = launcher.config.hydra
    configure_log(_without_files(hydra.job_logging), hydra.verbose)
    try:
        with Path(os.devnull).open("w") as nowhere, Drawer(min(core_count(), MAX_DRAWING_PROCESSES)) as drawer:
            for group in groups.values():
                waiting = list(group)
                while waiting:
                    waiting = waiting[_run_stack(launcher, waiting, Screen(nowhere), drawer.draw) :]
    finally:
        configure_log(hydra.hydra_logging, hydra.verbose)
    return [job.returned for job in jobs]


def _composed(launcher: StackedLauncher, overrides: Sequence[Sequence[str]], first: int) -> list[StackedJob]:
    """Compose jobs; those of one setting are composed once, for Hydra takes a quarter of a second for each."""
    loader, known, jobs = launcher.hydra_context.config_loader, {}, []
    parser = OverridesParser.create()
    for number, words in enumerate(overrides, first):
        rest = tuple(word for word in words if key_of(word) not in OWN)
        if rest not in known:
            known[rest] = loader.load_sweep_config(launcher.config, list(words))
        cfg = copy.deepcopy(known[rest])
        with open_dict(cfg):
            for word in words:
                if key_of(word) in OWN:
                    OmegaConf.update(cfg, key_of(word), parser.parse_override(word).value())
            told = cfg.hydra.overrides
            told.hydra = [word for word in told.hydra if key_of(word) not in OWN]
            told.hydra += [word for word in words if key_of(word).startswith("hydra.") and word not in told.hydra]
            told.task = filter_overrides(words)
            cfg.hydra.job.id = cfg.hydra.job.num = number
            cfg.hydra.job.override_dirname = ",".join(sorted(word for word in told.task if word[0] not in "+~"))
            cfg.hydra.runtime.output_dir = str(Path(cfg.hydra.sweep.dir, str(cfg.hydra.sweep.subdir)).absolute())
        jobs.append(StackedJob(cfg, JobReturn(overrides=list(told.task), working_dir=os.getcwd())))
    return jobs


def _run_stack(launcher: StackedLauncher, waiting: Sequence[StackedJob], screen: Screen, draw: Draw) -> int:
    """Run as many of these jobs, from the first, as fit a stack; returns how many have been."""
    taken: list[StackedJob] = []
    runs: list[Run] = []
    callbacks = launcher.hydra_context.callbacks
    most = 1
    try:
        while len(taken) < min(most, len(waiting)):
            job = waiting[len(taken)]
            taken.append(job)
            run = _entered(launcher, job, screen)
            if run is not None:
                runs.append(run)
                if len(runs) == 1:
                    most = most_members(launcher.max_members, run.prepared, planned().say)
                    most = math.ceil(len(waiting) / math.ceil(len(waiting) / most))  # stacks of one size
            elif not runs:
                most += 1  # that one was no use for telling how many fit
        if runs:
            from locexp.run.execute import execute_together

            with env_override(taken[0].cfg.hydra.job.env_set):
                execute_together(runs, planned().say, draw)
    finally:
        for job in taken:
            job.returned.status = JobStatus.COMPLETED
            callbacks.on_job_end(config=job.cfg, job_return=job.returned)
        for run in runs:
            run.log.close()
        runs.clear()
        forget()
    return len(taken)


def _entered(launcher: StackedLauncher, job: StackedJob, screen: Screen) -> Run | None:
    """Make a job's folder as Hydra does, and prepare its run; ``None`` where that fails, which its record says."""
    directory = job.directory
    directory.mkdir(parents=True, exist_ok=True)
    log = RunLog(_handler(job.cfg))
    task = copy.deepcopy(job.cfg)
    with open_dict(task):
        del task["hydra"]
    job.returned.cfg, job.returned.hydra_cfg = task, OmegaConf.masked_copy(job.cfg, ["hydra"])
    if job.cfg.hydra.output_subdir is not None:
        folder = directory / job.cfg.hydra.output_subdir
        folder.mkdir(exist_ok=True)
        words = job.cfg.hydra.overrides.task
        for name, node in (("config", task), ("hydra", job.returned.hydra_cfg), ("overrides", words)):
            (folder / f"{name}.yaml").write_text(OmegaConf.to_yaml(node))
    cfg = copy.deepcopy(task)
    link = SweepLink.taken_from(cfg)
    words = list(job.cfg.hydra.overrides.task)
    with log.current():
        launcher.hydra_context.callbacks.on_job_start(config=job.cfg, task_function=launcher.task_function)
        from locexp.run.prepare import prepare

        try:
            prepared = prepare(cfg, stacked=True)
        except Exception as error:
            from locexp.run.opening import record_failure

            assert link is not None
            record_failure(cfg, directory, words, link, error)
            log.close()
            return None
        from locexp.run.running import Run

        return Run(prepared, directory, words, screen, link, log)


FILE = "file"
"""The handler of ``hydra.job_logging`` that writes a job's log file."""


def _without_files(node: DictConfig) -> DictConfig:
    """Return the logging of a job but for its file."""
    kept = OmegaConf.create(OmegaConf.to_container(node, resolve=False))
    assert isinstance(kept, DictConfig)
    with open_dict(kept):
        kept.get("handlers", {}).pop(FILE, None)
        if "root" in kept:
            kept.root.handlers = [name for name in kept.root.handlers if name != FILE]
    return kept


def _handler(cfg: DictConfig) -> logging.Handler:
    """Return the handler of a job's log file, as its configuration has it."""
    asked = cfg.hydra.job_logging
    if FILE not in asked.get("handlers", {}):
        return logging.NullHandler()
    directory = cfg.hydra.runtime.output_dir
    handler = logging.FileHandler(Path(directory) / Path(str(asked.handlers.file.filename)).name)
    style = asked.get("formatters", {}).get(asked.handlers.file.get("formatter"), {})
    handler.setFormatter(logging.Formatter(style.get("format")))
    return handler
