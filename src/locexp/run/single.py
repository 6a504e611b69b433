"""A run by itself: a stack of one, on the screen."""

from __future__ import annotations

from omegaconf import DictConfig

from locexp.configuration.compose import whole
from locexp.configuration.hydra_internals import Callbacks
from locexp.run.execute import execute
from locexp.run.folder import RunFolder, job_logging
from locexp.run.prepare import Prepared
from locexp.run.resume import Resumed
from locexp.run.run import Run
from locexp.system.screen import Screen


def run_alone(prepared: Prepared, hydra: DictConfig, screen: Screen, resumed: Resumed | None = None) -> None:
    """Train what was prepared, and say on the screen how it goes and where its results are.

    Args:
        prepared: by :func:`locexp.run.prepare.prepare`.
        hydra: Hydra's part of the run's configuration, which names the folder.
        screen: where progress is shown.
        resumed: the run that this one continues.

    Raises:
        RunFailedError: training diverged, or results did not reach the tracking store.
        Exception: whatever else ended the run.
        KeyboardInterrupt, Terminated: after the run has been closed as KILLED.
    """
    config = whole(prepared.cfg, hydra)
    callbacks = Callbacks(config)
    callbacks.on_run_start(config=config, config_name=hydra.job.config_name)
    folder = RunFolder(prepared.cfg, hydra, callbacks, lambda cfg: None, alone=True)
    with screen, job_logging(config.hydra), folder, folder.current():
        run = Run(prepared, folder.directory, folder.overrides, screen, resumed=resumed, current=folder.current)
        execute([run])
        folder.error = run.error
    callbacks.on_run_end(config=config, config_name=hydra.job.config_name, job_return=folder.job_return)
    if run.error is not None:
        raise run.error
    run.conclude()
