"""The screen: what it does when nobody reads it any more."""

from __future__ import annotations

import contextlib
import os

from locexp.system.screen import Screen


def test_a_reader_that_goes_away_does_not_end_the_run() -> None:
    """As with ``python -m locexp.train … | head -3``."""
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    screen = Screen(stream)
    screen.line("first")
    assert os.read(reading, 100) == b"first\n"
    os.close(reading)
    screen.line("second")
    screen.line("third")
    with contextlib.suppress(BrokenPipeError):
        stream.close()
