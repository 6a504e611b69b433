"""The problems of a data set, as they are found: each is kept, and too many of them end the command."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from locexp.data.photos.listing import LEFT_OUT, Problem
from locexp.errors import UserError

MOST_LEFT_OUT = 1 / 3
"""If more of the files than this are left out, the data are not what they are taken for."""
MOST_NAMED = 3


def shown(path: Path, folder: Path) -> str:
    """Return the name of a file, relative to the data's folder if it is in there."""
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


class Problems:
    """Collects what a user should know about single files.

    Args:
        folder: of the data.
        on_bad: ``drop`` keeps problems, ``stop`` ends with the first one.
    """

    def __init__(self, folder: Path, on_bad: str) -> None:
        self._folder, self._on_bad = folder, on_bad
        self.found: list[Problem] = []

    def add(self, file: str, problem: str, action: str) -> None:
        """Keep a problem; raises :class:`UserError` where that is to stop the command."""
        self.extend([Problem(file, problem, action)])

    def extend(self, problems: Iterable[Problem]) -> None:
        """Keep problems; raises :class:`UserError` where one is to stop the command."""
        for problem in problems:
            if self._on_bad == "stop":
                raise UserError(
                    f"data.on_bad=stop: {self._folder}: {_worded(problem)}. Correct it, or give data.on_bad=drop; then "
                    f"it is {problem.action}."
                )
            self.found.append(problem)

    def check(self, used: Iterable[str]) -> None:
        """Raise :class:`UserError` if too many files are left out, of these and of those that have been already."""
        bad: dict[str, Problem] = {}
        for problem in self.found:
            if problem.action == LEFT_OUT:
                bad.setdefault(problem.file, problem)
        files = len({*used, *bad})
        if len(bad) > MOST_LEFT_OUT * files:
            first = "; ".join(_worded(problem) for problem in list(bad.values())[:MOST_NAMED])
            raise UserError(
                f"data.path={self._folder}: {len(bad):,} of {files:,} files cannot be used; expected a third of "
                f"them at most. The first: {first}. Check that data and data.origin are what the files are."
            )


def _worded(problem: Problem) -> str:
    return f"{problem.file}: {problem.problem}".rstrip(".")
