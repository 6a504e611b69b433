"""Commands as they are printed: each can be pasted into a shell."""

from __future__ import annotations

import shlex
from pathlib import Path


def command(door: str, *arguments: str) -> str:
    """Return the command line of a door with its arguments: ``python -m locexp.compare 'multirun/my sweep'``."""
    return " ".join([f"python -m locexp.{door}", *map(for_shell, arguments)])


def for_shell(text: str) -> str:
    """Return text as one argument of a shell, on one line."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = "".join(
        char if char.isprintable() and char not in "\\'" else char.encode("unicode_escape").decode().replace("'", "\\'")
        for char in text
    )
    return f"$'{escaped}'"


def typed(folder: Path) -> str:
    """Return a folder as it can be typed as an argument: relative to the current directory where it lies below that."""
    here = Path.cwd()
    if not folder.is_relative_to(here):
        return str(folder)
    short = str(folder.relative_to(here))
    # Neither an option, nor KEY=VALUE, nor an address, nor a home directory, nor quoted.
    return short if short[0].isalnum() and not {"=", ":"} & set(short) else f"./{short}"
