"""The log files of runs that share a process: what is logged on a run's behalf goes to its own."""

from __future__ import annotations

import contextlib
import contextvars
import logging
from collections.abc import Iterator

_current: contextvars.ContextVar[RunLog | None] = contextvars.ContextVar("run_log", default=None)


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
