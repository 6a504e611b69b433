"""Hydra's launchers, which start jobs in this process, in others, or on other machines: how many they run at a time,
and the boundary to them.

A launcher is handed overrides, asks a loader for a configuration, makes a folder, and calls a function in it. What it
is handed here is a task, jobs that train side by side, not a job: each import of TensorFlow, each copy of the data and
each traced graph serves several. See :mod:`.tasks`, and :mod:`.worker` for the other side.
"""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from locexp.configuration.hydra_internals import Callbacks, error_of, hydra_launcher
from locexp.configuration.quoting import quoted
from locexp.errors import UserError, counted
from locexp.records.sweep_list import SweepList
from locexp.run.training_data import digests_of
from locexp.sweep import ray_cluster, slurm
from locexp.sweep.queue import Queue
from locexp.sweep.tasks import NOTES, StoredTask, Task, code_of
from locexp.sweep.worker import SUBDIR, TaskConfigurations, TrainTask, write_settings
from locexp.system.process import core_count

Launch = Callable[[Sequence[Task]], None]
"""Runs tasks, each job in its folder; how each ended is in its record. Raises what the launcher raises, as where a
worker is killed."""
SUBMITIT_PARALLELISM = 256
"""What ``hydra.launcher.array_parallelism`` is unless somebody says otherwise."""


@dataclass(frozen=True)
class Capacity:
    """How a launcher is used.

    Attributes:
        workers: how many tasks it runs at a time, as far as is known.
        members: jobs in a task at most.
        batch: tasks handed over at a time; ``None`` for all.
        threads: for each job where ``trainer.threads=auto``; ``None`` leaves it.
        beside: how many tasks share a machine's memory.
        note: for the user.
        queued: tasks wait in a queue that outlives the launcher, so that one that has not begun may still begin.
        attached: where the launcher fails or is stopped, all of its tasks have ended, on other machines, too.
    """

    workers: int
    members: int
    batch: int | None = None
    threads: int | None = None
    beside: int = 1
    note: str = ""
    queued: bool = False
    attached: bool = False


