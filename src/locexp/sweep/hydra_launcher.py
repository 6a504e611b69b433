"""The border to Hydra's launchers, which start jobs in this process, in others, or on other machines.

A launcher is handed overrides, asks a loader for the configuration of each job, makes the job's folder, and calls a
task in it. What crosses here is the folder's name alone: loader and task find the rest in the sweep's folder, where
:func:`store_jobs` has put it, so that no configuration is composed a second time.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from locexp.configuration.compose import Composition, Job, whole
from locexp.configuration.hydra_internals import Callbacks, HydraConfig, hydra_launcher
from locexp.configuration.overrides import key_of, value_of
from locexp.configuration.quoting import quoted
from locexp.configuration.schema import Config, register
from locexp.records.format import write_whole
from locexp.records.sweep_list import LIST, SweepLink, SweepList
from locexp.sweep.folder import index_of
from locexp.sweep.plan import SweepJob
from locexp.system.process import end_with, forget_networks
from locexp.system.screen import Screen

SETTINGS = LIST.with_name("settings")
"""The folder in a sweep's folder that holds the configuration of each setting, by its hash."""
SUBDIR = "hydra.sweep.subdir"


Launch = Callable[[Sequence[tuple[SweepJob, Path]]], None]
"""Runs jobs, each in its folder; how each ended is in its record. Raises what the launcher raises, as where a worker is
killed."""


def launch_with_hydra(config: DictConfig, directory: Path, threads: int | None, callbacks: Callbacks) -> Launch:
    """Return what runs jobs with one of Hydra's launchers.

    Args:
        config: of the sweep, Hydra's part included; names the launcher.
        directory: of the sweep, absolute.
        threads: for each job where ``trainer.threads=auto``; ``None`` leaves it.
        callbacks: the user's, of ``hydra.callbacks``.
    """
    launcher = hydra_launcher(config, StoredJobs(directory, threads), callbacks, train_stored_job)

    def launch(jobs: Sequence[tuple[SweepJob, Path]]) -> None:
        store_jobs(directory, [job for job, _ in jobs])
        overrides = [[*job.overrides, f"{SUBDIR}={quoted(place.name)}"] for job, place in jobs]
        launcher.launch(overrides, jobs[0][0].index)

    return launch


def store_jobs(directory: Path, jobs: Sequence[SweepJob]) -> None:
    """Write the configuration of each setting, once, into the sweep's folder."""
    folder = directory / SETTINGS
    folder.mkdir(parents=True, exist_ok=True)
    for job in {job.config_hash: job for job in jobs}.values():
        composition = job.composition
        content = {
            "cfg": OmegaConf.to_container(composition.cfg, enum_to_str=True),
            "hydra": OmegaConf.to_container(OmegaConf.create(composition.hydra), enum_to_str=True),
        }
        write_whole(folder / f"{job.config_hash}.json", json.dumps(content))


@dataclass(frozen=True)
class StoredJobs:
    """Gives a launcher the configurations that :func:`store_jobs` has written; see ``JobConfigurations``.

    Attributes:
        directory, threads: see :func:`launch_with_hydra`.
    """

    directory: Path
    threads: int | None

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the whole configuration of the job that is to run in the folder which the overrides name."""
        name = next(value_of(override) for override in sweep_overrides if key_of(override) == SUBDIR)
        place = self.directory / name
        register()
        path = self.directory / LIST
        listed = SweepList.parse(path.read_bytes(), path).jobs[index_of(place)]
        stored = json.loads((self.directory / SETTINGS / f"{listed['config_hash']}.json").read_text(encoding="utf-8"))
        cfg = OmegaConf.merge(OmegaConf.structured(Config), stored["cfg"])
        assert isinstance(cfg, DictConfig)
        composition = Composition(cfg, stored["hydra"], listed["config_hash"])
        job = Job(tuple(listed["overrides"]), listed["seed"], composition)
        extra = []
        if self.threads is not None and job.cfg.trainer.threads == "auto":
            job.cfg.trainer.threads = self.threads
            extra = [f"trainer.threads={self.threads}"]
        return whole(job.cfg, job.hydra(place, index=listed["index"], extra=extra))


def train_stored_job(cfg: DictConfig) -> None:
    """Train the job in whose folder a launcher calls this; how it ended is in its record.

    Raises:
        KeyboardInterrupt, Terminated: the run was stopped, and its record closed.
    """
    hydra = HydraConfig.get()
    directory, overrides = Path(hydra.runtime.output_dir), list(hydra.overrides.task)
    link = SweepLink.read(directory.parent / LIST, index_of(directory))
    end_with(link.conductor)
    from locexp.run.prepare import prepare

    try:
        prepared = prepare(cfg)
    except Exception as error:
        from locexp.run.opening import record_failure

        record_failure(cfg, directory, overrides, link, error)
        return
    from locexp.run.execute import execute  # imports TensorFlow, which `prepare` has started quietly
    from locexp.run.run import Run

    execute([Run(prepared, directory, overrides, Screen(io.StringIO()), link)])
    del prepared
    forget_networks()
