"""The launcher that trains jobs side by side in one process: it hands them to :mod:`locexp.sweep`."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class StackedLauncher(Launcher):
    """Trains jobs with the same data, boxes, network and schedule as one stack, whatever else they differ in.

    Args:
        max_members: jobs in a stack at most; ``None`` chooses by cores and memory.
    """

    def __init__(self, max_members: int | None = None) -> None:
        self.max_members = max_members

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what jobs are composed with."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs."""
        from locexp.sweep.stacking import launch

        return launch(self, job_overrides, initial_job_idx)


ConfigStore.instance().store(
    group="hydra/launcher",
    name="stacked",
    node={"_target_": "hydra_plugins.locexp.launcher.StackedLauncher", "max_members": None},
    provider="locexp",
)
