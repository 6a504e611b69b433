"""What is to be known of Hydra's launchers: how many jobs they run at a time, and with how many threads each."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from omegaconf import DictConfig, OmegaConf

from locexp.errors import UserError, counted, nearest
from locexp.system.process import core_count


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
