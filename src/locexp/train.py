"""``python -m locexp.train``: train one network, or a sweep of them. See ``--help``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command and exit with its status."""
    from locexp.cli.train import train_command
    from locexp.system.process import leave

    leave(train_command(sys.argv[1:]))


if __name__ == "__main__":
    main()
