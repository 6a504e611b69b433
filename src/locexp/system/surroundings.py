"""What a process inherits and no command asked for: its interpreter's warnings, its locale, its current folder."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

from locexp.errors import UserError


def only_warn() -> None:
    """Let warnings be warnings, here and in the processes that this one starts: libraries raise many for no fault."""
    if any(entry[0] == "error" for entry in warnings.filters):
        os.environ.pop("PYTHONWARNINGS", None)
        sys.warnoptions.clear()
        warnings.resetwarnings()
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)  # as Python does by itself
        print("note     warnings are not taken as errors here, whatever PYTHONWARNINGS or -W says", file=sys.stderr)


def check_text(arguments: Sequence[str]) -> None:
    """Check that the current folder is there, and that its name and the arguments are text, which files can hold.

    Raises:
        UserError: one is not. The locale's encoding decides, so it may be that alone.
    """
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        raise UserError("the current folder has been removed; change to one that is there.") from None
    for what, text in [*((argument, argument) for argument in arguments), (f"the current folder {folder}", folder)]:
        if not is_text(text):
            shown = what.encode(errors="surrogateescape").decode(errors="backslashreplace")
            raise UserError(
                f"{shown}: is not text in this locale ({sys.getfilesystemencoding()}); rename it, or set "
                "LC_ALL=C.UTF-8 if it is text in UTF-8."
            )


def is_text(name: object) -> bool:
    """Whether a name can be written in UTF-8, and given to the system in the locale's encoding."""
    try:
        str(name).encode()
        os.fsencode(str(name))
    except UnicodeEncodeError:
        return False
    return True
