"""The end of a sweep, as the screen shows it: how its jobs ended, how to go on, where its results are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from locexp.configuration.quoting import as_text
from locexp.configuration.schema import TrackingConfig
from locexp.errors import counted, first_line
from locexp.sweep.outcomes import Outcome
from locexp.sweep.parent import Parent
from locexp.sweep.plan import SweepJob
from locexp.system.commands import command
from locexp.system.screen import Screen, duration
from locexp.tracking.location import sweep_links, ui_command

REPORT = Path("comparison", "report.html")
MOST_NAMED = 5
"""How many of the jobs that were not started are named."""
MOST_LINKED = 30
"""How many runs an address for the parallel coordinates names at most."""


End = tuple[SweepJob, Outcome]
"""A job, and how it ended."""


def conclude(screen: Screen, parent: Parent, ends: Sequence[End], *, began: float, all_logged: bool) -> None:
    """Say how a sweep ended: every failure, how to resume, and where its results are.

    Args:
        screen: where.
        parent: the sweep's parent run, closed.
        ends: of all jobs.
        began: when this command did, in seconds since 1970.
        all_logged: all results have reached the store.
    """
    say, record = screen.line, parent.record
    finished = [(job, outcome.record) for job, outcome in ends if outcome.record is not None]
    assert record.end_time is not None
    took = duration(record.end_time - began)
    resumed = " since it was resumed" if record.start_time < began else ""
    have = "has" if len(ends) == 1 else "have"
    say(f"\n{record.status:8} {len(finished)} of {counted(len(ends), 'job')} {have} finished, in {took}{resumed}")
    for job, outcome in ends:
        if outcome.place is not None:
            log = outcome.place / "train.log"
            where = f"  ({log})" if log.is_file() else ""
            how = "failed  " if outcome.reason else "stopped "
            why = f": {first_line(outcome.reason, 200)}" if outcome.reason else ""
            say(f"{how} {job.name}{why}{where}")
    waiting = [job.name for job, outcome in ends if outcome == Outcome()]
    if waiting:
        more = f" and {len(waiting) - MOST_NAMED} more" if len(waiting) > MOST_NAMED else ""
        were = "was" if len(waiting) == 1 else "were"
        say(f"waiting  {len(waiting)} {were} not started: {', '.join(waiting[:MOST_NAMED])}{more}")
    if len(finished) < len(ends) or record.status == "KILLED":
        overrides = [f"sweep.resume={parent.sweep_id}"]
        for key in ("uri", "artifact_root", "experiment"):  # where the store is, if not in the usual place
            if parent.tracking[key] != getattr(TrackingConfig, key):
                overrides.append(as_text(f"tracking.{key}", str(parent.tracking[key])))
        say(f"Resume   {command('train', *overrides)}")
    if not all_logged:
        say(f"The results are not all in {parent.location.uri}. They are in {parent.directory}; log them later with")
        say(f"  {command('log', str(parent.directory))}")
    say(f"Files    {parent.directory}")
    logged = [(job, run.run_id) for job, run in finished if run.run_id]
    if logged:
        _say_links(screen, parent, logged)


def _say_links(screen: Screen, parent: Parent, logged: Sequence[tuple[SweepJob, str]]) -> None:
    """Say where the sweep is in the UI, with the jobs whose runs the store has, and their ids there."""
    record, location = parent.record, parent.location
    assert record.experiment_id is not None
    assert record.run_id is not None
    seed = logged[0][0].seed
    shown = [run_id for _, run_id in logged]
    if len(shown) > MOST_LINKED:
        shown = [run_id for job, run_id in logged if job.seed == seed][:MOST_LINKED]
        screen.note(f"the parallel coordinates show {len(shown)} of the runs (seed {seed}): more do not fit an address")
    base = location.uri if location.is_server else "http://127.0.0.1:5000"
    if not location.is_server:
        screen.line(f"MLflow   {ui_command(location)} --port 5000  then open")
    links = sweep_links(base, record.experiment_id, parent.sweep_id, record.run_id, shown)
    if not (parent.directory / REPORT).is_file():
        del links["report"]
    for name, address in links.items():
        screen.line(f"{name:8} {address}")
    screen.note("charts show 10 runs until more are switched on (the eye); parallel opens with one metric")
