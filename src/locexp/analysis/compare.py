"""From the runs of a sweep to its comparison: on screen, in files and in the store."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from locexp.analysis.source import folder_of, is_of, source_of
from locexp.configuration.overrides import key_of
from locexp.errors import NotComparableError, UserError, counted, verb
from locexp.evaluation.metrics import SELECTION_METRIC
from locexp.records.format import MalformedError
from locexp.records.record import RunRecord
from locexp.records.store import Store
from locexp.records.sweep_list import LIST, SweepList, setting_name
from locexp.system.commands import command
from locexp.system.matplotlib import start_matplotlib
from locexp.system.process import is_alive
from locexp.system.screen import terminal_width
from locexp.tracking.location import location_in, store_overrides

FOLDER = "comparison"


@dataclass
class CompareOptions:
    """The ``compare`` keys.

    Attributes:
        allow_mixed: compare runs of different data, budgets or code anyway; the report says so.
        details: show every test in words, and the whole table.
        keep: what may be lost at most, by metric, such as accuracy: 0.005; says which weights cost nothing else.
        margin: a setting that loses less of the metric is as good; by default a hundredth.
        metric: what settings are chosen by and tested on.
        presume_dead: treat runs on other machines, whose processes cannot be checked, as dead.
        register: the name in MLflow's registry for the chosen setting's model.
    """

    allow_mixed: bool = False
    details: bool = False
    keep: dict[str, float] = field(default_factory=dict)
    margin: float | None = None
    metric: str = SELECTION_METRIC
    presume_dead: bool = False
    register: str | None = None


def compare_sweep(store: Store, which: str, options: CompareOptions, *, has_ended: bool = False) -> list[str]:
    """Compare a sweep, write the report and keep it with the sweep; returns the lines for the screen.

    Args:
        store: which has the sweep.
        which: see :meth:`locexp.records.store.Store.sweep`.
        options: of the command.
        has_ended: nothing of it runs any more except the caller.

    Raises:
        NotComparableError: its runs must not be compared, or none has finished; nothing is written.
        UserError: there is no such sweep, it is running, or its runs cannot be compared; nothing is written.
    """
    start_matplotlib()
    from locexp.analysis.answer import answers, cautions
    from locexp.analysis.brief import brief
    from locexp.analysis.comparison import compare_settings
    from locexp.analysis.description import describe
    from locexp.analysis.paste import chosen_weights, in_full, in_short
    from locexp.analysis.report import write_report
    from locexp.analysis.results import is_paused, notes_on, sort_runs
    from locexp.analysis.tables import as_text, table

    source = source_of(store, which)
    store, parent, children, notes = source.store, source.parent, source.children, source.notes
    sweep_id = parent.tags["sweep_id"]
    if not has_ended:
        check_ended(parent, children, options.presume_dead)
    sweep_list = _list(store, parent)
    jobs = sweep_list.jobs if sweep_list else None
    try:
        settings = sort_runs(children, jobs)
        paused = sum(setting.paused for setting in settings)
        notes += notes_on(settings, options.allow_mixed) + _cut_short(store, parent, children, jobs, paused)
    except UserError as error:
        nothing = isinstance(error, NotComparableError) and not any(run.status == "FINISHED" for run in children)
        paused = sum(map(is_paused, children)) if nothing else 0
        remedy = f" {_goes_on(parent, paused)}" if paused else ""
        raise type(error)(f"sweep {sweep_id}: {error}{remedy}") from None
    found = compare_settings(
        settings,
        default_hash=parent.tags.get("default_hash"),
        metric=options.metric,
        read=store.content,
        typed={key_of(override) for override in sweep_list.overrides} if sweep_list else (),
        margin=options.margin,
        keep=options.keep,
    )
    front = found.front
    if len(front.whole) < len(front.points):
        left_out = ", ".join(str(seed) for seed in front.points if seed not in front.whole)
        notes.append(f"Hypervolume and bands leave out the seeds that lack settings: {left_out}.")
    own = folder_of(parent)
    home = own if parent.directory or is_of(own, sweep_id) else Path(f"sweep-{sweep_id}")
    title = f"{parent.name}: {counted(len(found.settings), 'setting')}, {counted(len(found.seeds), 'seed')}"
    missing = write_report(home / FOLDER, found, title=title, notes=notes, read=store.content)
    missing += store.keep_comparison(parent, children, home / FOLDER, functools.partial(describe, found, parent))
    width = terminal_width()
    lines = ["", *brief(found, width)]
    if options.details:
        lines = ["", *as_text(table(found, brief=True).lines, width), "", *answers(found)]
    if (weights := chosen_weights(found)) is not None:
        lines += [str(line) for line in in_full(weights)] if options.details else in_short(weights)
    lines += [f"note     {note}" for note in [*([] if options.details else cautions(found)), *notes, *missing]]
    report = (home / FOLDER / "report.html").absolute()
    here = Path.cwd()
    return [*lines, f"Report   {report.relative_to(here) if report.is_relative_to(here) else report}"]


def check_ended(parent: RunRecord, children: Sequence[RunRecord], presume_dead: bool) -> None:
    """Refuse a sweep that still runs in part: a job may outlive the command that launched it."""
    for run in [parent, *children]:
        alive = is_alive(run.tags) if run.status == "RUNNING" else False
        if alive is False or (alive is None and presume_dead):
            continue
        what = f"sweep {parent.tags['sweep_id']}" + ("" if run is parent else f": {run.name}")
        if alive:
            raise UserError(
                f"{what} is still running (process {run.tags.get('pid')} on {run.tags.get('host')}); a sweep is "
                "compared when it ends."
            )
        raise UserError(
            f"{what} is RUNNING on {run.tags.get('host', 'an unknown machine')}, which cannot be checked from here; if "
            "it has ended, add compare.presume_dead=true."
        )


def listed_jobs(store: Store, parent: RunRecord) -> list[dict[str, Any]] | None:
    """Return the jobs of a sweep's list; ``None`` where it has no readable one."""
    found = _list(store, parent)
    return None if found is None else found.jobs


