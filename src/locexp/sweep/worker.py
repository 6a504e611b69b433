"""The worker's side of a launcher: from a task's folder to the jobs of the task, which train as the sweep's own process
would train them.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from omegaconf import DictConfig, OmegaConf

from locexp.configuration.compose import Composition
from locexp.configuration.hydra_internals import Callbacks, HydraConfig
from locexp.configuration.overrides import key_of, value_of
from locexp.configuration.schema import Config, register
from locexp.errors import UserError, first_line
from locexp.records.sweep_list import LIST, SweepList
from locexp.run.folder import without_file
from locexp.sweep.folder import index_of, is_open
from locexp.sweep.jobs import PlacedJob, SweepJob
from locexp.sweep.signals import closing_runs_first, outlives_its_sweep
from locexp.sweep.stacks import Stacks
from locexp.sweep.tasks import LOCK, NOTES, STOPPED, TASKS, StoredTask
from locexp.system.files import locked, write_whole
from locexp.system.process import end_with, process_tags

SETTINGS = LIST.with_name("settings")
"""The folder in a sweep's folder that holds the configuration of each setting, by its hash."""
SUBDIR = "hydra.sweep.subdir"


class TaskConfigurations:
    """Gives a launcher the configuration of a task, see ``JobConfigurations``: that of its own folder alone.

    The configurations of the jobs lie in the sweep's folder, so that none is composed a second time. Their folders,
    their logs and what Hydra's callbacks hear of them are as without a launcher; the task itself logs to the screen.
    """

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the whole configuration of the task that is to run in the folder which the overrides name."""
        config = copy.deepcopy(master_config)
        hydra = config.hydra
        OmegaConf.set_struct(hydra, False)
        hydra.sweep.subdir = next(value_of(override) for override in sweep_overrides if key_of(override) == SUBDIR)
        hydra.job_logging = without_file(hydra.job_logging)
        hydra.output_subdir = None
        return config


@dataclass(frozen=True)
class TrainTask:
    """What a launcher calls for each task, in the task's folder; how its jobs ended is in their records.

    Attributes:
        callbacks: the user's, of ``hydra.callbacks``; called for each job.
    """

    callbacks: Callbacks

    def __call__(self, cfg: DictConfig) -> None:
        """Train the jobs of the task.

        Raises:
            UserError: this machine does not see the folders of the sweep, or has other code or data; no record of a run
                is touched, so that each can go on elsewhere.
            KeyboardInterrupt, Terminated: the task was stopped, and the records of its runs closed.
        """
        hydra = cast(DictConfig, HydraConfig.get())
        folder = Path(hydra.runtime.output_dir)
        with contextlib.suppress(OSError):
            (folder / STOPPED).unlink(missing_ok=True)  # of an earlier attempt
        try:
            self._train(hydra, folder)
        except Exception as error:
            with contextlib.suppress(OSError):  # the sweep's command may have no other way to know
                if not (folder / STOPPED).exists():  # submitit raises an error of its own when it was said why
                    write_whole(folder / STOPPED, first_line(error))
            raise

    def _train(self, hydra: DictConfig, folder: Path) -> None:
        directory = folder.parents[len(TASKS.parts)]
        try:
            os.chdir(hydra.runtime.cwd)  # paths are relative to where the sweep runs; Ray's workers are elsewhere
            task, sweep = StoredTask.read(folder), SweepList.read(directory)
            jobs = read_jobs(directory, sweep, task)
        except OSError as error:
            raise UserError(
                f"worker on {process_tags()['host']}: {error.filename} cannot be read ({error.strerror or error}). All "
                "workers need the sweep's folder, and the folder that the command was given in, at the same paths."
            ) from None
        if not outlives_its_sweep():
            end_with(sweep.conductor)

        def note(text: str) -> None:
            with (folder / NOTES).open("a", encoding="utf-8") as file:
                file.write(f"{text}\n")

        drawing = task.threads if task.threads is not None and task.threads > 1 else 0  # on one core it would not help
        stacks = Stacks(hydra, self.callbacks, note=note, drawing=drawing, beside=task.beside, is_stacked=task.stacked)
        held = f"task {folder.name}: an earlier attempt is still at work, and is waited for"  # on a node taken for lost
        with (
            closing_runs_first(hydra.launcher, lambda reason: write_whole(folder / STOPPED, reason)),
            locked(folder / LOCK, held, wait=note),
        ):
            if any(is_open(place, sweep.until(job.index)) for job, place in jobs):
                task.check(jobs[0][0].cfg)
                stacks([jobs])


def write_settings(directory: Path, jobs: Sequence[SweepJob]) -> None:
    """Write the configuration of each setting of these jobs into the folder of their sweep, if it is not there."""
    (directory / SETTINGS).mkdir(parents=True, exist_ok=True)
    for composition in {job.config_hash: job.composition for job in jobs}.values():
        content = {
            "cfg": OmegaConf.to_container(composition.cfg, enum_to_str=True),
            "hydra": OmegaConf.to_container(OmegaConf.create(composition.hydra), enum_to_str=True),
        }
        path, text = directory / SETTINGS / f"{composition.config_hash}.json", json.dumps(content)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_whole(path, text)


def read_jobs(directory: Path, sweep: SweepList, task: StoredTask) -> list[PlacedJob]:
    """Return the jobs of a task as they were composed, with their folders in that of the sweep."""
    register()
    compositions: dict[str, Composition] = {}
    jobs: list[PlacedJob] = []
    for name in task.folders:
        folder = directory / name
        entry = sweep.jobs[index_of(folder)]
        config_hash = entry["config_hash"]
        if config_hash not in compositions:
            stored = json.loads((directory / SETTINGS / f"{config_hash}.json").read_text(encoding="utf-8"))
            cfg = OmegaConf.merge(OmegaConf.structured(Config), stored["cfg"])
            assert isinstance(cfg, DictConfig)
            compositions[config_hash] = Composition(cfg, stored["hydra"], config_hash)
        known = ("index", "stage", "varied", "role")
        job = SweepJob(
            tuple(entry["overrides"]), entry["seed"], compositions[config_hash], **{key: entry[key] for key in known}
        )
        if task.threads is not None and job.composition.cfg.trainer.threads == "auto":
            job = replace(job, overrides=(*job.overrides, f"trainer.threads={task.threads}"))
            job.cfg.trainer.threads = task.threads
        jobs.append((job, folder))
    return jobs
