"""What a run shows: lines, one progress line where the screen is a terminal, and the words of its begin and end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

from locexp.evaluation.metrics import HEADLINES
from locexp.records.record import RunRecord
from locexp.run.saving import MODEL
from locexp.tracking.location import Location, ui_command
from locexp.tracking.mlflow_internals import run_link


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


def introduction(record: RunRecord, *, validation_is_test: bool) -> list[str]:
    """Return the lines that say what is about to be trained."""
    data = record.dataset
    validation = "the test set" if validation_is_test else f"{data['validation']:,}"
    return [
        f"locexp   {record.name}",
        f"data     {data['name']} ({data['source']}), {data['canvas']} pixels: {data['train']:,} to train, "
        f"{validation} to validate, {data['test']:,} to test",
    ]


def final_table(record: RunRecord) -> list[str]:
    """Return the lines that sum a finished run up: test metrics, with the floor of those that have one."""
    metrics = record.metrics
    lines = [f"{'':22}{'test':>8}{'floor':>9}{'skill':>9}"]
    for name in HEADLINES:
        floor, skill = metrics.get(f"floor/{name}"), metrics.get(f"skill/{name}")
        cells = "".join("" if value is None else f"{value:9.3f}" for value in (floor, skill))
        lines.append(f"{name:22}{metrics[f'test/{name}']:8.4f}{cells}")
    return lines


def conclusion(record: RunRecord, directory: Path, location: Location) -> list[str]:
    """Return the lines that say where the results of a finished and logged run are."""
    assert record.experiment_id is not None
    assert record.run_id is not None
    base = location.uri if location.is_server else "http://127.0.0.1:5000"
    command = "" if location.is_server else f"{ui_command(location)}  then open "
    return [
        f"Files    {directory}  (pictures/, tables/, {MODEL}, run.json)",
        f"MLflow   {command}{run_link(base, record.experiment_id, record.run_id)}",
    ]


def duration(seconds: float) -> str:
    """Return a time in words that fit its size: ``42 s``, ``7 min``, ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
