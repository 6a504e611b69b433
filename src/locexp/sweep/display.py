"""What the screen shows of a sweep before it runs, and when it has ended; :mod:`.progress` is between them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from locexp.errors import UserError, counted, first_line, verb
from locexp.records.provenance import flattened
from locexp.records.record import RunRecord
from locexp.sweep.ends import Tally
from locexp.sweep.folder import JobEnd, attempts_at, log_of
from locexp.sweep.jobs import StagedJobs, SweepJob
from locexp.sweep.launchers import capacity_of
from locexp.sweep.parent import Parent
from locexp.sweep.stored import StoredSweep, finished_runs
from locexp.sweep.swept import incomparable_keys
from locexp.sweep.tasks import split
from locexp.system.commands import command
from locexp.system.screen import Screen, duration
from locexp.tracking.links import REPORT, base_of, sweep_links
from locexp.tracking.location import location_of, store_overrides, ui_command

SAME = ("data._target_", "data.limit", "trainer.epochs", "trainer.batch_size", "trainer.precision", "model._target_")
"""The parameters that runs must share for one to predict how long the other takes."""
MOST_LOOKED_AT = 1000
"""How many finished runs of a store are looked at, the latest: a thousand take a second and 100 MB."""
MOST_NAMED = 5
"""How many of the jobs that were not started are named."""
MOST_UNFINISHED = 8
"""How many of the jobs that failed or were stopped are named; a line said so of each when it ended."""


def list_jobs(staged: StagedJobs, stored: StoredSweep | None, screen: Screen) -> None:
    """Show what a command would run; nothing is written.

    A job counts as done where it has finished in the sweep that is resumed; for a new sweep, a finished run of the
    same setting and seed elsewhere in the store is pointed out, but would be run again.
    """
    if stored is not None:
        screen.line(f"sweep    {stored.sweep_id}")
    from locexp.tracking.store import MlflowStore

    try:
        runs = MlflowStore(location_of(staged.base.tracking)).finished(MOST_LOOKED_AT)
    except UserError:  # there is no store yet
        runs = []
    elsewhere = finished_runs(runs)
    jobs, course, done = staged.jobs, staged.course, stored.finished if stored else {}
    paused = stored.paused if stored else {}
    held = stored.queue.held() if stored else {}
    missing = []
    for job in jobs:
        until, state = course.until(job.index), "done" if job.key in done else ""
        pause = paused[job.key].paused_after if job.key in paused and not state else None
        if job.index in course.not_pursued:
            state = state or "not pursued"
        elif pause is not None and until is not None and pause >= until:
            state = f"paused after {counted(pause, 'epoch')}"
        elif stored and not state and job.index in held:
            state = stored.queue.described(held[job.index])
        elif not state:
            missing.append(job)
        if pause is not None and not state:
            state = f"paused after {counted(pause, 'epoch')}, goes on"
        elif not state and job.key in elsewhere:
            state = f"(finished before, in {elsewhere[job.key].tags.get('sweep_id', 'a run by itself')})"
        screen.line(f"{job.index:5}  {job.config_hash}  {job.name:44} {state}".rstrip())
    if len(runs) == MOST_LOOKED_AT:
        screen.note(f"of the finished runs in this store, the latest {MOST_LOOKED_AT:,} were looked at")
    done_too = len(jobs) - len(missing) - len(held)
    queued = f"{len(held)} in a queue, " if held else ""
    screen.line(f"\n{extent(staged, brief=True)}, {done_too} done, {queued}{len(missing)} to run")
    for note in incomparable_keys(jobs):
        screen.note(note)
    if staged.more:
        screen.line("More jobs follow in a later stage, from the results of these.")
    if missing:
        screen.line(_handed_over(staged, missing, stored.directory if stored else staged.directory))
        epochs = {job.index: int(job.composition.cfg.trainer.epochs) for job in missing}
        share = sum((course.until(index) or total) / total for index, total in epochs.items()) / len(missing)
        screen.line(_estimate(missing, runs, share))


def _handed_over(staged: StagedJobs, missing: Sequence[SweepJob], directory: Path) -> str:
    """Return the line about how jobs would go to the launcher."""
    capacity, until = capacity_of(staged.launcher, staged.base.sweep.max_members), staged.course.until
    placed = [(job, [directory / str(job.index), *attempts_at(directory, job.index)][-1]) for job in missing]
    tasks = split(placed, until, members=capacity.members, workers=capacity.workers)
    largest = max(map(len, tasks))
    how = capacity.note or "in this process, one after the other"
    return f"{counted(len(tasks), 'stack')} of at most {counted(largest, 'job')}: {how}"


def extent(staged: StagedJobs, *, brief: bool = False) -> str:
    """Return how many jobs a sweep has by now, and how far they go before more is known.

    Args:
        staged: the jobs.
        brief: leave out what follows.
    """
    ends = {
        (staged.course.until(job.index), int(job.composition.cfg.trainer.epochs))
        for job in staged.jobs
        if job.index not in staged.course.not_pursued
    }
    pauses = sorted(f"{until} of {epochs}" for until, epochs in ends if until is not None)
    first = f", {'some ' if len(ends) > len(pauses) else ''}paused after {' or '.join(pauses)} epochs" if pauses else ""
    later = ", more stages follow from their results" if staged.more and not brief else ""
    return f"{counted(len(staged.jobs), 'job')}{first}{later}"


def stage_line(staged: StagedJobs, going: Sequence[SweepJob]) -> str:
    """Return the line about a stage that begins: which jobs it adds, which go on, and which are not pursued."""
    course, number = staged.course, len(staged.course.stages)
    new = [job for job in going if job.stage == number - 1]
    continued = [job for job in going if job not in new]
    parts = [counted(len(new), "more job")] if new else []
    if continued:
        ends = {course.until(job.index) or int(job.composition.cfg.trainer.epochs) for job in continued}
        to = f" to epoch {' or '.join(map(str, sorted(ends)))}"
        parts.append(f"{counted(len(continued), 'job')} {verb(len(continued), 'goes', 'go')} on{to}")
    lost = len(course.stages[-1]["not_pursued"])
    parts += [f"{lost} {verb(lost, 'is', 'are')} not pursued"] if lost else []
    return f"stage    {number}: {', '.join(parts)}"


def seconds_alone(run: RunRecord) -> float:
    """Return how long a finished run took; of one that trained side by side with others, its share."""
    return run.metrics["time/total_seconds"] / run.metrics.get("time/stack_members", 1)


def _estimate(jobs: Sequence[SweepJob], runs: Sequence[RunRecord], share: float) -> str:
    """Return how long jobs will take that train this share of their epochs."""
    wanted = flattened(jobs[0].composition.cfg)
    alike = [
        seconds_alone(run)
        for run in runs
        if all(run.parameters.get(key) == wanted.get(key) for key in SAME) and "time/total_seconds" in run.metrics
    ]
    if not alike:
        return "The time cannot be estimated: no finished run in this store has the same data, network and epochs."
    seconds, known = statistics.median(alike) * share, counted(len(alike), "finished run")
    pauses = "" if share == 1 else ", and by their epochs up to a pause"
    return (
        f"About {duration(seconds * len(jobs))}, at {seconds:.1f} s per job (median of {known} with the same data, "
        f"network and epochs; of those that trained side by side, their share{pauses})."
    )


def show_end(
    screen: Screen,
    parent: Parent,
    ends: Sequence[tuple[SweepJob, JobEnd]],
    tally: Tally,
    *,
    began: float,
    all_logged: bool,
) -> None:
    """Say how a sweep ended: its failures, how to resume, and where its results are.

    Args:
        screen: where.
        parent: the sweep's parent run, closed.
        ends: all jobs, and how each ended.
        tally: of these.
        began: when this command did, in seconds since 1970.
        all_logged: all results have reached the store.
    """
    say, record = screen.line, parent.record
    assert record.end_time is not None
    took = duration(record.end_time - began)
    resumed = " since it was resumed" if record.start_time < began else ""
    have = "has" if 1 in (tally.finished, tally.jobs) else "have"
    dropped = tally.not_pursued
    lost = f", {dropped} more {verb(dropped, 'was', 'were')} not pursued to the end" if dropped else ""
    say(f"{record.status:8} {tally.finished} of {counted(tally.jobs, 'job')} {have} finished{lost}, in {took}{resumed}")
    unfinished = [(job, end, end.folder) for job, end in ends if end.folder is not None]
    for job, end, folder in unfinished[:MOST_UNFINISHED]:
        log = log_of(folder)
        where = f"  ({log})" if log is not None else ""
        how = "failed  " if end.reason else "stopped "
        why = f": {first_line(end.reason, 200)}" if end.reason else ""
        say(f"{how} {screen.shortened(job.name)}{why}{where}")
    if len(unfinished) > MOST_UNFINISHED:
        say(f"         and {len(unfinished) - MOST_UNFINISHED} more, with their logs in {parent.directory}")
    queued = [(job, end) for job, end in ends if end.queued]
    for job, end in queued[:MOST_UNFINISHED]:
        say(f"goes on  {screen.shortened(job.name)}: {end.queued}")
    if queued:
        more = f"and {len(queued) - MOST_UNFINISHED} more; " if len(queued) > MOST_UNFINISHED else ""
        say(f"         {more}a resume takes them up; `scancel` ends them")
    waiting = [screen.shortened(job.name) for job, end in ends if not (end.was_started or end.queued)]
    if waiting:
        more = f" and {len(waiting) - MOST_NAMED} more" if len(waiting) > MOST_NAMED else ""
        were = verb(len(waiting), "was", "were")
        say(f"waiting  {len(waiting)} {were} not started: {', '.join(waiting[:MOST_NAMED])}{more}")
    if tally.paused:
        say(f"paused   {tally.paused} {verb(tally.paused, 'has', 'have')} not been trained to the end")
    if tally.missing or record.status != "FINISHED":
        say(f"Resume   {command('train', f'sweep.resume={parent.sweep_id}', *store_overrides(parent.location))}")
    if not all_logged:
        say(f"The results are not all in {parent.location.uri}. They are in {parent.directory}; log them later with")
        say(f"  {command('log', str(parent.directory))}")
    say(f"Files    {parent.directory}")
    if any(end.has_finished and end.record is not None and end.record.run_id for _, end in ends):
        _say_links(screen, parent)


def _say_links(screen: Screen, parent: Parent) -> None:
    """Say where the sweep is in the UI."""
    location, shown = parent.location, parent.presented()
    for note in shown.notes:
        screen.note(note)
    if not location.is_server:
        screen.line(f"MLflow   {ui_command(location)} --port 5000  then open")
    links = sweep_links(base_of(location), parent.record, shown.views)
    if not (parent.directory / REPORT).is_file():
        del links["report"]
    for name, address in links.items():
        screen.line(f"{name:8} {address}")
