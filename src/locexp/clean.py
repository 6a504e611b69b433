"""``python -m locexp.clean SWEEP [confirm=true]``: free what a sweep's losing settings hold; its answer stays."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from locexp.cli.exit_status import run_door

EPILOG = """SWEEP: the folder of a sweep, its id, or last. Without confirm=true it only lists what would be freed: of
the losing settings' runs their models, and the pictures that no report shows, in the sweep's folder and among MLflow's
artifacts. These keep everything: the setting chosen by whatever metric, the default one, those on the front, the tasks
trained alone, the best fixed weights, and runs whose models are in MLflow's registry. Comparisons give the same numbers
afterwards. keys: confirm=true; keep=best (of the settings that keep everything, too, only the models of the runs that
are the best by some metric); predictions=true (the losing settings' tables/predictions.csv go, too); tracking.uri,
tracking.artifact_root, tracking.experiment."""


def main() -> None:
    """Clean a sweep. Exit status: 0, 1 the store failed or a file stays, 2 bad input, 130 Ctrl-C."""
    sys.exit(run_door(_clean))


def _clean(given: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m locexp.clean", description=__doc__, epilog=EPILOG)
    parser.add_argument("arguments", nargs="*", metavar="SWEEP|key=value")
    arguments = parser.parse_args(given).arguments
    from locexp.cli.clean import clean_command
    from locexp.system.screen import Screen

    clean_command(arguments, Screen().line)


if __name__ == "__main__":
    main()
