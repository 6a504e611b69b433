"""``python -m locexp.compare [id|last|list] [key=value …]``: which setting of a sweep to use, with evidence."""

from __future__ import annotations

import argparse
import sys

from locexp.errors import UserError, said

KEYS = """keys: tracking.uri, tracking.artifact_root, tracking.experiment; compare.metric=accuracy|mean_iou|loc_acc_50|
loc_acc_75|center_error_px (what settings are chosen by and tested on); compare.allow_mixed=true (compare runs of
different data, budgets or code all the same). `list` lists the sweeps."""


def main() -> None:
    """Compare a sweep. Exit status: 0, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m locexp.compare", description=__doc__, epilog=KEYS)
    parser.add_argument("words", nargs="*", metavar="id|last|list|key=value")
    arguments = parser.parse_args()
    from locexp.analysis.compare import compare_command

    try:
        compare_command(arguments.words, print)
    except UserError as error:
        sys.exit(said(f"error: {error}", 2))


if __name__ == "__main__":
    main()
