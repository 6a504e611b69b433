"""The sweeper through which every multirun goes: it hands Hydra's launcher to :mod:`locexp.sweep`."""

from __future__ import annotations

from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class LocexpSweeper(Sweeper):
    """Runs the jobs that the command has planned, stage by stage, with whatever launcher is configured."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what the launcher needs."""
        from hydra.core.plugins import Plugins

        self.config = config
        self.hydra_context = hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep; ``arguments``, the words of the command, are in the plan already."""
        from locexp.sweep.conduct import planned

        assert self.launcher is not None
        return planned().conduct(self.launcher)


ConfigStore.instance().store(
    group="hydra/sweeper",
    name="locexp",
    node={"_target_": "hydra_plugins.locexp.sweeper.LocexpSweeper"},
    provider="locexp",
)
