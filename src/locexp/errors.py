"""The errors a user can cause, and how they are worded."""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable, Sequence


class UserError(Exception):
    """Bad input: one readable message, exit status 2, nothing written."""


class NotComparableError(UserError):
    """The runs of a sweep must not be compared, or there is none."""


class ImagesError(UserError):
    """Some images of a part cannot be used.

    Args:
        text: with ``{which}`` where it names them.
        indices: of these images in the part, from 0.
    """

    def __init__(self, text: str, indices: Sequence[int]) -> None:
        self.text, self.indices = text, indices
        super().__init__(text.format(which=f"the first is number {indices[0]}"))


class RunFailedError(Exception):
    """A run that was valid but went wrong (a divergence, a lost server): exit status 1."""


INTERRUPTED = 128 + signal.SIGINT
"""The exit status after Ctrl-C."""
TERMINATED = 128 + signal.SIGTERM


class Terminated(SystemExit):
    """A signal came that asks the command to end: exit status 128 and its number, 143 for SIGTERM.

    Args:
        number: of the signal.
        reason: as the records of runs have it that were stopped.
    """

    def __init__(self, number: int = signal.SIGTERM, reason: str = "interrupted") -> None:
        super().__init__(128 + number)
        self.reason = reason


def nearest(given: str, allowed: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest allowed name, whatever its case, or an empty string."""
    names = {name.lower(): name for name in allowed}
    close = difflib.get_close_matches(given.lower(), names, n=1, cutoff=0.6)
    return f" Did you mean {names[close[0]]!r}?" if close else ""


def first_line(error: object, most: int | None = None) -> str:
    """Return the first line of an error or of another text, without its full stop; its type where it says nothing.

    Args:
        error: an exception, or a text.
        most: how many characters are kept; ``None`` for all.
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")[:most]


def worded(error: BaseException) -> str:
    """Return an error of other people's code in one line: its type and its message."""
    message = first_line(error)
    return message if message == type(error).__name__ else f"{type(error).__name__}: {message}"


def system_reason(error: OSError) -> str:
    """Return what the system said about a file, and which: ``/a/b: No space left on device``."""
    reason = error.strerror or first_line(error)
    return reason if error.filename is None else f"{error.filename}: {reason}"


def listed(names: Iterable[object]) -> str:
    """Join names for a message: ``a, b, c``."""
    return ", ".join(str(name) for name in names)


def abbreviated(text: str, most: int) -> str:
    """Return at most ``most`` characters of a text, at least two: its start and its end, with … between."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 3
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 seed``, ``2 seeds``, ``10,000 images``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def verb(count: int, one: str, several: str) -> str:
    """Return the form of a verb that goes with a number: ``is`` or ``are``."""
    return one if count == 1 else several


def spans(numbers: Iterable[int]) -> str:
    """Join ascending whole numbers for a message: ``0 to 3, 7``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return listed(" to ".join(map(str, run)) for run in runs)
