"""The three standard streams, whatever they are connected to: a closed pipe, a full disk, no terminal.

Nothing that happens to them ends a command.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import TextIO

GONE = (errno.EPIPE, errno.EIO)
"""What says that nobody reads any more: a pipe was closed, or a terminal."""


class StandardFile(io.FileIO):
    """Standard output or error. A failure ends what is written there, and nothing else.

    Attributes:
        error: the first failure; ``None`` before.
    """

    error: OSError | None = None

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        """Write bytes; returns how many were, or were given up."""
        try:
            while self.error is None:
                written = super().write(data)
                if written is not None:
                    return written
                select.select([], [self], [])  # somebody who shares the terminal has made it non-blocking
        except OSError as error:
            self.error = error
        return memoryview(data).nbytes


def steady_streams() -> None:
    """Give this process standard streams that cannot fail; one that somebody has replaced is left alone.

    A stream that is closed becomes the null device, before a file that is opened takes its number; characters that an
    encoding lacks become question marks.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    if sys.stdout is sys.__stdout__:
        sys.stdout = sys.__stdout__ = steady(sys.stdout, 1)  # type: ignore[misc]
    if sys.stderr is sys.__stderr__:
        sys.stderr = sys.__stderr__ = steady(sys.stderr, 2)  # type: ignore[misc]


def steady(stream: TextIO | None, number: int) -> io.TextIOWrapper:
    """Return a stream of text to a file number that cannot fail, in the encoding of another, which may be closed."""
    file = StandardFile(number, "w", closefd=False)
    encoding = stream.encoding if stream is not None else "utf-8"
    whole_lines = number == 2 or file.isatty()
    buffer = io.BufferedWriter(file)  # type: ignore[type-var]
    return io.TextIOWrapper(buffer, encoding, "replace", line_buffering=whole_lines)


def lost_output() -> str | None:
    """Return why standard output could not be written, if for another reason than that nobody reads it any more."""
    if not isinstance(sys.stdout, io.TextIOWrapper):
        return None
    sys.stdout.flush()
    error = getattr(getattr(sys.stdout.buffer, "raw", None), "error", None)
    return None if error is None or error.errno in GONE else str(error.strerror)
