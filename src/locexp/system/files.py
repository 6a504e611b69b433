"""Files that are there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to, beside the one that is meant, and let it take that one's place when it is whole.

    Raises:
        OSError: it cannot be written; nothing of it is left, and what was there before is still there.
    """
    partial = path.with_name(f"{path.stem}.partial{path.suffix}")  # some writers choose a format by the suffix
    try:
        yield partial
        partial.replace(path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)  # of what is meant; a full disk names none
        raise


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file all at once, a text in UTF-8; see :func:`replacing`."""
    with replacing(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
