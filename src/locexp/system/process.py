"""Starting and ending a process without needless work."""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import NoReturn

import psutil

from locexp.errors import TERMINATED, Terminated

WATCH_SECONDS = 1.0
_watched: set[str] = set()


@contextlib.contextmanager
def importing(package: str) -> Iterator[None]:
    """Import a big package without the garbage collector, which would walk its 100,000s of objects repeatedly.

    They are set aside for good afterwards: later collections need not walk them either. Where the package has been
    imported before, nothing is: what would be set aside then is the network that is being trained.
    """
    if package in sys.modules:
        yield
        return
    with uncollected():
        try:
            yield
        finally:
            gc.freeze()


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Make many objects that stay without the garbage collector, which would walk them all again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def collected_once() -> Iterator[None]:
    """Do something without the garbage collector, then collect what it left, and only that.

    What was there before, such as all traced graphs, is not walked.
    """
    try:
        with uncollected():
            yield
    finally:
        gc.collect(1)


def core_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def process_tags() -> dict[str, str]:
    """Return tags by which another process can tell later whether this one still runs."""
    process = psutil.Process()
    return {
        "host": socket.gethostname(),
        "pid": str(process.pid),
        "process_start": f"{process.create_time():.2f}",
    }


def is_alive(tags: Mapping[str, str]) -> bool | None:
    """Whether the process of these :func:`process_tags` tags still runs; ``None`` where it ran on another machine."""
    if tags.get("host") != socket.gethostname():
        return None
    try:
        process = psutil.Process(int(tags["pid"]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - float(tags.get("process_start", 0))) < 1
    except (psutil.Error, KeyError, ValueError):
        return False


def end_with(tags: Mapping[str, str]) -> None:
    """End this process as soon as that of these :func:`process_tags` tags has ended: one that is killed cannot do so.

    Nothing is done where they are those of this process, or of one that cannot be seen from here.
    """
    pid = tags.get("pid", "")
    if pid in {*_watched, str(os.getpid())} or not is_alive(tags):
        return

    def watch() -> None:
        while is_alive(tags):
            time.sleep(WATCH_SECONDS)
        os._exit(TERMINATED)

    _watched.add(pid)
    threading.Thread(target=watch, name=f"watch {pid}", daemon=True).start()


def end_on_signals() -> None:
    """Let SIGTERM and SIGHUP (a terminal was closed) raise :class:`Terminated`, except where they are ignored."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _terminate)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)


def leave(status: int) -> NoReturn:
    """End the process with this status, without freeing TensorFlow's objects one by one first, which takes 2 s.

    Exit handlers are run, and logs and streams flushed, as they would be.
    """
    atexit._run_exitfuncs()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # whoever read it has gone
            stream.flush()
    os._exit(status)


def forget_networks() -> None:
    """Free the last networks: a process that trains hundreds would grow otherwise."""
    keras = sys.modules.get("keras")
    if keras is not None:
        keras.backend.clear_session()
    gc.collect()
