"""Training runs: one by itself is a stack of one."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from omegaconf import DictConfig

from locexp.configuration.compose import whole
from locexp.configuration.hydra_internals import Callbacks
from locexp.errors import RunFailedError, Terminated, UserError, counted, first_line, worded
from locexp.plots.pictures import Draw, draw_here
from locexp.run.continuation import Resumed
from locexp.run.folder import RunFolder
from locexp.run.prepare import Prepared
from locexp.run.run import Run
from locexp.system.process import asked_to_end, collected_once
from locexp.system.screen import Screen
from locexp.training.stack import Stack
from locexp.training.trainer import Observer, train

logger = logging.getLogger(__name__)


def run_alone(prepared: Prepared, hydra: DictConfig, screen: Screen, resumed: Resumed | None = None) -> None:
    """Train what was prepared, and say on the screen how it goes and where its results are.

    Args:
        prepared: by :func:`locexp.run.prepare.prepare`.
        hydra: Hydra's part of the run's configuration, which names the folder.
        screen: where progress is shown.
        resumed: the run that this one continues.

    Raises:
        RunFailedError: training failed, or results did not reach the tracking store.
        UserError, OSError: what else ended the run.
        KeyboardInterrupt, Terminated: after the run has been closed as KILLED.
    """
    config = whole(prepared.cfg, hydra)
    callbacks = Callbacks(config)
    callbacks.on_run_start(config=config, config_name=hydra.job.config_name)
    folder = RunFolder(prepared.cfg, hydra, callbacks, alone=True)
    with screen, folder, folder.current():
        run = Run(prepared, folder.directory, folder.overrides, screen, resumed=resumed, current=folder.current)
        execute([run])
        folder.error = run.error
    callbacks.on_run_end(config=config, config_name=hydra.job.config_name, job_return=folder.job_return)
    if isinstance(run.error, (RunFailedError, UserError, OSError)):
        raise run.error
    if run.error is not None:  # of a network or a loss of the user's own, or of memory: its traceback is in the log
        raise RunFailedError(worded(run.error)) from run.error
    run.show_results()


def execute(runs: Sequence[Run], *, note: Callable[[str], None] = logger.warning, draw: Draw = draw_here) -> None:
    """Train runs of one data set side by side; how each ended is in its record, and in its ``error``.

    Where they cannot be trained together, they are trained one by one.

    Args:
        runs: not opened yet; equal in data, boxes, network and schedule, in the epochs that they have behind them, and
            in when they pause.
        note: shows what did not go as planned.
        draw: draws the pictures of a run.

    Raises:
        KeyboardInterrupt, Terminated: after every run that had not ended has been closed as KILLED.
    """
    try:
        opened = [run for run in runs if _opened(run, len(runs))]
        if opened:
            _train(opened, note, draw)
    except (KeyboardInterrupt, Terminated) as stopped:
        for run in runs:
            with contextlib.suppress(KeyboardInterrupt, Terminated):  # pressed again: the next is closed, too
                if run.is_reported:
                    _close_when_drawn(run)
                elif run.is_open:
                    _close(run, stopped)
        raise


def _train(runs: Sequence[Run], note: Callable[[str], None], draw: Draw, *, from_start: bool = False) -> None:
    """Train runs in one stack and finish them; where that fails, one by one."""
    stack = None
    try:
        if from_start:
            runs[0].restart()
        stack = _trained(runs)
    except Exception as error:
        _end_if_asked(error)
        if len(runs) == 1:
            _close(runs[0], error)
            return
        logger.warning("%d runs could not be trained together", len(runs), exc_info=True)
        jobs = counted(sum(run.is_open for run in runs), "job")
        note(f"{jobs} cannot be trained together ({first_line(error)}): they are trained one by one")
    if stack is not None:
        _finish(runs, stack, draw)
        return
    gc.collect()  # the error has gone with its handler, and with it the stack that may have been too large for memory
    for run in [run for run in runs if run.is_open]:
        with run.current():
            _train([run], note, draw, from_start=True)


def _trained(runs: Sequence[Run]) -> Stack:
    first, members = runs[0].prepared, [run.prepared.member for run in runs]
    stack = Stack(members, *first.data.arrays("train"), fresh=first.data.fresh)
    train(stack, first.schedule, first.data.arrays("validation"), [_Watch(runs)], until=runs[0].until)
    return stack


class _Watch(Observer):
    """Reports its epochs to each run. One that fails beside others is closed at once, and the others go on."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs

    def on_steps(self, epoch: int, done: int, total: int, losses: dict[int, tuple[float, float]]) -> None:
        _end_if_asked()
        for index, pair in losses.items():
            self._runs[index].progress(epoch, done, total, pair)
        self._close_failed()

    def on_epoch(self, member: int, epoch: int, metrics: dict[str, float]) -> None:
        run = self._runs[member]
        try:
            with run.current():
                run.epoch(epoch, metrics)
        except Exception as error:
            run.error = error
            run.prepared.member.stopped = True
        self._close_failed()

    def _close_failed(self) -> None:
        for run in self._runs if len(self._runs) > 1 else ():
            if run.is_open and run.failure is not None:
                _close(run, run.failure)


def _opened(run: Run, beside: int) -> bool:
    with run.current():
        try:
            run.open(beside)
        except Exception as error:  # a full disk: whoever launched the run sees that it has left no record
            logger.info("the run could not be opened", exc_info=True)
            if run.is_open:
                _close(run, error)
            run.error = error
            return False
    return True


def _finish(runs: Sequence[Run], stack: Stack, draw: Draw) -> None:
    """Report and close runs that were trained; the pictures of one are drawn while others are saved and logged."""
    data, size = runs[0].prepared.data, runs[0].prepared.schedule.evaluation_batch_size
    for run in runs:
        if run.is_open and (run.failure is not None or run.prepared.member.paused):
            _close(run, run.failure)
    trained = {index: run for index, run in enumerate(runs) if run.is_open}
    try:
        evaluations = stack.evaluations(list(trained), *data.arrays("test"), size)
    except Exception as error:
        for run in trained.values():
            _close(run, error)
        return
    waiting: deque[Run] = deque()
    for index, run in trained.items():
        with _ending(run):
            run.report(evaluations[index], draw)
        waiting.append(run)
        while waiting and waiting[0].is_drawn:
            _close_when_drawn(waiting.popleft())
    for run in waiting:
        _close_when_drawn(run)


def _close_when_drawn(run: Run) -> None:
    if run.is_open:
        with _ending(run):
            run.wait_for_pictures()
            _close(run, None)


@contextlib.contextmanager
def _ending(run: Run) -> Iterator[None]:
    """Do something on behalf of a run that was trained; what it raises ends the run."""
    with collected_once(), run.current():
        try:
            yield
        except Exception as error:
            _close(run, error)


def _close(run: Run, error: BaseException | None) -> None:
    asked = asked_to_end() if isinstance(error, Exception) else None
    with run.current():
        try:
            run.close(asked or error)
        except Exception as failed:  # a full disk: the others are closed anyway
            logger.info("the run was not closed well", exc_info=True)
            run.error = run.error or failed
    if asked is not None:
        raise asked from error


def _end_if_asked(error: Exception | None = None) -> None:
    """Raise what a signal raised before, where it was swallowed, or came out as this error."""
    if (asked := asked_to_end()) is not None:
        raise asked from error
