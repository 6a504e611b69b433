"""How many threads a run, a stack and a job beside others get."""

from __future__ import annotations

import pytest

from locexp.system import tensorflow as runtime


@pytest.mark.parametrize(
    ("cores", "alone", "stacked"),
    [(1, (1, 1), (1, 1)), (2, (2, 2), (1, 2)), (4, (4, 2), (1, 4)), (16, (16, 2), (1, 16))],
)
def test_threads_follow_the_cores(
    cores: int, alone: tuple[int, int], stacked: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "core_count", lambda: cores)
    assert runtime.thread_counts("auto") == alone
    assert runtime.thread_counts("auto", stacked=True) == stacked
    assert runtime.thread_counts(3) == (3, 2)  # what is asked for is given, whatever the cores
    assert runtime.thread_counts(3, stacked=True) == (1, 3)
