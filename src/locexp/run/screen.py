"""What a run shows while it works: lines, and one progress line where the screen is a terminal."""

from __future__ import annotations

import sys
from typing import TextIO

from locexp.metrics import HEADLINES
from locexp.record import RunRecord


class Screen:
    """Writes to a stream; a progress line is overwritten by what comes next."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._width = 0
        self._is_read = True

    def line(self, text: str = "") -> None:
        """Write a whole line."""
        self._clear()
        self._write(text + "\n")

    def progress(self, text: str) -> None:
        """Show a passing state; only on a terminal."""
        if self._stream.isatty():
            self._clear()
            self._write(text)
            self._width = len(text)

    def _clear(self) -> None:
        if self._width:
            self._write("\r" + " " * self._width + "\r")
            self._width = 0

    def _write(self, text: str) -> None:
        if self._is_read:
            try:
                self._stream.write(text)
                self._stream.flush()
            except BrokenPipeError:  # whoever read it has gone, as `head` does: the run goes on
                self._is_read = False


def final_table(record: RunRecord) -> list[str]:
    """Return the lines that sum a finished run up: test metrics, with the floor of those that have one."""
    metrics = record.metrics
    lines = [f"{'':22}{'test':>8}{'floor':>9}{'skill':>9}"]
    for name in HEADLINES:
        floor, skill = metrics.get(f"floor/{name}"), metrics.get(f"skill/{name}")
        cells = "".join("" if value is None else f"{value:9.3f}" for value in (floor, skill))
        lines.append(f"{name:22}{metrics[f'test/{name}']:8.4f}{cells}")
    return lines


def duration(seconds: float) -> str:
    """Return a time in words that fit its size: ``42 s``, ``7 min``, ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
