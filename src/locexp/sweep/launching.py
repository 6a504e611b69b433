"""What is to be known of Hydra's launchers: how many jobs they run at a time, and with how many threads each."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf


@dataclass(frozen=True)
class LaunchPlan:
    """How a launcher is used.

    Attributes:
        batch: jobs handed over at a time; ``None`` for all.
        threads: for each job where ``trainer.threads=auto``; ``None`` leaves it.
        note: what the user is told.
    """

    batch: int | None
    threads: int | None
    note: str


def launch_plan(launcher: DictConfig) -> LaunchPlan:
    """Return how to use a launcher, so that jobs on one machine do not fight for its cores.

    Args:
        launcher: the configuration ``hydra.launcher``.
    """
    target = str(launcher.get("_target_", ""))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if target.endswith("BasicLauncher"):
        return LaunchPlan(1, None, "")
    if target.endswith("JoblibLauncher"):
        asked = launcher.get("n_jobs", -1)
        jobs = max(1, cores + 1 + asked if asked < 0 else asked)
        threads = max(1, cores // jobs)
        return LaunchPlan(None, threads, f"joblib runs {jobs} jobs at a time, with {threads} of {cores} cores each")
    if "submitit" in target:
        threads = int(launcher.get("cpus_per_task") or 1)
        if target.endswith("LocalLauncher"):
            # Submitit's local executor has no queue: it starts whatever it is given at once.
            batch = max(1, cores // threads)
            return LaunchPlan(batch, threads, f"submitit runs {batch} jobs at a time here, {threads} cores each")
        return LaunchPlan(None, threads, f"SLURM runs the jobs, {threads} cores each (hydra.launcher.cpus_per_task)")
    if "ray" in target.lower():
        value: Any = OmegaConf.select(launcher, "ray.remote.num_cpus")
        threads = int(value or 1)
        return LaunchPlan(
            None, threads, f"ray runs the jobs, {threads} cores each (hydra.launcher.ray.remote.num_cpus)"
        )
    return LaunchPlan(None, None, f"{target} runs the jobs; set trainer.threads if they share a machine")


def end_workers() -> None:
    """End joblib's idle worker processes, which would otherwise stay for five minutes and hold the screen open."""
    loky = sys.modules.get("joblib.externals.loky")
    if loky is not None:
        loky.get_reusable_executor().shutdown(wait=True, kill_workers=True)
