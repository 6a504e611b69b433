"""The command ``python -m locexp.clean``: of which sweep, and whether for real."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from locexp.cleaning.plan import KINDS, PREDICTIONS, Keep
from locexp.cli.keys import only_one, read_keys
from locexp.configuration.rules import check_tracking
from locexp.configuration.schema import TrackingConfig
from locexp.errors import RunFailedError, UserError, first_line, listed, nearest
from locexp.records.folder_store import FolderStore
from locexp.system.commands import command
from locexp.tracking.location import check, location_in, location_of
from locexp.trained.finding import is_folder

EXPECTED = "expected the folder of a sweep, the id of one, or last"


@dataclass
class CleanConfig:
    """What ``python -m locexp.clean`` takes.

    Attributes:
        confirm: free it; otherwise it is only listed.
        keep: ``settings``, or ``best``: of needed settings, too, only the models of the best runs stay.
        predictions: the tables of predictions go, too.
    """

    confirm: bool = False
    keep: str = "settings"
    predictions: bool = False
    tracking: TrackingConfig = field(default_factory=TrackingConfig)


def clean_command(arguments: Sequence[str], say: Callable[[str], None]) -> None:
    """List what the losing settings of a sweep hold, and free it if that is confirmed.

    Args:
        arguments: a sweep's folder, its id, or ``last``; overrides.
        say: shows a line.

    Raises:
        UserError: there is no such sweep, it is running, or a key is wrong; nothing is changed.
        RunFailedError: the store cannot be read, or a file could not be removed; the others are.
    """
    which, cfg = parse_arguments(arguments)
    from locexp.cleaning.clean import free, plan, summary

    with _found(which, cfg, say) as sweep:
        say(f"sweep    {sweep.parent.tags['sweep_id']}: {sweep.parent.name}")
        losing, kept = plan(sweep, [kind for kind in KINDS if kind != PREDICTIONS or cfg.predictions], cfg.keep)
        for line in summary(losing, kept):
            say(line)
        if not losing:
            say("There is nothing to free.")
        elif cfg.confirm:
            free(sweep, losing, say)
            say("It is freed. Comparisons give the same numbers as before.")
        else:
            say("Nothing is removed yet; this frees it:")
            say(f"  {command('clean', *arguments, 'confirm=true')}")


def parse_arguments(arguments: Sequence[str]) -> tuple[str, Any]:
    """Return which sweep is meant and the configuration; raises :class:`UserError`."""
    which, overrides = only_one(arguments, "SWEEP", f"which sweep? Give one: {EXPECTED}")

    def check_store(override: str, key: str) -> None:
        if key.startswith("tracking.") and is_folder(which):
            raise UserError(f"{override}: cannot be combined with a folder, which names its store; leave it out.")

    cfg = read_keys(CleanConfig, overrides, check_store)
    check_tracking(cfg)
    if cfg.keep not in get_args(Keep):
        raise UserError(f"keep={cfg.keep}: expected {listed(get_args(Keep))}.{nearest(cfg.keep, get_args(Keep))}")
    return which, cfg


@contextlib.contextmanager
def _found(which: str, cfg: Any, say: Callable[[str], None]) -> Iterator[Any]:
    """Find a sweep with its folder and its store; errors of the store become one line."""
    from locexp.cleaning.clean import find

    if not is_folder(which):
        location = location_of(cfg.tracking)
        check(location)
        from locexp.tracking.store import MlflowStore, store_errors

        with store_errors(location):
            store = MlflowStore(location)
            parent = store.sweep(which)
            yield find(parent, Path(parent.tags["directory"]) if parent.tags.get("directory") else None, store)
        return
    folder = FolderStore(which)
    parent = folder.sweep("last")
    if Path(parent.tags.get("directory", "")).resolve() != folder.folder.resolve():
        say("note     This is a copy of the sweep's folder: MLflow's artifacts are left as they are.")
        yield find(parent, folder.folder, None)
        return
    location = location_in(parent)
    try:
        check(location)
        from locexp.tracking.store import MlflowStore, store_errors

        with store_errors(location):
            opened = MlflowStore(location)
            opened.sweep(parent.tags["sweep_id"])
    except (UserError, RunFailedError) as error:
        say(f"note     MLflow's artifacts are left as they are ({first_line(error, 300)}).")
        yield find(parent, folder.folder, None)
        return
    with store_errors(location):
        yield find(parent, folder.folder, opened)
