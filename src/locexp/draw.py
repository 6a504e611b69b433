"""``python -m locexp.draw RUN``: all pictures of a run's results, where it drew few (``trainer.pictures``)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from locexp.cli.exit_status import run_door

EPILOG = """RUN: the folder of a run, or of a sweep, whose chosen setting's run is meant; an MLflow run id; last. keys:
compare.metric (by which a sweep's setting is chosen); tracking.uri, tracking.artifact_root, tracking.experiment. The
run's own data are read again, and shown to its saved network; the pictures go into the run's folder."""


def main() -> None:
    """Draw the pictures of a run. Exit status: 0, 1 they cannot be drawn, 2 bad input, 130 Ctrl-C."""
    sys.exit(run_door(_draw))


def _draw(given: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m locexp.draw", description=__doc__, epilog=EPILOG)
    parser.add_argument("arguments", nargs="*", metavar="RUN|key=value")
    arguments = parser.parse_args(given).arguments
    from locexp.cli.draw import draw_command
    from locexp.system.screen import Screen

    draw_command(arguments, Screen().line)


if __name__ == "__main__":
    main()
