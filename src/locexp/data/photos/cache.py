"""Photos on their canvas, kept for the next command by the content of their files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL
from filelock import FileLock, Timeout

from locexp.bbox.annotations import Placement
from locexp.data.files import BROKEN, MEMORY_SHARE
from locexp.data.photos.decode import Header, MomentaryError, UnusableError
from locexp.data.photos.read import Photos
from locexp.system.files import replacing
from locexp.system.folders import cache_folder
from locexp.system.memory import available_memory

VERSION = 1
"""Goes up when the same files would come on a canvas in another way."""
MOST_BYTES = 4 * 2**30
"""Of all entries; the ones that were not used for the longest time go first."""
PATIENCE_SECONDS = 60.0

logger = logging.getLogger(__name__)


def folder() -> Path:
    """Return where the entries are: ``photos`` in :func:`locexp.system.folders.cache_folder`."""
    return cache_folder() / "photos"


def key(contents: Sequence[str], size: str | Sequence[int], resize: str, channels: int | str) -> str:
    """Return the name of an entry: a digest of the files' contents, in order, and of what was asked for."""
    asked = [VERSION, PIL.__version__, size if isinstance(size, str) else list(size), resize, channels, list(contents)]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def load(name: str) -> Photos | None:
    """Return what was kept; ``None`` where there is nothing, it is damaged, or it is too large for the free memory."""
    path = folder() / f"{name}.npz"
    try:
        if path.stat().st_size > MEMORY_SHARE * available_memory():
            return None
        with np.load(path, allow_pickle=False) as entry:
            kept = {array: entry[array] for array in ("images", "sizes", "scale", "offset", "orientation")}
            errors, remarks, grey = json.loads(str(entry["words"]))
        if {len(array) for array in (*kept.values(), remarks)} != {len(errors)}:
            raise ValueError("its arrays are not of equal length")
        os.utime(path)  # it was used just now
    except FileNotFoundError:
        return None
    except BROKEN as error:
        logger.info("%s: made anew (%s)", path, error)
        return None
    heads: list[Header | UnusableError] = [
        UnusableError(error) if error else Header((width, height), orientation)
        for error, (width, height), orientation in zip(
            errors, kept["sizes"].tolist(), kept["orientation"].tolist(), strict=True
        )
    ]
    placement = Placement(kept["sizes"], kept["scale"], kept["offset"])
    return Photos(
        heads, kept["images"], placement, [[(problem, action) for problem, action in one] for one in remarks], grey
    )


def keep(name: str, photos: Photos) -> None:
    """Keep photos for the next command, and let go of what is too much; a cache that cannot be written is none."""
    placement = photos.placement
    errors = [str(one) if isinstance(one, UnusableError) else "" for one in photos.headers]
    orientation = [one.orientation if isinstance(one, Header) else 1 for one in photos.headers]
    if photos.images.nbytes > MOST_BYTES or any(isinstance(one, MomentaryError) for one in photos.headers):
        return
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with FileLock(folder() / "lock", timeout=PATIENCE_SECONDS), replacing(folder() / f"{name}.npz") as partial:
            np.savez(
                partial,
                images=photos.images,
                sizes=placement.sizes,
                scale=placement.scale,
                offset=placement.offset,
                orientation=np.array(orientation, np.int64),
                words=np.array(json.dumps([errors, photos.remarks, photos.grey])),
            )
            _prune()
    except (OSError, Timeout) as error:
        logger.info("the photos are not kept for the next command (%s)", error)


def _prune() -> None:
    """Remove the entries that were not used for the longest time, until the rest is small enough."""
    entries = []
    for path in folder().glob("*.npz"):
        with contextlib.suppress(OSError):  # another command has just removed it
            found = path.stat()
            entries.append((found.st_mtime, found.st_size, path))
    total = 0
    for _, size, path in sorted(entries, reverse=True):
        total += size
        if total > MOST_BYTES:
            with contextlib.suppress(OSError):
                path.unlink()
