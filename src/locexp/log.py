"""``python -m locexp.log DIR``: log a run or a whole sweep from its own folder, where its tracking server was lost."""

from __future__ import annotations

import argparse
import sys

from locexp.errors import RunFailedError, UserError, said


def main() -> None:
    """Log each folder. Exit status: 0, 1 the store failed, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m locexp.log", description=__doc__)
    parser.add_argument("directory", nargs="+", help="the folder of a run or of a sweep: what holds its run.json")
    parser.add_argument("--uri", help="another store than the run's own: a folder, sqlite:/// or http(s):// address")
    arguments = parser.parse_args()
    from locexp.run.relog import relog

    status = 0
    for directory in arguments.directory:
        try:
            print(relog(directory, arguments.uri))
        except UserError as error:
            status = max(status, said(f"error: {error}", 2))
        except RunFailedError as error:
            status = max(status, said(f"failed: {error}", 1))
    sys.exit(status)


if __name__ == "__main__":
    main()
