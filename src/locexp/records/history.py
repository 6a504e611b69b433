"""A run's history.jsonl: one row of metrics per epoch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from locexp.system.files import write_whole

HISTORY = "history.jsonl"


def append_history(directory: Path, row: dict[str, float]) -> None:
    """Append a row, ``epoch`` and ``timestamp`` (seconds since 1970) and metrics, to ``history.jsonl``."""
    with (directory / HISTORY).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def read_history(directory: Path) -> list[dict[str, float]]:
    """Return the rows of ``history.jsonl``, one per epoch; empty where there is none.

    A last line that is not whole is left out: it is being written, or its writer was killed.

    Raises:
        ValueError: another line is not whole.
    """
    path = directory / HISTORY
    return parse_history(path.read_bytes()) if path.is_file() else []


def parse_history(content: bytes) -> list[dict[str, float]]:
    """Return the rows of the content of ``history.jsonl``, see :func:`read_history`."""
    lines = content.splitlines()
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError):
            if number < len(lines):
                raise ValueError(f"{HISTORY}: line {number} cannot be read") from None
    return rows


def write_history(directory: Path, rows: Iterable[dict[str, float]]) -> None:
    """Write ``history.jsonl`` anew, all at once."""
    write_whole(directory / HISTORY, "".join(json.dumps(row) + "\n" for row in rows))
