"""How a command begins, whatever its surroundings, and ends: one line for an error, and an exit status."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence

from locexp.errors import INTERRUPTED, RunFailedError, UserError, first_line, system_reason
from locexp.system.folders import check_home
from locexp.system.process import end_on_signals
from locexp.system.streams import lost_output, steady_streams
from locexp.system.surroundings import check_encoding, force_libraries, only_warn
from locexp.tracking.address import without_passwords


def run_door(command: Callable[[Sequence[str]], int | None], *, takes_any_name: bool = False) -> int:
    """Run a command with the arguments of this process, and return its exit status, see :func:`exit_status`.

    Args:
        command: imports what it needs when it is called: Ctrl-C and SIGTERM may come while it does.
        takes_any_name: arguments may be names of files that are no text; the command checks the others.
    """

    def run() -> int | None:
        steady_streams()
        logging.raiseExceptions = False  # a log on a full disk would print a traceback for each of its records
        end_on_signals()
        only_warn()
        force_libraries()
        check_encoding([] if takes_any_name else sys.argv[1:])
        check_home()
        return command(sys.argv[1:])

    try:
        status = exit_status(run)
    except SystemExit as ended:  # --help was shown, or a signal came
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    lost = lost_output()
    return status if lost is None else _print(f"failed: standard output: {lost}", status or 1)


def exit_status(command: Callable[[], int | None]) -> int:
    """Run a command and return its exit status: what a user or the environment got wrong becomes one line.

    0 done; 1 a run, the store or the server failed; 2 bad input, nothing written; 130 Ctrl-C. SIGTERM passes through.
    """
    try:
        return command() or 0
    except UserError as error:
        return _print(f"error: {error}", 2)
    except RunFailedError as error:
        return _print(f"failed: {error}", 1)
    except OSError as error:  # what the system says about a file or a disk: a run's log has the traceback
        return _print(f"failed: {system_reason(error)}", 1)
    except MemoryError as error:
        return _print(f"failed: not enough memory ({first_line(error)})", 1)
    except KeyboardInterrupt:
        return _print("interrupted", INTERRUPTED)


def _print(text: str, status: int) -> int:
    print(without_passwords(text), file=sys.stderr)
    return status
