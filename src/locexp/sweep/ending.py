"""The end of a sweep: its comparison, and what is said of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locexp.configuration.overrides import quoted
from locexp.configuration.schema import TrackingConfig
from locexp.errors import first_line
from locexp.records.record import RunRecord
from locexp.system.screen import Screen, duration
from locexp.tracking.location import Location, sweep_links, ui_command

REPORT = Path("comparison", "report.html")
PLAIN = re.compile(r"[\w/.+%@?|:-]+")
"""Values that Hydra takes as they are; others are quoted."""
MOST_NAMED = 5
"""How many of the jobs that were not started are named."""
MOST_LINKED = 30
"""How many runs an address for the parallel coordinates names at most."""


@dataclass(frozen=True)
class End:
    """How a job ended.

    Attributes:
        name, seed: of the job.
        run_id: of its finished run, empty where the store has none, or ``None``.
        directory: of the attempt in this command that did not finish, or ``None``.
        reason: why that failed; ``None`` where it was stopped with the sweep.
    """

    name: str
    seed: int
    run_id: str | None
    directory: Path | None
    reason: str | None


def conclude(
    screen: Screen,
    location: Location,
    record: RunRecord,
    directory: Path,
    tracking: Any,
    ends: Sequence[End],
    *,
    began: float,
    unlogged: bool,
) -> None:
    """Say how a sweep ended: every failure, how to resume, and where its results are.

    Args:
        screen: where.
        location: of the store.
        record: of the parent run, closed.
        directory: of the sweep.
        tracking: its configuration, which a resume must be told again.
        ends: of all jobs.
        began: when this command did, in seconds since 1970.
        unlogged: some results did not reach the store.
    """
    say = screen.line
    finished = [end for end in ends if end.run_id is not None]
    sweep_id = record.tags["sweep_id"]
    assert record.end_time is not None
    took = duration(record.end_time - began)
    resumed = " since it was resumed" if record.start_time < began else ""
    say(f"\n{record.status:8} {len(finished)} of {len(ends)} jobs have finished, in {took}{resumed}")
    for end in ends:
        if end.directory is not None:
            log = end.directory / "train.log"
            where = f"  ({log})" if log.is_file() else ""
            said = f"failed   {end.name}: {first_line(end.reason, 200)}" if end.reason else f"stopped  {end.name}"
            say(said + where)
    waiting = [end.name for end in ends if end.run_id is None and end.directory is None]
    if waiting:
        more = f" and {len(waiting) - MOST_NAMED} more" if len(waiting) > MOST_NAMED else ""
        say(f"waiting  {len(waiting)} were not started: {', '.join(waiting[:MOST_NAMED])}{more}")
    if len(finished) < len(ends) or record.status == "KILLED":
        places = "".join(
            f" {shlex.quote(f'tracking.{key}={value if PLAIN.fullmatch(value) else quoted(value)}')}"
            for key, value in _places(tracking).items()
        )
        say(f"Resume   python -m locexp.train sweep.resume={sweep_id}{places}")
    if not record.logged or unlogged:
        say(f"The results are not all in {location.uri}. They are in {directory}; log them later with")
        say(f"  python -m locexp.log {directory}")
    say(f"Files    {directory}")
    logged = [end for end in finished if end.run_id]
    if logged:
        _say_links(screen, location, record, logged, has_report=(directory / REPORT).is_file())


def _places(tracking: Any) -> dict[str, str]:
    """Return the keys of ``tracking`` that say where the store is, where they are not the usual ones."""
    usual = TrackingConfig()
    keys = ("uri", "artifact_root", "experiment")
    return {key: str(tracking[key]) for key in keys if tracking[key] != getattr(usual, key)}


def _say_links(
    screen: Screen, location: Location, record: RunRecord, finished: Sequence[End], *, has_report: bool
) -> None:
    assert record.experiment_id is not None
    assert record.run_id is not None
    shown = list(finished)
    if len(shown) > MOST_LINKED:
        shown = [end for end in shown if end.seed == shown[0].seed][:MOST_LINKED]
        screen.line(
            f"note     the parallel coordinates show {len(shown)} of the runs (seed {shown[0].seed}): more do not fit "
            "an address"
        )
    base = location.uri if location.is_server else "http://127.0.0.1:5000"
    if not location.is_server:
        screen.line(f"MLflow   {ui_command(location)} --port 5000  then open")
    run_ids = [str(end.run_id) for end in shown]
    links = sweep_links(base, record.experiment_id, record.tags["sweep_id"], record.run_id, run_ids)
    if not has_report:
        del links["report"]
    for name, address in links.items():
        screen.line(f"{name:8} {address}")
    screen.line("note     charts show 10 runs until more are switched on (the eye); parallel opens with one metric")
