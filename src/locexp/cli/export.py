"""The command ``python -m locexp.export``: which network, in which format, and where to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from locexp.cli.keys import only_one
from locexp.cli.network import CompareKeys, read_network_keys
from locexp.configuration.schema import TrackingConfig
from locexp.errors import UserError
from locexp.exporting.folder import check_folder
from locexp.exporting.formats import find_format
from locexp.records.files import EXPORT
from locexp.system.folders import expanded
from locexp.trained.finding import EXPECTED, FoundModel, found_model
from locexp.trained.network import load_network


@dataclass
class ExportConfig:
    """What ``python -m locexp.export`` takes.

    Attributes:
        format: of the file.
        out: a folder; ``None`` for one in the run's own.
        overwrite: an earlier export in that folder is replaced.
    """

    format: str | None = None
    out: str | None = None
    overwrite: bool = False
    compare: CompareKeys = field(default_factory=CompareKeys)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)


def export_command(arguments: Sequence[str], say: Callable[[str], None]) -> None:
    """Export the network that the arguments name.

    Args:
        arguments: which run, see :func:`locexp.trained.finding.found_model`; overrides.
        say: shows a line.

    Raises:
        UserError: there is no such network or format, or it would overwrite something.
        RunFailedError: the network cannot be exported, or the store cannot be read; nothing is left.
    """
    which, overrides = only_one(arguments, "RUN", f"which network? Give one: {EXPECTED}")
    cfg = read_network_keys(ExportConfig, overrides, which)
    form = find_format(cfg.format)
    with found_model(which, cfg.tracking, cfg.compare.metric) as found:
        folder = _folder(found, cfg.format, cfg.out)
        check_folder(folder, overwrite=cfg.overwrite)
        say(f"model    {found.what}")
        network = load_network(found)
        from locexp.exporting.export import export

        export(network, found.record, form, folder, say)


def _folder(found: FoundModel, form: str, given: str | None) -> Path:
    """Return where to export to: ``out``, or in the run's own folder."""
    if given is not None:
        return expanded(given, "out")
    if found.record.directory is None:
        raise UserError("out: expected a folder to export to, as the run's own is not here: out=FOLDER.")
    return found.record.directory / EXPORT / form
