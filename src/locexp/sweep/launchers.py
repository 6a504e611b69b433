"""Hydra's launchers, which start jobs in this process, in others, or on other machines: how many they run at a time,
and the boundary to them.

A launcher is handed overrides, asks a loader for the configuration of each job, makes the job's folder, and calls a
task in it. What crosses here is the folder's name alone: loader and task find the rest in the sweep's folder, where
:class:`StoredJobs` has put it, so that no configuration is composed a second time.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from locexp.configuration.compose import Composition, Job, whole
from locexp.configuration.hydra_internals import Callbacks, HydraConfig, hydra_launcher
from locexp.configuration.overrides import key_of, value_of
from locexp.configuration.quoting import quoted
from locexp.configuration.schema import Config, register
from locexp.errors import UserError, counted, nearest
from locexp.records.files import CHECKPOINT
from locexp.records.record import RECORD
from locexp.records.sweep_list import LIST, SweepLink, SweepList
from locexp.sweep.folder import index_of, read_record
from locexp.sweep.jobs import PlacedJob, SweepJob
from locexp.system.files import write_whole
from locexp.system.process import core_count, end_with, forget_networks
from locexp.system.screen import Screen

if TYPE_CHECKING:
    from locexp.run.run import Run

SETTINGS = LIST.with_name("settings")
"""The folder in a sweep's folder that holds the configuration of each setting, by its hash."""
SUBDIR = "hydra.sweep.subdir"


Launch = Callable[[Sequence[PlacedJob]], None]
"""Runs jobs, each in its folder; how each ended is in its record. Raises what the launcher raises, as where a worker is
killed."""


@dataclass(frozen=True)
class Capacity:
    """How a launcher is used.

    Attributes:
        width: how many jobs it runs at a time.
        batch: jobs handed over at a time; ``None`` for all.
        threads: for each job where ``trainer.threads=auto``; ``None`` leaves it.
        note: for the user.
        queued: jobs wait in a queue that outlives the launcher, so that one that has not begun may still begin.
    """

    width: int
    batch: int | None = None
    threads: int | None = None
    note: str = ""
    queued: bool = False


