"""The screen of a command: whole lines and, on a terminal, a display of how far it is below them."""

from __future__ import annotations

import io
import shutil
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self, TextIO

from locexp.errors import abbreviated

if TYPE_CHECKING:
    from rich.console import Console, OverflowMethod, RenderableType


class Screen:
    """Writes lines to a stream, each at once and whole, whichever thread they come from.

    A terminal also shows how far the command is, below the last line and no wider than the terminal; the next line
    takes the place of this display. Any other stream, and a terminal that cannot move its cursor, gets lines alone.

    Args:
        stream: standard output by default, which :mod:`locexp.system.streams` has made one that cannot fail.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout or io.StringIO()  # the last where the command has no standard output
        self._lock = threading.Lock()
        self._console = _console(self._stream) if self._stream.isatty() else None
        self._height = 0
        self._notes: set[str] = set()

    @property
    def width(self) -> int | None:
        """How many columns there are for a display; ``None`` where none is shown."""
        return self._console.width if self._console else None

    def shortened(self, name: str) -> str:
        """Return a name as it goes into a line: on a terminal half as long as the line at most."""
        return name if self.width is None else abbreviated(name, max(2, self.width // 2))

    def line(self, text: str = "") -> None:
        """Write a whole line, as it is; a terminal wraps what is too long, so that addresses can be copied."""
        with self._lock:
            self._write(f"{self._erased()}{text}\n")

    def note(self, text: str) -> None:
        """Write a note once: the same text again is not written."""
        if text not in self._notes:
            self._notes.add(text)
            self.line(f"note     {text}")

    def progress(self, text: str, *, share: float | None = None, details: Sequence[str] = ()) -> None:
        """Show a passing state until the next line; only on a terminal.

        Args:
            text: the state, folded where it is too long.
            share: how much is done, in [0, 1]; shown as a bar before the text.
            details: lines below, each cut off where it is too long.
        """
        if self._console is None:
            return
        with self._lock:
            with self._console.capture() as display:
                self._console.print(_display(self._console, text, share, details))
            lines = display.get().splitlines()[: self._console.height]  # more would scroll
            erased, self._height = self._erased(), len(lines)
            self._write(erased + "\n".join(lines))

    def close(self) -> None:
        """Take the progress display away."""
        with self._lock:
            self._write(self._erased())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _erased(self) -> str:
        """Return what erases the progress display and leaves the cursor where it began."""
        height, self._height = self._height, 0
        return "\r\x1b[2K" + "\x1b[A\x1b[2K" * (height - 1) if height else ""

    def _write(self, text: str) -> None:
        if text:
            self._stream.write(text)
            self._stream.flush()


def _console(stream: TextIO) -> Console | None:
    """Return what draws on a terminal; ``None`` for one that cannot move its cursor."""
    from rich.console import Console  # 0.2 s, which output to a file or a pipe need not wait for

    console = Console(file=stream, highlight=False)
    return console if console.is_interactive else None


def _display(console: Console, text: str, share: float | None, details: Sequence[str]) -> RenderableType:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    state: RenderableType = Text(text, overflow="fold")
    if share is not None:
        bar = ProgressBar(total=1.0, completed=share, width=console.width // 4)
        row = Table.grid(padding=(0, 1))
        row.add_row(bar, state)
        state = row
    mark: OverflowMethod = "crop" if console.options.ascii_only else "ellipsis"
    return Group(state, *(Text(detail, no_wrap=True, overflow=mark) for detail in details))


def terminal_width() -> int | None:
    """Return how many columns the terminal has that standard output is; ``None`` where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout and sys.stdout.isatty() else None


def duration(seconds: float) -> str:
    """Return a time in units that fit its size: ``42 s``, ``7 min``, ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