def _list(store: Store, parent: RunRecord) -> SweepList | None:
    content = store.content(parent, str(LIST))
    with contextlib.suppress(MalformedError):
        return None if content is None else SweepList.parse(content, LIST)
    return None


def _resume(parent: RunRecord) -> str:
    return command("train", f"sweep.resume={parent.tags['sweep_id']}", *store_overrides(location_in(parent)))


def _goes_on(parent: RunRecord, paused: int) -> str:
    are, them = verb(paused, "is", "are"), verb(paused, "it", "them")
    return f"{counted(paused, 'run')} {are} paused; {_resume(parent)} continues {them}."


def _cut_short(
    store: Store, parent: RunRecord, children: Sequence[RunRecord], jobs: list[dict[str, Any]] | None, paused: int
) -> list[str]:
    """Note the jobs in the sweep's list that have no run, and the runs that wait to be continued."""
    if jobs is None:
        return [f"It is not known whether jobs are missing: the parent run holds no list of them ({LIST})."]
    begun = {(run.tags.get("config_hash"), run.tags.get("seed")) for run in children}
    missing = [job for job in jobs if (job["config_hash"], str(job["seed"])) not in begun]
    known = {config_hash for config_hash, _ in begun}
    notes = [f"Cut short: {_goes_on(parent, paused)}"] if paused else []
    if not missing:
        return notes
    notes.append(
        f"Cut short: {len(missing)} of {counted(len(jobs), 'job')} {verb(len(missing), 'has', 'have')} no run in "
        f"{store.label}; {_resume(parent)} runs what has not begun."
    )
    absent = {job["config_hash"]: setting_name(job["varied"]) for job in missing if job["config_hash"] not in known}
    if absent:
        default = " the default one among them;" if parent.tags.get("default_hash") in absent else ""
        notes.append(f"Settings without any run:{default} {'; '.join(absent.values())}.")
    return notes