def capacity_of(launcher: DictConfig) -> Capacity:
    """Return how to use a launcher, so that jobs on one machine do not fight for its cores.

    Args:
        launcher: the configuration ``hydra.launcher``.

    Raises:
        UserError: it asks for no jobs at a time.
    """
    target, cores = str(launcher.get("_target_", "")), core_count()
    if is_stacked(launcher):
        asked, keys = launcher.get("max_members"), ("_target_", "max_members")
        for key in set(map(str, launcher)) - set(keys):
            raise UserError(f"hydra.launcher.{key}: unknown key; allowed: max_members.{nearest(key, keys)}")
        if asked is not None and (not isinstance(asked, int) or asked < 1):
            raise UserError(f"hydra.launcher.max_members={asked}: expected a whole number >= 1, or null.")
        return Capacity(asked or usual_members(cores))
    if target.endswith("BasicLauncher"):
        return Capacity(1, batch=1)
    if target.endswith("JoblibLauncher"):
        asked = launcher.get("n_jobs", -1)
        if not isinstance(asked, int) or asked == 0:
            raise UserError(f"hydra.launcher.n_jobs={asked}: expected a whole number >= 1, or -1 for all cores.")
        width = max(1, cores + 1 + asked if asked < 0 else asked)
        threads = max(1, cores // width)
        note = f"joblib runs {counted(width, 'job')} at a time, with {threads} of {counted(cores, 'core')} each"
        return Capacity(width, threads=threads, note=note)
    if "submitit" in target:
        threads = int(launcher.get("cpus_per_task") or 1)
        each = f"{counted(threads, 'core')} each"
        if target.endswith("LocalLauncher"):
            # Submitit's local executor has no queue: it starts whatever it is given at once.
            width = max(1, cores // threads)
            return Capacity(width, width, threads, f"submitit runs {counted(width, 'job')} at a time here, {each}")
        note = f"SLURM runs the jobs, {each} (hydra.launcher.cpus_per_task)"
        return Capacity(int(launcher.get("array_parallelism") or 1), threads=threads, note=note, queued=True)
    if "ray" in target.lower():
        threads = int(OmegaConf.select(launcher, "ray.remote.num_cpus") or 1)
        there = int(OmegaConf.select(launcher, "ray.init.num_cpus") or cores)
        note = f"ray runs the jobs, {counted(threads, 'core')} each (hydra.launcher.ray.remote.num_cpus)"
        return Capacity(max(1, there // threads), threads=threads, note=note)
    return Capacity(1, note=f"{target} runs the jobs; set trainer.threads if they share a machine")


def is_stacked(launcher: DictConfig) -> bool:
    """Whether the launcher is the one that trains jobs side by side in this process."""
    return str(launcher.get("_target_", "")).endswith(".Stacks")


def usual_members(cores: int) -> int:
    """Return how many members a stack has where memory allows: see docs/speed.md for the measurements."""
    return max(8, 2 * cores)


def end_workers() -> None:
    """End joblib's idle worker processes, which would otherwise stay for five minutes and hold the screen open."""
    # Others import joblib, too; without workers, this would start a process to end them.
    if "hydra_plugins.hydra_joblib_launcher._core" in sys.modules:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True, kill_workers=True)


def launch_with_hydra(config: DictConfig, directory: Path, threads: int | None, callbacks: Callbacks) -> Launch:
    """Return what runs jobs with one of Hydra's launchers.

    Args:
        config: of the sweep, Hydra's part included; names the launcher.
        directory: of the sweep, absolute.
        threads: for each job where ``trainer.threads=auto``; ``None`` leaves it.
        callbacks: the user's, of ``hydra.callbacks``.
    """
    stored = StoredJobs(directory, threads)
    launcher = hydra_launcher(config, stored, callbacks, train_stored_job)

    def launch(jobs: Sequence[PlacedJob]) -> None:
        stored.write([job for job, _ in jobs])
        overrides = [[*job.overrides, f"{SUBDIR}={quoted(folder.name)}"] for job, folder in jobs]
        launcher.launch(overrides, jobs[0][0].index)

    return launch


@dataclass(frozen=True)
class StoredJobs:
    """The configurations of jobs in the folder of their sweep, from which a launcher reads them; see
    ``JobConfigurations``.

    Attributes:
        directory, threads: see :func:`launch_with_hydra`.
    """

    directory: Path
    threads: int | None

    def write(self, jobs: Sequence[SweepJob]) -> None:
        """Write the configuration of each setting, once."""
        folder = self.directory / SETTINGS
        folder.mkdir(parents=True, exist_ok=True)
        for composition in {job.config_hash: job.composition for job in jobs}.values():
            content = {
                "cfg": OmegaConf.to_container(composition.cfg, enum_to_str=True),
                "hydra": OmegaConf.to_container(OmegaConf.create(composition.hydra), enum_to_str=True),
            }
            write_whole(folder / f"{composition.config_hash}.json", json.dumps(content))

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the whole configuration of the job that is to run in the folder which the overrides name."""
        name = next(value_of(override) for override in sweep_overrides if key_of(override) == SUBDIR)
        folder = self.directory / name
        register()
        entry = SweepList.read(self.directory).jobs[index_of(folder)]
        stored = json.loads((self.directory / SETTINGS / f"{entry['config_hash']}.json").read_text(encoding="utf-8"))
        cfg = OmegaConf.merge(OmegaConf.structured(Config), stored["cfg"])
        assert isinstance(cfg, DictConfig)
        composition = Composition(cfg, stored["hydra"], entry["config_hash"])
        job = Job(tuple(entry["overrides"]), entry["seed"], composition)
        extra = []
        if self.threads is not None and job.cfg.trainer.threads == "auto":
            job.cfg.trainer.threads = self.threads
            extra = [f"trainer.threads={self.threads}"]
        is_new = not (folder / RECORD).exists()  # one that goes on has its configuration
        return whole(job.cfg, job.hydra(folder, index=entry["index"], extra=extra, write_configuration=is_new))


def train_stored_job(cfg: DictConfig) -> None:
    """Train the job in whose folder a launcher calls this; how it ended is in its record.

    Raises:
        KeyboardInterrupt, Terminated: the run was stopped, and its record closed.
    """
    hydra = HydraConfig.get()
    directory = Path(hydra.runtime.output_dir)
    sweep = SweepList.read(directory.parent)
    end_with(sweep.conductor)
    index, overrides = index_of(directory), list(hydra.overrides.task)
    run = prepare_job(cfg, directory, overrides, sweep.link(index), until=sweep.until(index), stacked=False)
    if isinstance(run, Exception):
        return
    from locexp.run.execute import execute

    execute([run])
    del run
    forget_networks()


def prepare_job(
    cfg: DictConfig, directory: Path, overrides: Sequence[str], link: SweepLink, *, until: int | None, stacked: bool
) -> Run | Exception:
    """Prepare a job and return its run; or what keeps it from starting, which its record then says.

    Where the folder has a run, that goes on from its checkpoint.

    Args:
        cfg, stacked: see :func:`locexp.run.prepare.prepare`.
        directory, overrides, link, until: see :class:`locexp.run.run.Run`.
    """
    earlier, resumed = read_record(directory), None
    try:
        if earlier is None:
            from locexp.run.prepare import prepare

            prepared = prepare(cfg, stacked=stacked)
        else:
            from locexp.run.continuation import rebuild
            from locexp.training.checkpoint import read_checkpoint

            checkpoint = read_checkpoint(directory / CHECKPOINT)
            prepared, resumed = rebuild(cfg, directory, earlier, checkpoint, stacked=stacked)
    except Exception as error:
        from locexp.run.record import record_failure

        record_failure(cfg, directory, overrides, link, error, earlier)
        return error
    from locexp.run.run import Run  # imports TensorFlow, which `prepare` has started quietly

    return Run(prepared, directory, overrides, Screen(io.StringIO()), link, resumed, until)
