"""Spoilt files and odd overrides end in one line, in time and in little memory. ``benchmarks/fuzz.py`` tries more."""

from __future__ import annotations

import resource
import signal
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.targets import EXPECTED, MEMORY, SECONDS, TARGETS, Target

EXAMPLES = 30
"""For a reader with a share of 1."""


def peak_bytes() -> int:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _hangs(number: int, frame: FrameType | None) -> None:
    raise AssertionError(f"still reading after {SECONDS:g} s")


def read(target: Target, value: Any) -> bool:
    """Let a reader read one input; returns whether it took it.

    Raises:
        AssertionError: it hangs, or takes too much memory.
        Exception: what no reader may raise.
    """
    before, is_read = peak_bytes(), True
    signal.signal(signal.SIGALRM, _hangs)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with tempfile.TemporaryDirectory() as folder:
            target.read(value, Path(folder))
    except EXPECTED as error:
        is_read, said = False, str(error)
    except FileNotFoundError as error:  # a record that is not there is no record
        raise AssertionError(f"no such file: {error}") from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert is_read or said.strip(), "an error without a word"
    assert peak_bytes() - before < MEMORY, f"took {(peak_bytes() - before) >> 20} MiB"
    return is_read


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_spoilt_is_refused_in_one_line_or_read(name: str) -> None:
    target = TARGETS[name]

    @settings(
        max_examples=max(4, round(EXAMPLES * target.share)),
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # an input that takes long would be tried again and again to make it smaller
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def check(value: Any) -> None:
        read(target, value)

    check()
