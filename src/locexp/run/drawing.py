"""Pictures drawn by processes of their own, while the next run is saved and the last one is logged."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import importlib
import io
import json
import logging
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Any, BinaryIO, Self

import numpy as np

from locexp.evaluation.metrics import Predictions
from locexp.run.report import write_pictures

logger = logging.getLogger(__name__)

_here = threading.Lock()
"""Matplotlib is not for two threads at once."""

PATIENCE_SECONDS = 60.0
"""How long a process that has nothing left to draw may take to end."""


@dataclass(frozen=True)
class Pictures:
    """The pictures of a run; what :func:`locexp.run.report.write_pictures` takes."""

    directory: Path
    images: np.ndarray
    test: Predictions
    history: list[dict[str, float]]
    best: int
    floor: float

    def draw(self) -> list[str]:
        """Draw them in this process; returns what could not be drawn."""
        return write_pictures(self.directory, self.images, self.test, self.history, self.best, self.floor)


Draw = Callable[[Pictures], "Future[list[str]]"]
"""Begins to draw; its result is what :meth:`Pictures.draw` returns."""


def draw_here(pictures: Pictures) -> Future[list[str]]:
    """Draw in this process; the pictures are there when this returns."""
    drawn: Future[list[str]] = Future()
    drawn.set_result(pictures.draw())
    return drawn


class Drawer:
    """Draws the pictures of runs in processes of its own.

    It is to be entered (``with Drawer() as drawer``), and ends its processes when it is left.

    Args:
        processes: how many, at least one.
    """

    def __init__(self, processes: int = 1) -> None:
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="drawing")
        self.artists = [Artist() for _ in range(processes)]
        self._free: SimpleQueue[Artist] = SimpleQueue()
        for artist in self.artists:
            self._free.put(artist)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._threads.shutdown(cancel_futures=True)
        finally:
            for artist in self.artists:
                artist.end()

    def draw(self, pictures: Pictures) -> Future[list[str]]:
        """Begin to draw the pictures of a run."""
        # What is logged there belongs to the run that is the current one here.
        return self._threads.submit(contextvars.copy_context().run, self._drawn, pictures)

    def _drawn(self, pictures: Pictures) -> list[str]:
        artist = self._free.get()  # there is one for each thread
        try:
            return artist.draw(pictures)
        finally:
            self._free.put(artist)


class Artist:
    """One process that draws; where it is lost, this one draws.

    Attributes:
        process: the one that draws; ``None`` where this one does.
    """

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the sweep, which ends this process when it has ended
            )
        except OSError:
            logger.info("no process could be started for the pictures", exc_info=True)

    def draw(self, pictures: Pictures) -> list[str]:
        """Draw the pictures of a run; returns what could not be drawn."""
        if self.process is None:
            return _drawn_here(pictures)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            _send(self.process.stdin, pictures)
            answer = json.loads(self.process.stdout.readline())
        except (OSError, ValueError):  # it was killed
            logger.warning("a process that draws was lost: pictures are drawn by this one")
            self.process.kill()
            self.process.wait()
            self.process = None
            return _drawn_here(pictures)
        if "error" in answer:
            logger.error("the pictures could not be drawn\n%s", answer["traceback"])
            raise RuntimeError(f"the pictures could not be drawn: {answer['error']}")
        return list(answer["missing"])

    def end(self) -> None:
        """End the process, when it has drawn what it was asked for."""
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.communicate(timeout=PATIENCE_SECONDS)
            self.process.kill()  # does nothing to one that has ended


def _drawn_here(pictures: Pictures) -> list[str]:
    with _here:
        return pictures.draw()


def _send(pipe: IO[bytes], pictures: Pictures) -> None:
    """Write a line of JSON with the length of what follows, then arrays as ``.npz``."""
    asked = {
        "directory": str(pictures.directory.absolute()),
        "canvas": pictures.test.canvas,
        "history": pictures.history,
        "best": pictures.best,
        "floor": pictures.floor,
    }
    arrays: dict[str, Any] = {field.name: getattr(pictures.test, field.name) for field in _fields()}
    packed = io.BytesIO()
    np.savez(packed, images=pictures.images, **arrays)
    pipe.write(json.dumps({**asked, "length": packed.tell()}).encode() + b"\n")
    pipe.write(packed.getbuffer())
    pipe.flush()


def _received(requests: BinaryIO) -> Pictures | None:
    """Return what is asked for next; ``None`` where whoever asked has gone."""
    line = requests.readline()
    if not line.endswith(b"\n"):
        return None
    asked = json.loads(line)
    packed = requests.read(asked["length"])
    if len(packed) < asked["length"]:
        return None
    arrays = dict(np.load(io.BytesIO(packed), allow_pickle=False))
    images = arrays.pop("images")
    test = Predictions(**arrays, canvas=tuple(asked["canvas"]))
    return Pictures(Path(asked["directory"]), images, test, asked["history"], asked["best"], asked["floor"])


def _fields() -> list[dataclasses.Field[Any]]:
    """Return the arrays of predictions."""
    return [field for field in dataclasses.fields(Predictions) if field.name != "canvas"]


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Draw what is asked for until there is no more."""
    while (pictures := _received(requests)) is not None:
        try:
            answer: dict[str, object] = {"missing": pictures.draw()}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed is no answer
    importlib.import_module("locexp.plots.curves")  # Matplotlib: the first request need not wait for it
    with contextlib.suppress(BrokenPipeError):  # whoever asked has gone
        _serve(sys.stdin.buffer, answers)
