"""What a task does when its scheduler says that it will end it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType

import pytest
from omegaconf import OmegaConf

from locexp.errors import Terminated
from locexp.sweep.signals import closing_runs_first, outlives_its_sweep
from locexp.system.process import asked_to_end, forget_signals

LAUNCHER = OmegaConf.create({"timeout_min": 600, "signal_delay_s": 120})


class Answers:
    """Submitit's answers to signals."""

    def __init__(self) -> None:
        self.given: list[int] = []

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.given.append(number)


@pytest.fixture
def submitit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    answers, numbers = Answers(), (signal.SIGUSR2, signal.SIGTERM)
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    before = {number: signal.signal(number, answers) for number in numbers}
    yield answers
    assert all(signal.getsignal(number) is answers for number in numbers)
    for number, handler in before.items():
        signal.signal(number, handler)
    forget_signals()


def test_runs_are_closed_before_submitit_answers(submitit: Answers) -> None:
    said: list[str] = []

    def task() -> None:
        try:
            os.kill(os.getpid(), signal.SIGUSR2)
        finally:
            assert submitit.given == []
            os.kill(os.getpid(), signal.SIGTERM)  # comes with it, and must not keep runs from being closed

    with pytest.raises(Terminated), closing_runs_first(LAUNCHER, said.append):
        task()
    assert submitit.given == [signal.SIGUSR2]
    assert said == ["stopped to make room for other tasks"]


def test_a_task_near_its_time_limit_names_the_key(submitit: Answers) -> None:
    said: list[str] = []
    with pytest.raises(Terminated), closing_runs_first(OmegaConf.create({"timeout_min": 1}), said.append):
        os.kill(os.getpid(), signal.SIGUSR2)
    assert said == ["stopped before the time limit of its task, hydra.launcher.timeout_min=1: raise that"]


def test_a_task_that_is_cancelled_ends(submitit: Answers) -> None:
    said: list[str] = []
    with pytest.raises(Terminated) as ended, closing_runs_first(LAUNCHER, said.append):
        os.kill(os.getpid(), signal.SIGTERM)
    assert ended.value.code == 143
    assert (submitit.given, said) == ([], ["asked to end (SIGTERM)"])


def test_what_a_library_makes_of_a_signal_is_not_lost(submitit: Answers) -> None:
    """TensorFlow reports an exception of a handler as an error of its own, when it comes while a graph is traced."""
    with closing_runs_first(LAUNCHER, lambda reason: None):
        with contextlib.suppress(Terminated):
            os.kill(os.getpid(), signal.SIGTERM)
        asked = asked_to_end()
        assert asked is not None
        assert asked.reason == "asked to end (SIGTERM)"


def test_other_launchers_keep_their_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUBMITIT_EXECUTOR", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    with closing_runs_first(LAUNCHER, lambda reason: None):
        assert signal.getsignal(signal.SIGTERM) is before
    assert not outlives_its_sweep()
