"""A terminal to run commands in: a real pseudo-terminal, and what a person would see on it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

TOKENS = re.compile(r"\x1b\[(?P<number>\d*(?:;\d+)*)(?P<action>[A-Za-z])|(?P<character>.)", re.DOTALL)


def in_terminal(
    words: Sequence[str], *, columns: int, cwd: Path, env: dict[str, str] | None = None, status: int = 0
) -> str:
    """Run ``python WORDS`` in a terminal of 24 rows to its end, of this status; returns all that it wrote there."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=cwd,
        env={**inherited, "TERM": "xterm-256color", **(env or {})},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    written = b""
    try:
        while block := os.read(master, 65536):
            written += block
    except OSError:  # Linux's way to say that nobody holds the other end any more
        pass
    os.close(master)
    assert process.wait(60) == status, written.decode()
    return written.decode()


class Terminal:
    """What is seen after a text has been written: it wraps at its width, moves its cursor, and erases rows.

    Attributes:
        seen: every display that was erased, a row each, in the order of erasing.
    """

    def __init__(self, columns: int, text: str) -> None:
        self.seen: list[str] = []
        self._rows, self._continued, self._row, self._column = [""], {0: False}, 0, 0
        for token in TOKENS.finditer(text):
            if token["action"]:
                self._control(token["number"], token["action"])
            elif token["character"] == "\r":
                self._column = 0
            elif token["character"] == "\n":
                self._down(continued=False)
            else:
                if self._column == columns:
                    self._down(continued=True)
                    self._column = 0
                row = self._rows[self._row].ljust(self._column)
                self._rows[self._row] = row[: self._column] + token["character"] + row[self._column + 1 :]
                self._column += 1

    @property
    def lines(self) -> list[str]:
        """Lines as they were written, whatever the width; the last one is where the cursor stands."""
        assert not any(self._rows[self._row + 1 :]), "something is left below the cursor"
        lines: list[str] = []
        for index, row in enumerate(self._rows[: self._row + 1]):
            if self._continued[index]:
                lines[-1] += row
            else:
                lines.append(row)
        return lines

    def _control(self, number: str, action: str) -> None:
        if (number, action) == ("2", "K"):
            assert not self._continued[self._row], f"the display was wider than the terminal: {self._rows}"
            self.seen.append(self._rows[self._row])
            self._rows[self._row] = ""
        elif action == "A":
            self._row -= int(number or 1)
            assert self._row > len(self._rows) - 24, "the display was higher than the terminal"
        else:
            assert action == "m", f"unknown control: {number}{action}"

    def _down(self, *, continued: bool) -> None:
        self._row += 1
        if self._row == len(self._rows):
            self._rows.append("")
        self._continued[self._row] = continued
