"""The command ``python -m locexp.draw``: of which run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from locexp.cli.keys import only_one
from locexp.cli.network import CompareKeys, read_network_keys
from locexp.configuration.schema import TrackingConfig
from locexp.system.folders import check_writable
from locexp.trained.finding import EXPECTED, found_model


@dataclass
class DrawConfig:
    """What ``python -m locexp.draw`` takes."""

    compare: CompareKeys = field(default_factory=CompareKeys)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)


def draw_command(arguments: Sequence[str], say: Callable[[str], None]) -> None:
    """Draw all pictures of the run that the arguments name, into its folder.

    Args:
        arguments: which run, see :func:`locexp.trained.finding.found_model`; overrides.
        say: shows a line.

    Raises:
        UserError: there is no such run, its network is gone, or its data have changed.
        RunFailedError: the pictures cannot be drawn, or the store cannot be read.
    """
    which, overrides = only_one(arguments, "RUN", f"which run? Give one: {EXPECTED}")
    cfg = read_network_keys(DrawConfig, overrides, which)
    with found_model(which, cfg.tracking, cfg.compare.metric) as found:
        say(f"model    {found.what}")
        if found.record.directory is not None:
            check_writable(found.record.directory, which)
        from locexp.prediction.drawing import draw_again

        directory, notes = draw_again(found)
    for note in notes:
        say(f"note     {note}")
    say(f"Pictures {directory}")
