"""``python -m locexp.train``: train one network, or a sweep of them. See ``--help``."""

from __future__ import annotations

from collections.abc import Sequence

from locexp.cli.exit_status import run_door
from locexp.system.process import leave


def main() -> None:
    """Run the command and exit with its status."""
    leave(run_door(_train))


def _train(arguments: Sequence[str]) -> int:
    from locexp.cli.train import train_command

    return train_command(arguments)


if __name__ == "__main__":
    main()
