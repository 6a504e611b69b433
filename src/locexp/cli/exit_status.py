"""How a command ends: one line for an error, and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable

from locexp.errors import RunFailedError, UserError
from locexp.tracking.address import without_passwords


def exit_status(command: Callable[[], None]) -> int:
    """Run a command and return its exit status: what a user or the environment got wrong becomes one line.

    0 done; 1 a run, the store or the server failed; 2 bad input, nothing written; 130 Ctrl-C. SIGTERM passes through.
    """
    try:
        command()
    except UserError as error:
        return _print(f"error: {error}", 2)
    except RunFailedError as error:
        return _print(f"failed: {error}", 1)
    except KeyboardInterrupt:
        return _print("interrupted", 130)
    return 0


def _print(text: str, status: int) -> int:
    print(without_passwords(text), file=sys.stderr)
    return status
