"""Runs that train: one by itself, or several side by side."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from locexp.errors import RunFailedError, Terminated, first_line
from locexp.records.record import RunRecord
from locexp.records.sweep_list import SweepLink
from locexp.run.drawing import Draw, draw_here
from locexp.run.prepare import Prepared
from locexp.run.running import Evaluation, Run
from locexp.system.process import collected_once
from locexp.system.screen import Screen
from locexp.training.stack import Stack
from locexp.training.trainer import Observer, train

logger = logging.getLogger(__name__)


def execute(
    prepared: Prepared, directory: Path, overrides: Sequence[str], screen: Screen, link: SweepLink | None = None
) -> RunRecord:
    """Train what was prepared; its results lie in ``directory`` and in the tracking store.

    Args:
        prepared: by :func:`locexp.run.prepare.prepare`.
        directory: of this run alone; exists.
        overrides: the words of the command, which name the run.
        screen: where progress is shown.
        link: to the sweep that the run belongs to.

    Raises:
        RunFailedError: training diverged, or results did not reach the tracking store.
        KeyboardInterrupt, Terminated: after the run has been closed as KILLED.
    """
    run = Run(prepared, directory, overrides, screen, link)
    run.open()
    try:
        stack = _train([run])
        _report(run, _evaluations([run], stack).get(0), draw_here)
        run.complete()
    except BaseException as error:
        run.close(error)
        raise
    run.close(None)
    run.conclude()
    return run.record


def execute_together(runs: Sequence[Run], say: Callable[[str], None], draw: Draw = draw_here) -> None:
    """Train runs of one data set side by side; how each ended is in its record.

    Where they cannot be trained together, they are trained one by one.

    Args:
        runs: not opened yet; equal in data, boxes, network and schedule.
        say: is told what did not go as planned.
        draw: draws the pictures of a run.

    Raises:
        KeyboardInterrupt, Terminated: after every run that had not ended has been closed as KILLED.
    """
    try:
        opened = [run for run in runs if _opened(run, len(runs))]
        try:
            stack = _train(opened) if opened else None
        except Exception as error:
            if len(opened) == 1:
                _close(opened[0], error)
                return
            logger.warning("%d runs could not be trained together", len(opened), exc_info=True)
            left = [run for run in opened if run.is_open]
            say(f"{len(left)} jobs cannot be trained together ({first_line(error)}): they are trained one by one")
            for run in left:
                _alone(run, draw)
            return
        if stack is not None:
            _finish(opened, stack, draw)
    except (KeyboardInterrupt, Terminated) as stopped:
        for run in runs:
            with contextlib.suppress(KeyboardInterrupt, Terminated):  # of one who cannot wait: the next is closed, too
                if run.is_reported:
                    _complete(run)
                elif run.is_open:
                    _close(run, stopped)
        raise


def _train(runs: Sequence[Run]) -> Stack:
    """Train the members of runs in one stack, and return it."""
    first = runs[0].prepared
    images, labels, boxes = first.problem.arrays("train")
    members = [run.prepared.member for run in runs]
    stack = Stack(members, images, labels, boxes, dtype=first.dtype, fresh=first.problem.fresh)
    train(stack, first.schedule, first.problem.arrays("validation"), [_Watch(runs)])
    return stack


class _Watch(Observer):
    """Tells each run of its epochs. One that fails beside others is closed at once, and the others go on."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs

    def on_steps(self, epoch: int, done: int, total: int, losses: dict[int, tuple[float, float]]) -> None:
        for index, pair in losses.items():
            self._runs[index].check()
            self._runs[index].progress(epoch, done, total, pair)
        self._close_failed()

    def on_epoch(self, member: int, epoch: int, metrics: dict[str, float]) -> None:
        run = self._runs[member]
        try:
            with run.log.current():
                run.epoch(epoch, metrics)
        except Exception as error:
            run.problem = error
            run.prepared.member.stopped = True
        self._close_failed()

    def _close_failed(self) -> None:
        for run in self._runs if len(self._runs) > 1 else ():
            if run.is_open and run.failure is not None:
                _close(run, run.failure)


def _opened(run: Run, beside: int) -> bool:
    with run.log.current():
        try:
            run.open(beside)
        except Exception:  # a full disk: whoever launched the run sees that it has left no record
            logger.exception("the run could not be opened")
            return False
    return True


def _alone(run: Run, draw: Draw) -> None:
    with run.log.current():
        try:
            run.restart()
            stack = _train([run])
        except Exception as error:
            _close(run, error)
            return
    _finish([run], stack, draw)


def _evaluations(runs: Sequence[Run], stack: Stack) -> dict[int, Evaluation]:
    """Begin to evaluate on the test part the runs that can be reported; by their indices."""
    problem, size = runs[0].prepared.problem, runs[0].prepared.schedule.evaluation_batch_size
    chosen = [index for index, run in enumerate(runs) if run.is_open and run.failure is None]
    return stack.evaluations(chosen, *problem.arrays("test"), size)


def _report(run: Run, evaluation: Evaluation | None, draw: Draw) -> None:
    if run.failure is not None:
        raise run.failure
    assert evaluation is not None
    run.report(evaluation, draw)


def _finish(runs: Sequence[Run], stack: Stack, draw: Draw) -> None:
    """Report and close runs that were trained; the pictures of one are drawn while others are saved and logged."""
    try:
        evaluations = _evaluations(runs, stack)
    except Exception as error:
        for run in runs:
            if run.is_open:
                _close(run, run.failure or error)
        return
    waiting: deque[Run] = deque()
    for index, run in enumerate(runs):
        _reported(run, evaluations.get(index), draw)
        waiting.append(run)
        while waiting and waiting[0].is_drawn:
            _complete(waiting.popleft())
    for run in waiting:
        _complete(run)


def _reported(run: Run, evaluation: Evaluation | None, draw: Draw) -> None:
    if run.is_open:
        with collected_once(), run.log.current():
            try:
                _report(run, evaluation, draw)
            except Exception as error:
                _close(run, error)


def _complete(run: Run) -> None:
    if run.is_open:
        with collected_once(), run.log.current():
            try:
                run.complete()
            except Exception as error:
                _close(run, error)
            else:
                _close(run, None)


def _close(run: Run, error: BaseException | None) -> None:
    with run.log.current():
        try:
            run.close(error)
        except RunFailedError:  # the record says it
            logger.info("the run was not closed well", exc_info=True)
