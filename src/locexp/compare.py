"""``python -m locexp.compare [id|last|list|folder] [key=value …]``: which setting of a sweep to use, with evidence."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from locexp.cli.exit_status import run_door

KEYS = """keys: tracking.uri, tracking.artifact_root, tracking.experiment; compare.metric=accuracy|mean_iou|loc_acc_50|
loc_acc_75|center_error_px (what settings are chosen by and tested on); compare.details=true (show every test in words,
and the whole table); compare.allow_mixed=true (compare runs of different data, budgets or code anyway);
compare.margin=.01 (a setting that loses less of the metric is as good as the best); 'compare.keep={accuracy: .005}'
(the most weight of the box at which accuracy loses less than that against the class alone; likewise mean_iou and
center_error_px, against the box alone);
compare.presume_dead=true (treat what is RUNNING on another machine, which cannot be checked, as ended);
compare.register=NAME (put the model of the chosen setting's best run into MLflow's registry, as the new
models:/NAME@champion). `list` lists the sweeps of the store. The folder of a sweep, such as multirun/DATE/TIME, is
compared from its files alone, wherever it was copied to; a tracking store is neither read nor written then."""


def main() -> None:
    """Compare a sweep. Exit status: 0, 1 the store failed, 2 bad input, 130 Ctrl-C."""
    sys.exit(run_door(_compare))


def _compare(given: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m locexp.compare", description=__doc__, epilog=KEYS)
    parser.add_argument("arguments", nargs="*", metavar="id|last|list|folder|key=value")
    arguments = parser.parse_args(given).arguments
    from locexp.cli.compare import compare_command
    from locexp.system.screen import Screen

    compare_command(arguments, Screen().line)


if __name__ == "__main__":
    main()
