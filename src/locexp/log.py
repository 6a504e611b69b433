"""``python -m locexp.log DIR``: log a run or a whole sweep from its own folder, where its tracking server was lost."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from locexp.cli.exit_status import exit_status, run_door
from locexp.errors import INTERRUPTED


def main() -> None:
    """Log each folder. Exit status: 0, 1 the store failed, 2 bad input, 130 Ctrl-C."""
    sys.exit(run_door(_log))


def _log(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m locexp.log", description=__doc__)
    parser.add_argument("directory", nargs="+", help="the folder of a run or of a sweep: what holds its run.json")
    parser.add_argument("--uri", help="another store than the run's own: a folder, sqlite:/// or http(s):// address")
    arguments = parser.parse_args(given)
    from locexp.tracking.relog import relog

    worst = 0
    for directory in arguments.directory:
        worst = max(worst, exit_status(partial(relog, directory, arguments.uri, print)))
        if worst == INTERRUPTED:
            break
    return worst


if __name__ == "__main__":
    main()
