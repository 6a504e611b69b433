"""Public data sets from the Keras cache or the network."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import logging
import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from locexp.errors import UserError
from locexp.system.folders import keras_folder

SOCKET_TIMEOUT = 5.0
"""Seconds without an answer after which a download counts as impossible: an offline machine must not hang."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteFile:
    """A file of a public data set: its place in the Keras cache, its address, its sha256, and its bytes where known."""

    relative_path: str
    url: str
    sha256: str
    size: int | None = None


class OfflineError(Exception):
    """The download could not be made."""


def keras_cache() -> Path:
    """Return the folder in which Keras keeps data sets: ``$KERAS_HOME/datasets`` or ``~/.keras/datasets``."""
    return keras_folder() / "datasets"


def download(files: tuple[RemoteFile, ...]) -> list[Path]:
    """Download files into the Keras cache, checking their sha256, and their length where it is known.

    Raises:
        OfflineError: the network or the server did not answer, or not to the end.
        UserError: the content is not what was expected, or the cache cannot be written.
    """
    paths = []
    for file in files:
        path = keras_cache() / file.relative_path
        if not path.is_file():
            _fetch(file, path)
        paths.append(path)
    return paths


def _fetch(file: RemoteFile, path: Path) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    logger.info("downloading %s", file.url)
    blocks = _blocks(file.url)
    received = next(blocks, b"")  # before anything is made: an offline machine needs no cache
    digest, size = hashlib.sha256(), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as target:
            while received:
                digest.update(received)
                size += len(received)
                target.write(received)
                received = next(blocks, b"")
        if file.size not in (None, size):
            raise UserError(f"{file.url}: is {size} bytes long; expected {file.size}. {_remedy(path)}")
        if digest.hexdigest() != file.sha256:
            raise UserError(f"{file.url}: sha256 is {digest.hexdigest()}; expected {file.sha256}. {_remedy(path)}")
        partial.replace(path)
    except OSError as error:
        raise UserError(
            f"{path.parent}: the Keras cache cannot be written ({error.strerror or error}); set KERAS_HOME to a folder "
            "that can, or use data=mnist_5k."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _remedy(path: Path) -> str:
    return f"Not kept: try again, or from another network; or put the file there by hand: {path}"


def _blocks(url: str) -> Iterator[bytes]:
    """Yield what an address answers; raises :class:`OfflineError` if it does not, or ends before its length."""
    received = 0
    try:
        with urllib.request.urlopen(url, timeout=SOCKET_TIMEOUT) as answer:
            while block := answer.read(1 << 16):
                received += len(block)
                yield block
            length = answer.headers.get("Content-Length")
    except (OSError, http.client.HTTPException) as error:
        raise OfflineError(f"{url}: {getattr(error, 'reason', error)}") from error
    if length is not None and received != int(length):
        raise OfflineError(f"{url}: the download ended after {received} of {length} bytes")


def locate(files: tuple[RemoteFile, ...], source: str, name: str) -> tuple[str, list[Path]]:
    """Find a data set as ``data.source`` says.

    Returns:
        ``("cache" | "download", paths)``.

    Raises:
        OfflineError: ``source`` is ``auto`` and neither the cache nor the network has it.
        UserError: the one source that was asked for does not have it.
    """
    paths = [keras_cache() / file.relative_path for file in files]
    if source != "download" and all(path.is_file() for path in paths):
        return "cache", paths
    if source == "cache":
        raise UserError(
            f"data.source=cache: {name} is not in {keras_cache()}; expected {files[0].relative_path} there."
        )
    try:
        return "download", download(files)
    except OfflineError as error:
        if source == "download":
            raise UserError(f"data.source=download: {error}.") from error
        raise
