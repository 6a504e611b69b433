"""Pictures drawn by a process of their own, while the next run is saved and the last one is logged."""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Self

import numpy as np

from locexp.metrics import Predictions
from locexp.run.report import write_pictures

logger = logging.getLogger(__name__)

Draw = Callable[[Path, np.ndarray, Predictions, "list[dict[str, float]]", int, float], "Future[list[str]]"]
"""Takes what :func:`locexp.run.report.write_pictures` takes; its result is what that returns."""
ARRAYS = ("probabilities", "boxes", "labels", "truth", "classification_loss", "bbox_loss")


def draw_here(
    directory: Path, images: np.ndarray, test: Predictions, history: list[dict[str, float]], best: int, floor: float
) -> Future[list[str]]:
    """Draw the pictures of a run in this process; they are there when this returns."""
    drawn: Future[list[str]] = Future()
    drawn.set_result(write_pictures(directory, images, test, history, best, floor))
    return drawn


class Drawer:
    """Draws the pictures of runs one after the other in a process of its own; where that is lost, in this one.

    It is to be entered (``with Drawer() as drawer``), and ends its process when it is left.
    """

    def __init__(self) -> None:
        self._one = ThreadPoolExecutor(1, thread_name_prefix="drawing")
        self._process: subprocess.Popen[bytes] | None = None
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the sweep, which ends this process when it has ended
            )
        except OSError:
            logger.info("no process could be started for the pictures", exc_info=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._one.shutdown(cancel_futures=True)
        if self._process is not None:
            self._process.communicate()

    @property
    def pid(self) -> int | None:
        """Of the process that draws; ``None`` where this one does."""
        return self._process.pid if self._process is not None else None

    def draw(
        self,
        directory: Path,
        images: np.ndarray,
        test: Predictions,
        history: list[dict[str, float]],
        best: int,
        floor: float,
    ) -> Future[list[str]]:
        """Begin to draw the pictures of a run; see :func:`locexp.run.report.write_pictures`."""
        return self._one.submit(self._drawn, directory, images, test, history, best, floor)

    def _drawn(
        self,
        directory: Path,
        images: np.ndarray,
        test: Predictions,
        history: list[dict[str, float]],
        best: int,
        floor: float,
    ) -> list[str]:
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            asked = {
                "directory": str(directory.absolute()),
                "canvas": test.canvas,
                "history": history,
                "best": best,
                "floor": floor,
            }
            arrays = {"images": images, **{name: getattr(test, name) for name in ARRAYS}}
            try:
                _send(self._process.stdin, asked, arrays)
                answer = json.loads(self._process.stdout.readline())
            except (OSError, ValueError):  # it was killed
                logger.warning("the process that draws was lost: pictures are drawn by this one")
                self._process.kill()
                self._process.wait()
                self._process = None
            else:
                if "error" in answer:
                    raise RuntimeError(f"the pictures could not be drawn: {answer['error']}")
                return list(answer["missing"])
        return write_pictures(directory, images, test, history, best, floor)


def _send(pipe: IO[bytes], asked: dict[str, object], arrays: dict[str, Any]) -> None:
    """Write a line of JSON with the length of what follows, then arrays as ``.npz``."""
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    pipe.write(json.dumps({**asked, "length": packed.tell()}).encode() + b"\n")
    pipe.write(packed.getbuffer())
    pipe.flush()


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Draw what is asked for until there is no more."""
    for line in requests:
        asked = json.loads(line)
        arrays = dict(np.load(io.BytesIO(requests.read(asked["length"])), allow_pickle=False))
        images = arrays.pop("images")
        test = Predictions(**arrays, canvas=tuple(asked["canvas"]))
        try:
            missing = write_pictures(
                Path(asked["directory"]), images, test, asked["history"], asked["best"], asked["floor"]
            )
            answer: dict[str, object] = {"missing": missing}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed is no answer
    importlib.import_module("locexp.plots.curves")  # Matplotlib: the first request need not wait for it
    _serve(sys.stdin.buffer, answers)
