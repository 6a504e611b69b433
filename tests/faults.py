"""A disk that fails: writes below a folder are counted, and one of them, or all from it on, end in an error."""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class Disk:
    """Counts what is written below a folder, and fails where it is told to.

    A write is a file or folder that is made, a file that is replaced or synchronised, and every block that reaches a
    file: a small file is two of them, opened and filled.

    Args:
        place: the folder.
        patch: puts back what is patched.
    """

    def __init__(self, place: Path, patch: pytest.MonkeyPatch) -> None:
        self._place = os.path.realpath(place)
        self.count = 0
        self.where: list[str] = []
        self._fail_at, self._code, self._stays = 0, 0, False
        self._open = io.open
        patch.setattr(io, "open", self._opened)
        patch.setattr(builtins, "open", self._opened)
        for name in ("replace", "rename", "mkdir", "fsync"):
            patch.setattr(os, name, self._counted(name, getattr(os, name)))

    def fail(self, at: int, code: int, *, stays: bool) -> None:
        """Let the write of this number, from 1, fail; and all that follow, if it ``stays`` so."""
        self.count, self.where = 0, []
        self._fail_at, self._code, self._stays = at, code, stays

    def heal(self) -> None:
        """Let nothing fail any more."""
        self._fail_at = 0

    @property
    def has_failed(self) -> bool:
        """Whether a write has failed."""
        return 0 < self._fail_at <= self.count

    def write(self, what: str, path: object) -> None:
        """Count a write; raises :class:`OSError` where it is to fail."""
        self.count += 1
        self.where.append(f"{what} {os.path.relpath(str(path), self._place)}")
        if self._fail_at and (self.count == self._fail_at or (self._stays and self.count > self._fail_at)):
            raise OSError(self._code, os.strerror(self._code), str(path))

    def _is_below(self, path: object) -> bool:
        if not isinstance(path, str | os.PathLike):
            return False
        return os.path.realpath(os.fspath(path)).startswith(self._place + os.sep)

    def _counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self._is_below(args[-1] if name in ("replace", "rename") else args[0]):
                self.write(name, args[-1] if name in ("replace", "rename") else args[0])
            return function(*args, **kwargs)

        return call

    def _opened(self, file: Any, mode: str = "r", buffering: int = -1, *args: Any, **kwargs: Any) -> Any:
        if not (set(mode) & set("wax+") and self._is_below(file)):
            return self._open(file, mode, buffering, *args, **kwargs)
        self.write("open", file)
        if "opener" in kwargs:  # a file without a name
            return self._open(file, mode, buffering, *args, **kwargs)
        raw = _Raw(file, mode.replace("b", "").replace("t", ""), disk=self)
        binary: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return binary
        return io.TextIOWrapper(binary, *args, **kwargs)


class _Raw(io.FileIO):
    def __init__(self, file: Any, mode: str, disk: Disk) -> None:
        self._disk, self._path = disk, file
        super().__init__(file, mode)

    def write(self, data: Any) -> int:
        self._disk.write("write", self._path)
        return super().write(data)


ERRORS = {"full": errno.ENOSPC, "broken": errno.EIO, "read-only": errno.EROFS}
"""What a disk says, by what is wrong with it."""
