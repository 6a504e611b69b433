"""The errors a user can cause, and how they are worded."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input: one readable message, exit status 2, nothing written."""


class RunFailedError(Exception):
    """A run that was valid but went wrong (a divergence, a lost server): exit status 1."""


class Terminated(SystemExit):
    """SIGTERM was received: exit status 143."""

    def __init__(self) -> None:
        super().__init__(143)


def nearest(given: str, allowed: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest allowed name, or an empty string."""
    close = difflib.get_close_matches(given, list(allowed), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def first_line(problem: object, most: int = 200) -> str:
    """Return the first line of an exception or of another text, cut short; its type's name where it has no text."""
    return (str(problem).strip() or type(problem).__name__).splitlines()[0][:most]


def listed(names: Iterable[object]) -> str:
    """Join names for a message: ``a, b, c``."""
    return ", ".join(str(name) for name in names)
