"""Many photos: their headers, and their pixels on one canvas, read by as many threads as there are cores."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from locexp.bbox.annotations import Placement
from locexp.data.files import MEMORY_SHARE
from locexp.data.photos import canvas, decode
from locexp.data.photos.decode import Header, Remark, UnusableError
from locexp.errors import UserError, listed
from locexp.system.memory import available_memory

PROGRESS_SECONDS = 5.0
"""Between two lines that say how far reading is; a short one says nothing."""
MOST_THREADS = 16
Item = TypeVar("Item")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Photos:
    """What was read of n files.

    Attributes:
        headers: of each file, or why it cannot be used.
        images: uint8 (n, height, width) or (n, height, width, 3), of each file; of unusable ones nothing is meant.
        placement: of each file on the canvas.
        remarks: on each file, see :class:`locexp.data.photos.decode.Pixels`.
        grey: how many photos are grey though they are read in colour.
    """

    headers: Sequence[Header | UnusableError]
    images: np.ndarray
    placement: Placement
    remarks: Sequence[Sequence[Remark]]
    grey: int


def contents(paths: Sequence[Path]) -> list[str]:
    """Return a digest of the content of each file; why it cannot be read, where it cannot."""
    return each(_content, paths, "looked at")


def headers(paths: Sequence[Path]) -> list[Header | UnusableError]:
    """Return the header of each photo, or why it cannot be used."""
    return each(_header, paths, "looked at")


def sizes(known: Sequence[Header | UnusableError]) -> np.ndarray:
    """Return width and height of each photo, int64 (n, 2); 1 x 1 for what cannot be used."""
    return np.array([one.size if isinstance(one, Header) else (1, 1) for one in known], np.int64).reshape(-1, 2)


def photos(
    paths: Sequence[Path],
    known: Sequence[Header | UnusableError],
    size: tuple[int, int],
    resize: str,
    channels: int | str,
) -> Photos:
    """Read photos and put them on a canvas.

    Args:
        paths: of the files.
        known: their :func:`headers`.
        size: width and height of the canvas.
        resize: ``letterbox`` or ``stretch``.
        channels: 1 for grey, 3 for colour, ``auto`` for grey only where all photos are.
    """
    width, height = size
    placement = canvas.fit(sizes(known), size, resize)
    depth = 1 if channels == 1 else 3
    images = np.zeros((len(paths), height, width, 3)[: 3 if depth == 1 else 4], np.uint8)
    large = threading.Lock()

    def read(index: int) -> decode.Pixels | UnusableError:
        one = known[index]
        if isinstance(one, UnusableError):
            return one
        try:
            taken = decode.pixels(paths[index], canvas.scaled_size(placement, index), depth, large)
        except UnusableError as error:
            return error
        canvas.put(taken.values, images[index], placement.offset[index])
        return decode.Pixels(np.empty(0, np.uint8), taken.is_grey, taken.remarks)  # the values are in their place

    read_ones = each(read, range(len(paths)), "read")
    usable = [one for one in read_ones if isinstance(one, decode.Pixels)]
    grey = sum(one.is_grey for one in usable)
    if channels == "auto" and grey == len(usable):
        images = grey_levels(images)
    return Photos(
        headers=[one if isinstance(one, UnusableError) else head for head, one in zip(known, read_ones, strict=True)],
        images=images,
        placement=placement,
        remarks=[() if isinstance(one, UnusableError) else one.remarks for one in read_ones],
        grey=grey if images.ndim == 4 else 0,
    )


def grey_levels(images: np.ndarray) -> np.ndarray:
    """Return images in colour, uint8 (n, height, width, 3), as grey ones, (n, height, width), by ITU-R 601's luma."""
    made = np.empty(images.shape[:3], np.uint8)
    for image, target in zip(images, made, strict=True):  # Pillow's weights, in 65536ths
        target[:] = (image @ np.array([19595, 38470, 7471], np.uint32) + 0x8000) >> 16
    return made


def check_memory(count: int, size: tuple[int, int], channels: int | str, key: str) -> None:
    """Check that photos on a canvas fit into half of the free memory.

    Raises:
        UserError: they do not; says how many would.
    """
    width, height = size
    depth = 1 if channels == 1 else 3
    each, free = width * height * depth, available_memory()
    fitting = int(MEMORY_SHARE * free / each)
    if count > fitting:
        side = int((MEMORY_SHARE * free / (count * depth * width * height)) ** 0.5 * min(width, height)) // 8 * 8
        remedies = [f"a data.size with sides of {side} or less"] if side >= 8 else []
        remedies += ["data.channels=1"] if depth == 3 else []
        raise UserError(
            f"{key}: {count:,} photos of {width}x{height}x{depth} take {count * each / 2**30:.3g} GiB; expected at "
            f"most half of the free memory, which is {free / 2**30:.3g} GiB: {fitting:,} of them would fit. Give "
            f"{listed([*remedies, 'fewer data.classes'])}, or a folder with fewer photos."
        )


def _threads() -> int:
    """Return how many threads read photos: one for each core that this process may use."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST_THREADS)


def each(function: Callable[[Item], Result], items: Sequence[Item], done: str) -> list[Result]:
    """Return what a function gives for each item, from several threads; says how far it is if that takes long.

    Args:
        function: of an item; what Pillow warns of in it is not shown.
        items: photos, or what stands for them.
        done: to them, in a word: ``read``.
    """
    results: list[Result] = []
    said = time.monotonic()
    with warnings.catch_warnings(), ThreadPoolExecutor(_threads()) as pool:
        warnings.filterwarnings("ignore", module=r"PIL\.")  # of spoilt EXIF data, of many pixels: what counts is said
        try:
            for result in pool.map(function, items):
                results.append(result)
                if time.monotonic() - said > PROGRESS_SECONDS:
                    said = time.monotonic()
                    logger.info("%s of %s photos %s", f"{len(results):,}", f"{len(items):,}", done)
        except BaseException:  # Ctrl-C: those that wait are not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return results


def _content(path: Path) -> str:
    try:
        decode.check_regular(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, UnusableError) as error:
        return str(error)


def _header(path: Path) -> Header | UnusableError:
    try:
        return decode.header(path)
    except UnusableError as error:
        return error
