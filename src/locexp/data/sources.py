"""Public data sets from the Keras cache or the network."""

from __future__ import annotations

import hashlib
import logging
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from locexp.errors import UserError

SOCKET_TIMEOUT = 5.0
"""Seconds without an answer after which a download counts as impossible: an offline machine must not hang."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteFile:
    """A file of a public data set: its place in the Keras cache, its address and its sha256 where published."""

    relative_path: str
    url: str
    sha256: str | None = None


class OfflineError(Exception):
    """The download could not be made."""


def keras_cache() -> Path:
    """Return the folder in which Keras keeps data sets: ``$KERAS_HOME/datasets`` or ``~/.keras/datasets``."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"


def cached(files: tuple[RemoteFile, ...]) -> list[Path] | None:
    """Return the paths of files in the Keras cache, or ``None`` unless all are there."""
    paths = [keras_cache() / file.relative_path for file in files]
    return paths if all(path.is_file() for path in paths) else None


def download(files: tuple[RemoteFile, ...]) -> list[Path]:
    """Download files into the Keras cache, checking their sha256 where it is known.

    Raises:
        OfflineError: the network or the server did not answer.
        UserError: the content is not what was expected.
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
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        logger.info("downloading %s", file.url)
        with urllib.request.urlopen(file.url, timeout=SOCKET_TIMEOUT) as answer, partial.open("wb") as target:
            while block := answer.read(1 << 16):
                digest.update(block)
                target.write(block)
        if file.sha256 is not None and digest.hexdigest() != file.sha256:
            raise UserError(f"{file.url}: sha256 is {digest.hexdigest()}; expected {file.sha256}. Not kept.")
        partial.replace(path)
    except (urllib.error.URLError, TimeoutError, ConnectionError, OSError) as error:
        raise OfflineError(f"{file.url}: {getattr(error, 'reason', error)}") from error
    finally:
        partial.unlink(missing_ok=True)


def locate(files: tuple[RemoteFile, ...], source: str, name: str) -> tuple[str, list[Path]]:
    """Find a data set as ``data.source`` says.

    Returns:
        ``("cache" | "download", paths)``.

    Raises:
        OfflineError: ``source`` is ``auto`` and neither the cache nor the network has it.
        UserError: the one source that was asked for does not have it.
    """
    if source in ("auto", "cache"):
        paths = cached(files)
        if paths is not None:
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
