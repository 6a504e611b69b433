"""The signals by which a scheduler says that it is about to end a task, for which submitit has answers.

Submitit answers in the midst of whatever is going on: it puts the task into the queue again and leaves, or raises an
error that would count as one of the training. Here runs are closed first, after their last whole epoch.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

import psutil
from omegaconf import DictConfig

from locexp.errors import Terminated
from locexp.system.process import ask_to_end, forget_signals

EARLY_SECONDS = 60
"""By how much SLURM may send a signal before the time that it was asked for."""


def outlives_its_sweep() -> bool:
    """Whether this process is a task in a queue, which goes on without the command that put it there."""
    return os.environ.get("SUBMITIT_EXECUTOR") == "slurm"


@contextlib.contextmanager
def closing_runs_first(launcher: DictConfig, say: Callable[[str], None]) -> Iterator[None]:
    """Let submitit's signals raise :class:`Terminated`, and give submitit's answer when all is closed.

    Args:
        launcher: the configuration ``hydra.launcher``.
        say: receives why the task was stopped.

    Raises:
        Terminated: the task was asked to end, and submitit has no answer to that.
    """
    if "SUBMITIT_EXECUTOR" not in os.environ:
        yield
        return
    limit = getattr(signal, f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}")  # as submitit has it
    answers = {number: signal.getsignal(number) for number in (limit, signal.SIGTERM)}
    came: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) == 1:  # once: a second one must not keep runs from being closed
            ask_to_end(number, _reason(launcher) if number == limit else "asked to end (SIGTERM)")

    forget_signals()
    for number in answers:
        signal.signal(number, end)
    try:
        yield
    except Terminated as stopped:
        say(stopped.reason)
        answer = answers[limit]
        if limit in came and callable(answer):
            answer(limit, None)  # leaves, or raises
        raise
    finally:
        for number, answer in answers.items():
            signal.signal(number, answer)


def _reason(launcher: DictConfig) -> str:
    """Return what the signal means: the same one comes before the time limit, and where a task has to make room."""
    minutes, early = launcher.get("timeout_min"), launcher.get("signal_delay_s") or 0
    spent = time.time() - psutil.Process().create_time()
    if minutes and spent >= 60 * minutes - early - 2 * EARLY_SECONDS:
        return f"stopped before the time limit of its task, hydra.launcher.timeout_min={minutes}: raise that"
    return "stopped to make room for other tasks"
