"""Processes that work for this one; where there are none, or one of them is lost, this process does the work."""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any, Generic, ParamSpec, Self, TypeVar

from locexp.errors import worded

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

SINGLE_THREADED = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
CHECK_SECONDS = 1.0
"""How often it is checked that the processes which do the awaited work are alive."""


class Task(Generic[T]):
    """Work that was handed to :class:`Workers`.

    Args:
        future: of the process that does it.
        function: does it in this process, should the other be lost.
        processes: those of which one does it.
    """

    def __init__(self, future: Future[T], function: Callable[[], T], processes: Sequence[SpawnProcess] = ()) -> None:
        self._future, self._function, self._processes = future, function, processes

    def done(self) -> bool:
        """Whether :meth:`result` has nothing to wait for."""
        return self._future.done()

    def result(self) -> T:
        """Wait for the result; raises what the function raised."""
        # A pool of Python 3.11 can forget work that it is given just as it notices that a process was lost.
        while wait([self._future], CHECK_SECONDS).not_done and all(process.is_alive() for process in self._processes):
            pass
        if self._future.done():
            with contextlib.suppress(BrokenProcessPool):
                return self._future.result()
        logger.warning("a worker process was lost: this process does its work")
        return self._function()


class Workers:
    """Processes that work for this one; to be entered (``with Workers(2) as workers``), and ended when left.

    They import nothing but what they are asked for, and in particular not the main module of the program. Ctrl-C in a
    terminal does not reach them, and they end with this process, even if that is killed.

    Args:
        processes: how many; with 0, and where none can be started, this process does the work.
        modules: to be imported before there is work.
    """

    def __init__(self, processes: int, modules: Sequence[str] = ()) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._context = _Context()
        if processes < 1 or multiprocessing.current_process().daemon:  # a daemonic process may not start others
            return
        try:
            self._pool = ProcessPoolExecutor(processes, self._context, _begin, (tuple(modules),))
            for _ in range(processes):  # the pool starts a process for each task that finds no idle one
                self._pool.submit(int)
        except (OSError, NotImplementedError, BrokenProcessPool) as error:  # no process or no semaphore is to be had
            logger.warning("worker processes could not be started (%s): this process does the work", worded(error))
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Task[T]:
        """Begin to call a function, which can be pickled like its arguments and its result.

        Raises:
            Exception: whatever the function raises where this process calls it.
        """
        call = functools.partial(function, *args, **kwargs)
        if self._pool is not None:
            try:
                return Task(self._pool.submit(function, *args, **kwargs), call, self._context.processes)
            except BrokenProcessPool:
                logger.warning("a worker process was lost: from now on, this process does the work")
                self._end()
        future: Future[T] = Future()
        future.set_result(call())
        return Task(future, call)

    def _end(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)
            for process in self._context.processes:
                if process.pid is not None:  # it was started; a pool that lost another one can leave it
                    process.kill()
                    process.join()


class _Process(SpawnProcess):
    """A worker process."""

    def start(self) -> None:
        """Start the process; it inherits that Ctrl-C is blocked, and does not import the program's main module.

        That would run a script without ``if __name__ == "__main__"`` again, and import TensorFlow where that does.
        """
        main = sys.modules["__main__"]
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        sys.modules["__main__"] = ModuleType("__main__")  # what has neither a name nor a file is not imported
        try:
            super().start()
        finally:
            sys.modules["__main__"] = main
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


class _Context(SpawnContext):
    """Starts workers with a fresh interpreter: TensorFlow's threads do not survive a fork.

    Attributes:
        processes: those that it has made.
    """

    def __init__(self) -> None:
        self.processes: list[SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]
        """Make a process, which is not started yet."""
        process = _Process(*args, **kwargs)
        self.processes.append(process)
        return process


def _begin(modules: Sequence[str]) -> None:
    """Prepare a worker process; nothing before this imports NumPy, which reads the environment once."""
    os.environ.update(SINGLE_THREADED)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for module in modules:
        importlib.import_module(module)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()  # an idle worker does not notice that nobody is left to give it work
    os._exit(1)
