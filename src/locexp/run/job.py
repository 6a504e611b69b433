"""What Hydra calls for each run, in this process or in one that a launcher started."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from locexp.records.sweep_list import SweepLink
from locexp.system.process import end_with

if TYPE_CHECKING:
    from locexp.run.prepare import Prepared

handed_over: list[Prepared] = []
"""What the command has prepared already for the run that is about to start in this process."""

failures: list[Exception] = []
"""What ended a run by itself; the command raises it once Hydra has returned, for Hydra has other words for it."""


def run_job(cfg: DictConfig) -> None:
    """Train what ``cfg`` says. Where a run by itself fails, :data:`failures` says why; in a sweep, its record does.

    Raises:
        KeyboardInterrupt, Terminated: the run was stopped, and its record closed.
    """
    choices = HydraConfig.get()
    directory, overrides = Path(choices.runtime.output_dir), list(choices.overrides.task)
    from locexp.run.prepare import prepare
    from locexp.system.screen import Screen

    link = SweepLink.taken_from(cfg)
    if link is None:
        prepared = handed_over.pop() if handed_over else prepare(cfg)
        from locexp.run.execute import execute

        try:
            with Screen() as screen:
                execute(prepared, directory, overrides, screen)
        except Exception as error:
            failures.append(error)
        return
    end_with(link.conductor)
    with Path(os.devnull).open("w") as nowhere:
        try:
            prepared = prepare(cfg)
        except Exception as error:
            from locexp.run.opening import record_failure

            record_failure(cfg, directory, overrides, link, error)
            return
        from locexp.run.execute import execute  # imports TensorFlow, which `prepare` has started quietly

        with contextlib.suppress(Exception):  # the record says what happened
            execute(prepared, directory, overrides, Screen(nowhere), link)
    del prepared
    forget()


def forget() -> None:
    """Free the last networks: a process that trains hundreds would grow otherwise."""
    keras = sys.modules.get("keras")
    if keras is not None:
        keras.backend.clear_session()
    gc.collect()
