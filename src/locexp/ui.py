"""``python -m locexp.ui``: the MLflow UI on the results of this folder, on this machine only."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from locexp.cli.exit_status import run_door


def main() -> None:
    """Serve until Ctrl-C. Exit status: 0, 1 the server failed, 2 bad input."""
    sys.exit(run_door(_show))


def _show(given: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m locexp.ui", description=__doc__)
    parser.add_argument("--uri", help="a folder, sqlite:/// or http(s):// address (default: ./mlruns)")
    parser.add_argument("--experiment", default="locexp", help="the experiment that the links open (%(default)s)")
    parser.add_argument("--port", type=int, help="port (default: the first free one from 5000)")
    arguments = parser.parse_args(given)
    from locexp.tracking.environment import unread_variables
    from locexp.tracking.location import locate
    from locexp.tracking.server import serve

    location = locate(arguments.uri, None, arguments.experiment)
    for note in unread_variables(location, arguments.uri, key="--uri"):
        print(f"note     {note}", flush=True)
    serve(location, arguments.port, lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
