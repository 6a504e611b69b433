"""The ends of runs: each is closed, however it ended, and whatever else fails meanwhile."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from locexp.errors import Terminated
from locexp.system.process import asked_to_end, collected_once

if TYPE_CHECKING:
    from locexp.run.run import Run

logger = logging.getLogger(__name__)


class Ending:
    """Runs that have been trained, and wait for their pictures and for the store while the next ones train.

    Args:
        runs: any; those that are reported are ended, and those that have ended are waited for.
    """

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self.runs = list(runs)

    def go_on(self) -> None:
        """End the runs whose pictures are drawn, and forget those that the store has."""
        for run in self.runs:
            if run.is_reported and run.is_drawn:
                _end_when_drawn(run)
            elif run.is_ending and run.is_settled:
                _wait_for_store(run)
        self.runs = [run for run in self.runs if run.is_reported or run.is_ending]

    def wait(self, stopped: BaseException | None = None) -> None:
        """Wait until all of them are closed.

        Args:
            stopped: what the user has stopped them with already.

        Raises:
            KeyboardInterrupt, Terminated: after that. Where this is raised once more, what was waited for is left.
        """
        while self.runs:
            try:
                if stopped is None:
                    self.go_on()
                for run in self.runs[:1]:
                    _end_when_drawn(run)
                    _wait_for_store(run)
                del self.runs[:1]
            except (KeyboardInterrupt, Terminated) as error:
                if stopped is not None and error is not stopped:
                    del self.runs[:1]
                stopped = stopped or error
        if stopped is not None:
            raise stopped


def end(run: Run, error: BaseException | None) -> None:
    """End a run, which is logged from then on; raises a signal's exception that came out as this error."""
    asked = asked_to_end() if isinstance(error, Exception) else None
    with _closed_well(run):
        run.end(asked or error)
    if asked is not None:
        raise asked from error


@contextlib.contextmanager
def ending(run: Run) -> Iterator[None]:
    """Do something on behalf of a run that was trained; what it raises ends the run."""
    with collected_once(), run.current():
        try:
            yield
        except Exception as error:
            end(run, error)


def _end_when_drawn(run: Run) -> None:
    if run.is_reported:
        with ending(run):
            run.wait_for_pictures()
            end(run, None)


def _wait_for_store(run: Run) -> None:
    if run.is_ending:
        with _closed_well(run):
            run.wait_for_store()


@contextlib.contextmanager
def _closed_well(run: Run) -> Iterator[None]:
    with run.current():
        try:
            yield
        except Exception as error:  # a full disk: the others are closed anyway
            logger.info("the run was not closed well", exc_info=True)
            run.give_up(error)
