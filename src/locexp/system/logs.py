"""The log files of runs that share a process: what is logged on a run's behalf goes to its own."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import sys
from collections.abc import Iterator

from locexp.errors import system_reason

_current: contextvars.ContextVar[RunLog | None] = contextvars.ContextVar("run_log", default=None)


class LogFile(logging.FileHandler):
    """A log file, in UTF-8. One that cannot be written any more, as on a full disk, is given up with one line."""

    def __init__(self, filename: str | os.PathLike[str], mode: str = "a", encoding: str = "utf-8") -> None:
        super().__init__(filename, mode, encoding)
        self._is_lost = False

    def handleError(self, record: logging.LogRecord) -> None:
        """Show the first failure; what is not an error of the system is shown as logging does."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._is_lost:
            self._is_lost = True
            print(f"note     {self.baseFilename}: no more is logged there ({system_reason(error)})", file=sys.stderr)

    def close(self) -> None:
        """Close the file; what it still has to write is lost where it cannot be written."""
        with contextlib.suppress(OSError):
            super().close()


class RunLog:
    """Lets a handler take what is logged while its run is the current one, in this thread or in one started for it.

    Args:
        handler: of the run's own file.
    """

    def __init__(self, handler: logging.Handler) -> None:
        self._handler = handler
        handler.addFilter(lambda record: _current.get() is self)
        logging.getLogger().addHandler(handler)

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        """Make the run the current one."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def close(self) -> None:
        """Take no more."""
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()
