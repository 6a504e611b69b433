"""The command ``python -m locexp.compare``: which sweep is meant."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from locexp.analysis.compare import CompareOptions, compare_sweep, listed_jobs
from locexp.cli.keys import is_override, read_keys
from locexp.cli.margins import check_keep, check_margin
from locexp.configuration.rules import check_tracking
from locexp.configuration.schema import TrackingConfig
from locexp.errors import RunFailedError, UserError, listed, nearest
from locexp.evaluation.metrics import METRICS
from locexp.records.folder_store import FolderStore, names_folder
from locexp.records.record import NOT_PURSUED
from locexp.system.process import is_alive
from locexp.tracking.environment import unread_variables
from locexp.tracking.limits import check_registered_name
from locexp.tracking.location import check, location_of

if TYPE_CHECKING:
    from locexp.tracking.store import MlflowStore

KEEP, REGISTER = "compare.keep", "compare.register"


@dataclass
class CompareConfig:
    """What ``python -m locexp.compare`` takes."""

    compare: CompareOptions = field(default_factory=CompareOptions)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)


def compare_command(arguments: Sequence[str], say: Callable[[str], None]) -> None:
    """Compare the sweep that the arguments name; the last one of the store by default.

    Args:
        arguments: at most one of a sweep id, ``last``, ``list`` and the folder of a sweep; overrides.
        say: shows a line.

    Raises:
        UserError: there is no such sweep, it is empty or running, or its runs must not be compared.
        RunFailedError: the store or the folder cannot be read or written.
    """
    which, cfg = parse_arguments(arguments)
    if names_folder(which):
        try:
            lines = compare_sweep(FolderStore(which), "last", cfg.compare)
        except OSError as error:
            raise RunFailedError(f"{which}: cannot be read or written ({error.strerror or error}).") from error
    else:
        location = location_of(cfg.tracking)
        check(location)
        from locexp.tracking.store import MlflowStore, store_errors

        for note in unread_variables(location, cfg.tracking.uri):
            say(f"note     {note}")
        with store_errors(location):
            store = MlflowStore(location)
            if which == "list":
                lines = listing(store)
            elif cfg.compare.register is not None:
                from locexp.analysis.champion import compare_and_register

                lines = compare_and_register(store, which, cfg.compare)
            else:
                lines = compare_sweep(store, which, cfg.compare)
    for line in lines:
        say(line)


def parse_arguments(arguments: Sequence[str]) -> tuple[str, Any]:
    """Return which sweep is meant and the configuration; raises :class:`UserError`."""
    plain = [argument for argument in arguments if not is_override(argument)]
    if len(plain) > 1:
        raise UserError(f"{' '.join(plain)}: expected one sweep id, or last, or one folder, and key=value overrides.")
    which = plain[0] if plain else "last"

    def check(override: str, key: str) -> None:
        if key == KEEP and not override.partition("=")[2].lstrip().startswith("{"):
            raise UserError(f"{override}: expected what may be lost, by metric, in quotes: '{KEEP}={{accuracy: .005}}'")
        if key.startswith("tracking.") and names_folder(which):
            raise UserError(
                f"{override}: cannot be combined with a folder, whose files alone are compared; leave it out, or "
                "give the sweep by its id."
            )
        if key == REGISTER and (which == "list" or names_folder(which)):
            what = "a list" if which == "list" else "a folder, for it takes the model from MLflow"
            raise UserError(f"{override}: cannot be combined with {what}; give the sweep by its id, or last.")

    cfg = read_keys(CompareConfig, [argument for argument in arguments if argument not in plain], check)
    check_tracking(cfg)
    check_metric(cfg.compare.metric)
    check_margin(cfg.compare.metric, cfg.compare.margin)
    check_keep(cfg.compare.keep)
    if cfg.compare.register is not None:
        check_registered_name(cfg.compare.register, REGISTER)
    return which, cfg


def check_metric(metric: str) -> None:
    """Check ``compare.metric``; raises :class:`UserError`."""
    if metric not in METRICS:
        why = " The total loss depends on the weights, so it ranks nothing." if metric == "loss" else ""
        raise UserError(f"compare.metric={metric}: expected one of {listed(METRICS)}.{why or nearest(metric, METRICS)}")


def listing(store: MlflowStore) -> list[str]:
    """Return a line for each sweep of the experiment, the latest first."""
    from locexp.analysis.tables import as_text

    rows = [["sweep", "status", "finished", "failed", "began", "name"]]
    for run in store.sweeps():
        counts = [run.metrics.get(f"sweep/{name}", float("nan")) for name in ("finished", "jobs", "failed")]
        shown = ["?" if math.isnan(count) else f"{count:.0f}" for count in counts]
        status = run.status
        if status == "RUNNING" and is_alive(run.tags) is False:
            status = "DEAD"  # its process was killed before it could close the run
            children = store.children(run.tags["sweep_id"])
            finished = sum(child.status == "FINISHED" for child in children)
            lost = sum(child.paused_after is not None and NOT_PURSUED in child.tags for child in children)
            jobs = listed_jobs(store, run)
            shown = [str(finished), "?" if jobs is None else str(len(jobs) - lost), "?"]
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.start_time))
        rows.append([run.tags["sweep_id"], status, f"{shown[0]}/{shown[1]}", shown[2], began, run.name])
    return as_text(rows) if len(rows) > 1 else ["There is no sweep in this experiment yet."]
