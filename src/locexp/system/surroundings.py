"""What a process inherits and no command asked for: settings of libraries, warnings, the locale, the current folder."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Sequence

from locexp.errors import UserError, listed

logger = logging.getLogger(__name__)

FORCED = {
    "KERAS_BACKEND": "tensorflow",
    "KERAS_NNX_ENABLED": "0",
    "TF2_BEHAVIOR": "1",
    "TF_USE_LEGACY_KERAS": "0",
    "TF_XLA_FLAGS": "",
}
"""Variables that would give another network, other numbers, or none: what they are set to instead."""


def force_libraries() -> None:
    """Set what :data:`FORCED` names, and say so once: processes that this one starts inherit what is set.

    It takes effect when Keras is imported, which a user's module may do at any time.
    """
    given = {name: os.environ[name] for name in FORCED if os.environ.get(name)}
    os.environ.update({name: FORCED[name] for name in {*given, "KERAS_BACKEND"}})
    os.environ["MPLBACKEND"] = "agg"  # a notebook's, which a command inherits, is not available in its process
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    overruled = [f"{name}={value}" for name, value in given.items() if value != FORCED[name]]
    if overruled:
        logger.warning("%s: set in the environment, but ignored here", listed(overruled))


def only_warn() -> None:
    """Let warnings be warnings, here and in the processes that this one starts: libraries raise many for no fault."""
    if any(entry[0] == "error" for entry in warnings.filters):
        os.environ.pop("PYTHONWARNINGS", None)
        sys.warnoptions.clear()
        warnings.resetwarnings()
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)  # as Python does by itself
        print("note     warnings are not taken as errors here, whatever PYTHONWARNINGS or -W says", file=sys.stderr)


def check_encoding(arguments: Sequence[str]) -> None:
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
