"""A sweep before it runs: its jobs, which have finished already, and how long the rest may take."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from locexp.errors import UserError, counted
from locexp.records.record import RunRecord
from locexp.sweep.plan import Plan, SweepJob
from locexp.sweep.stored import StoredSweep, finished_runs
from locexp.system.screen import Screen, duration
from locexp.tracking.location import location_of

SAME = ("data._target_", "data.limit", "trainer.epochs", "trainer.batch_size", "trainer.precision", "model._target_")
"""The parameters that runs must share for one to tell how long the other takes."""


def list_jobs(plan: Plan, jobs: Sequence[SweepJob], stored: StoredSweep | None, screen: Screen) -> None:
    """Show what a command would run; nothing is written.

    A job counts as done where it has finished in the sweep that is resumed; for a new sweep, a finished run of the
    same setting and seed elsewhere in the store is pointed out, but would be run again.
    """
    if stored is not None:
        screen.line(f"sweep    {stored.sweep_id}")
    from locexp.tracking.store import MlflowStore

    try:
        runs = MlflowStore(location_of(plan.base.tracking)).finished()
    except UserError:  # there is no store yet
        runs = []
    elsewhere = finished_runs(runs)
    done = stored.finished if stored else {}
    for job in jobs:
        state = "done" if job.key in done else ""
        if not state and job.key in elsewhere:
            state = f"(finished before, in {elsewhere[job.key].tags.get('sweep_id', 'a run by itself')})"
        screen.line(f"{job.index:5}  {job.config_hash}  {job.name:44} {state}".rstrip())
    missing = [job for job in jobs if job.key not in done]
    screen.line(f"\n{counted(len(jobs), 'job')}, {len(jobs) - len(missing)} done, {len(missing)} to run")
    for note in plan.unlike():
        screen.note(note)
    if plan.more:
        screen.line("More jobs follow in a later stage, from the results of these.")
    if missing:
        screen.line(_estimate(missing, runs))


def _estimate(jobs: Sequence[SweepJob], runs: Sequence[RunRecord]) -> str:
    from locexp.records.provenance import flattened

    wanted = flattened(jobs[0].cfg)
    alike = [
        run.metrics["time/total_seconds"] / run.metrics.get("time/stack_members", 1)
        for run in runs
        if all(run.parameters.get(key) == wanted.get(key) for key in SAME) and "time/total_seconds" in run.metrics
    ]
    if not alike:
        return "How long it takes cannot be told: no finished run in this store has the same data, network and epochs."
    seconds = statistics.median(alike)
    return (
        f"About {duration(seconds * len(jobs))}, at {seconds:.1f} s a job (median of {len(alike)} finished runs with "
        "the same data, network and epochs; of those that trained side by side, their share)."
    )
