"""Starting and ending a process without needless work."""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import hashlib
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psutil

from locexp.errors import TERMINATED, Terminated

WATCH_SECONDS = 1.0
_watched: set[str] = set()
_asked: list[Terminated] = []


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
    tags = {
        "host": socket.gethostname(),
        "pid": str(process.pid),
        "process_start": f"{process.create_time():.2f}",
    }
    if where := _where():
        tags["process"] = f"{where}.{_ticks(process.pid)}"
    return tags


def is_alive(tags: Mapping[str, str]) -> bool | None:
    """Whether the process of these :func:`process_tags` tags still runs; ``None`` where that cannot be known from here.

    It cannot where it ran on another machine, or in another container of this one, which may have the same host name
    and has numbers of processes of its own. Where a machine was started anew, what ran before has ended.
    """
    if tags.get("host") != socket.gethostname():
        return None
    where, _, ticks = tags.get("process", "").rpartition(".")
    here = _where()
    if where and here:
        if where != here:
            machine, boot, _ = where.split(".", 2)
            own_machine, own_boot, _ = here.split(".", 2)
            return False if machine and machine == own_machine and boot != own_boot else None
        # Not by the time of its start, which moves when somebody sets the clock.
        return ticks == _ticks(int(tags.get("pid", 0)))
    try:
        process = psutil.Process(int(tags["pid"]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - float(tags.get("process_start", 0))) < 1
    except (psutil.Error, KeyError, ValueError):
        return False


@functools.cache
def _where() -> str:
    """Return this machine, this start of it, and this space of process numbers, ``a.b.c``; empty where unknown.

    The machine is a digest: its own id is nothing to publish. It is empty in containers without one.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = re.sub(r"\D", "", os.readlink("/proc/self/ns/pid"))
    except OSError:
        return ""
    try:
        machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except OSError:
        machine = ""
    digest = hashlib.sha256(f"locexp {machine}".encode()).hexdigest()[:8] if machine else ""
    return f"{digest}.{boot[:8]}.{space}"


def _ticks(pid: int) -> str | None:
    """Return when a process began, in ticks since the machine did; ``None`` where there is none, or it has ended.

    It is field 22 of proc(5), of which the second, a name, may hold anything.
    """
    try:
        state, *numbers = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else numbers[18]


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
    forget_signals()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _terminate)


def _terminate(number: int, frame: FrameType | None) -> None:
    ask_to_end(number)


def ask_to_end(number: int, reason: str = "interrupted") -> NoReturn:
    """Raise :class:`Terminated` in a signal's handler, and remember it; for arguments see there.

    What a handler raises in the midst of TensorFlow may be swallowed, or come out as another error.
    """
    _asked.append(Terminated(number, reason))
    raise _asked[-1]


def asked_to_end() -> Terminated | None:
    """Return what :func:`ask_to_end` raised last in this process, wherever that has gone."""
    return _asked[-1] if _asked else None


def forget_signals() -> None:
    """Begin anew, as a process does that is used for one command or task after the other."""
    _asked.clear()


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