def capacity_of(launcher: DictConfig, max_members: int | None) -> Capacity:
    """Return how to use a launcher, so that jobs on one machine do not fight for its cores.

    Args:
        launcher: the configuration ``hydra.launcher``.
        max_members: ``sweep.max_members``.

    Raises:
        UserError: it asks for what there is not.
    """
    target, cores = str(launcher.get("_target_", "")), core_count()
    if is_stacked(launcher):
        for key in set(map(str, launcher)) - {"_target_"}:
            raise UserError(f"hydra.launcher.{key}: unknown key; hydra/launcher=stacked has none.")
        return Capacity(1, max_members or usual_members(cores))
    if target.endswith("BasicLauncher"):
        return Capacity(1, max_members or 1, batch=1)
    if target.endswith("JoblibLauncher"):
        asked = launcher.get("n_jobs", -1)
        if not isinstance(asked, int) or asked == 0:
            raise UserError(f"hydra.launcher.n_jobs={asked}: expected a whole number >= 1, or -1 for all cores.")
        if asked > cores:
            raise UserError(f"hydra.launcher.n_jobs={asked}: {_there(cores)}, or -1 for all.")
        workers = max(1, cores + 1 + asked if asked < 0 else asked)
        threads = max(1, cores // workers)
        note = f"joblib trains {counted(workers, 'stack')} at a time, with {threads} of {counted(cores, 'core')} each"
        members = max_members or usual_members(threads)
        return Capacity(workers, members, threads=threads, beside=workers, note=note)
    if "submitit" in target:
        threads = whole_number(launcher, "cpus_per_task")
        members, each = max_members or usual_members(threads), f"{counted(threads, 'core')} each"
        if target.endswith("LocalLauncher"):
            if threads > cores:
                raise UserError(f"hydra.launcher.cpus_per_task={threads}: {_there(cores)}.")
            # Submitit's local executor has no queue: it starts whatever it is given at once.
            workers = max(1, cores // threads)
            note = f"submitit trains {counted(workers, 'stack')} at a time here, {each}"
            return Capacity(workers, members, workers, threads, workers, note)
        parallelism = whole_number(launcher, "array_parallelism")
        # How many cores of a cluster will be free is not known; its default says nothing about them.
        workers = 1 if parallelism == SUBMITIT_PARALLELISM else parallelism
        note = f"SLURM trains the stacks, {each} (hydra.launcher.cpus_per_task)"
        return Capacity(workers, members, threads=threads, note=note, queued=True)
    if is_ray(launcher):
        threads = whole_number(launcher, "ray.remote.num_cpus")
        workers, members = ray_cluster.workers_of(launcher, threads), max_members or usual_members(threads)
        each = f"{counted(threads, 'core')} each (+hydra.launcher.ray.remote.num_cpus)"
        note = f"ray trains {counted(workers, 'stack')} at a time, {each}"
        beside = max(1, core_count() // threads)  # nodes are taken to be like this one
        return Capacity(workers, members, threads=threads, beside=beside, note=note, attached=True)
    note = f"{target} runs the jobs; set trainer.threads if they share a machine"
    return Capacity(1, max_members or 1, note=note)


def whole_number(launcher: DictConfig, key: str) -> int:
    """Return what a key of ``hydra.launcher`` says, 1 where it says nothing; raises :class:`UserError`."""
    value = OmegaConf.select(launcher, key)
    if value is None:
        return 1
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UserError(f"hydra.launcher.{key}={value}: expected a whole number >= 1.")
    return value


def _there(cores: int) -> str:
    return f"this machine has {counted(cores, 'core')} for it; expected at most {cores}"


def checked(capacity: Capacity, launcher: DictConfig) -> Capacity:
    """Ask a scheduler what it would take, before anything is written; returns how it is used.

    Raises:
        UserError: it is not there, or would refuse the tasks.
    """
    slurm.check(launcher)
    note = capacity.note
    try:
        slurm.check_accounting()
    except slurm.NoAnswerError as error:
        note += f". sacct does not answer ({error}): that a task has gone is seen by squeue alone, and not why"
    try:
        largest = slurm.largest_array()
    except slurm.NoAnswerError:
        largest = None
    return replace(capacity, note=note, batch=largest)


def is_stacked(launcher: DictConfig) -> bool:
    """Whether the launcher is the one that trains jobs side by side in this process."""
    return str(launcher.get("_target_", "")).endswith(".Stacks")


def is_ray(launcher: DictConfig) -> bool:
    """Whether the launcher hands tasks to Ray."""
    return str(launcher.get("_target_", "")).endswith(".RayLauncher")


def usual_members(cores: int) -> int:
    """Return how many members a stack has where memory allows: see docs/speed.md for the measurements."""
    return max(8, 2 * cores)


def end_workers() -> None:
    """End joblib's idle worker processes, which would otherwise stay for five minutes and hold the screen open."""
    # Others import joblib, too; without workers, this would start a process to end them.
    if "hydra_plugins.hydra_joblib_launcher._core" in sys.modules:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True, kill_workers=True)


def launch_with_hydra(
    config: DictConfig,
    directory: Path,
    capacity: Capacity,
    callbacks: Callbacks,
    note: Callable[[str], None],
    queue: Queue,
) -> Launch:
    """Return what runs tasks with one of Hydra's launchers.

    Args:
        config: of the sweep, Hydra's part included; names the launcher.
        directory: of the sweep, absolute.
        capacity: of the launcher.
        callbacks: the user's, of ``hydra.callbacks``.
        note: shows what did not go as planned.
        queue: of the sweep, for a launcher that has one.
    """

    def hand_over(folders: Sequence[str], submitit_folder: str | None = None) -> None:
        # The launcher itself gets no callbacks: they hear of each job, not of each task.
        asked = config if submitit_folder is None else _with_submitit_folder(config, submitit_folder)
        launcher = hydra_launcher(asked, TaskConfigurations(), Callbacks(), TrainTask(callbacks))
        ended = launcher.launch([[f"{SUBDIR}={quoted(folder)}"] for folder in folders], int(Path(folders[0]).name))
        for error in filter(None, map(error_of, ended or ())):  # a launcher of the user's own may return nothing
            raise error  # no job's, but what kept a worker from its jobs

    def launch(tasks: Sequence[Task]) -> None:
        write_settings(directory, [job for task in tasks for job, _ in task])
        sweep, folders = SweepList.read(directory), []
        for task in tasks:
            first, cfg = task[0][0], task[0][0].cfg
            stored = StoredTask(
                folders=[folder.name for _, folder in task],
                threads=capacity.threads,
                beside=capacity.beside,
                stacked=capacity.members > 1,
                until=sweep.until(first.index),
                code=code_of(cfg),
                data=digests_of(cfg),
            )
            folders.append(stored.write(directory))
        if is_ray(config.hydra.launcher):
            ray_cluster.connect(config.hydra.launcher)
        try:
            if capacity.queued:
                base = _submitit_base(str(config.hydra.launcher.submitit_folder), directory)
                queue.submit(folders, base, functools.partial(hand_over, folders), note)
            else:
                hand_over(folders)
        except BaseException:
            if capacity.attached:
                ray_cluster.disconnect()
            raise
        finally:
            for folder in folders:
                if (notes := directory / folder / NOTES).exists():
                    for line in notes.read_text(encoding="utf-8").splitlines():
                        note(line)

    return launch


def _submitit_base(asked: str, directory: Path) -> Path:
    """Return where submitit keeps the files of a sweep: before the part of the given folder that names a job."""
    parts = Path(asked).parts
    named = next((place for place, part in enumerate(parts) if "%" in part), len(parts))
    base = Path(*parts[:named]).absolute()
    return base if base.is_relative_to(directory) else base / f"{directory.parent.name}-{directory.name}"


def _with_submitit_folder(config: DictConfig, folder: str) -> DictConfig:
    changed = copy.deepcopy(config)
    changed.hydra.launcher.submitit_folder = folder
    return changed
