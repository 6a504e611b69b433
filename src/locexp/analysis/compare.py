"""From the id or the folder of a sweep to its comparison: on screen, in files and in the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from locexp.analysis.results import METRICS, SettingRuns, mixtures, sort_runs
from locexp.configuration.rules import check_tracking
from locexp.configuration.schema import TrackingConfig
from locexp.errors import RunFailedError, UserError, counted, first_line, listed, nearest
from locexp.evaluation.metrics import SELECTION_METRIC
from locexp.records.folder_store import FolderStore
from locexp.records.format import MalformedError
from locexp.records.record import RunRecord
from locexp.records.store import Store
from locexp.records.sweep_list import FINAL, LIST, SweepList, setting_name
from locexp.system.process import is_alive
from locexp.system.screen import terminal_width
from locexp.tracking.location import check, location_of

FOLDER = "comparison"


@dataclass
class CompareOptions:
    """The ``compare`` keys.

    Attributes:
        allow_mixed: compare runs of different data, budgets or code anyway; the report says so.
        metric: what settings are chosen by and tested on.
        presume_dead: take runs of other machines, whose processes cannot be looked up, as dead.
    """

    allow_mixed: bool = False
    metric: str = SELECTION_METRIC
    presume_dead: bool = False


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
    if _is_folder(which):
        try:
            lines = _compare(FolderStore(which), "last", cfg.compare)
        except OSError as error:
            raise RunFailedError(f"{which}: cannot be read or written ({error.strerror or error}).") from error
    else:
        location = location_of(cfg.tracking)
        check(location)
        from locexp.tracking.store import MlflowStore, store_errors

        with store_errors(location):
            store = MlflowStore(location)
            lines = listing(store) if which == "list" else _compare(store, which, cfg.compare)
    for line in lines:
        say(line)


def _is_folder(which: str) -> bool:
    """Whether a folder is meant; no sweep id holds a slash."""
    return which not in ("last", "list") and (os.sep in which or which[:1] in (".", "~") or Path(which).is_dir())


def _compare(store: Store, which: str, options: CompareOptions) -> list[str]:
    parent = store.sweep(which)
    children = store.children(parent.tags["sweep_id"])
    _check_ended(parent, children, options.presume_dead)
    return compare_sweep(store, parent, options, children)


def _check_ended(parent: RunRecord, children: Sequence[RunRecord], presume_dead: bool) -> None:
    """Refuse a sweep of which something still runs: a job may outlive the command that launched it."""
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
            f"{what} is RUNNING on {run.tags.get('host', 'an unknown machine')}, which cannot be asked from here; if "
            "it has ended, add compare.presume_dead=true."
        )


def parse_arguments(arguments: Sequence[str]) -> tuple[str, Any]:
    """Return which sweep is meant and the configuration; raises :class:`UserError`."""
    # A path may hold an equals sign; the keys hold no slash.
    plain = [argument for argument in arguments if "=" not in argument or os.sep in argument.partition("=")[0]]
    if len(plain) > 1:
        raise UserError(f"{' '.join(plain)}: expected one sweep id, or last, or one folder, and key=value overrides.")
    which = plain[0] if plain else "last"
    cfg = OmegaConf.structured(CompareConfig)
    for override in (argument for argument in arguments if argument not in plain):
        key = override.partition("=")[0]
        names = [f"{group}.{name}" for group in cfg for name in cfg[group]]
        if key not in names:
            raise UserError(f"{override}: unknown key; allowed: {listed(names)}.{nearest(key, names)}")
        if override == f"{key}=":
            raise UserError(f"{override}: expected a value.")
        if key.startswith("tracking.") and _is_folder(which):
            raise UserError(
                f"{override}: cannot stand beside a folder, whose files alone are compared; leave it out, or name the "
                "sweep by its id."
            )
        try:
            cfg.merge_with_dotlist([override])
            OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
        except (OmegaConfBaseException, YAMLError) as error:
            raise UserError(f"{override}: {first_line(error)}.") from error
    check_tracking(cfg)
    if cfg.compare.metric not in METRICS:
        why = " The total loss depends on the weights, so it ranks nothing." if cfg.compare.metric == "loss" else ""
        raise UserError(
            f"compare.metric={cfg.compare.metric}: expected one of {listed(METRICS)}."
            f"{why or nearest(cfg.compare.metric, METRICS)}"
        )
    return which, cfg


def compare_sweep(
    store: Store, parent: RunRecord, options: CompareOptions, children: Sequence[RunRecord] | None = None
) -> list[str]:
    """Compare a sweep, write the report and keep it with the sweep; returns the lines for the screen.

    Args:
        store: that has it.
        parent: the sweep's parent run.
        options: of the command.
        children: its runs, where they have been read.

    Raises:
        UserError: nothing can be compared, or must not be; nothing has been written then.
    """
    from locexp.analysis.answer import answers
    from locexp.analysis.comparison import compare_settings
    from locexp.analysis.report import write_report
    from locexp.analysis.tables import as_text, table

    sweep_id = parent.tags["sweep_id"]
    children = store.children(sweep_id) if children is None else children
    groups = _sorted(children, sweep_id)
    notes = [store.note] if store.note else []
    notes += _notes(groups, options.allow_mixed, sweep_id) + _not_started(store, parent, children)
    found = compare_settings(
        groups, default_hash=parent.tags.get("default_hash"), metric=options.metric, read=store.content
    )
    front = found.front
    if len(front.whole) < len(front.points):
        left_out = ", ".join(str(seed) for seed in front.points if seed not in front.whole)
        notes.append(f"Hypervolume and bands leave out the seeds that lack settings: {left_out}.")
    own = parent.directory or Path(parent.tags.get("directory") or f"sweep-{sweep_id}")
    home = own if own.is_dir() else Path(f"sweep-{sweep_id}")
    title = f"{parent.name}: {counted(len(found.settings), 'setting')}, {counted(len(found.seeds), 'seed')}"
    missing = write_report(home / FOLDER, found, title=title, notes=notes, read=store.content)
    store.keep_folder(parent, home / FOLDER)
    lines = ["", *as_text(table(found, brief=True).lines, terminal_width()), "", *answers(found)]
    lines += [f"note     {note}" for note in [*notes, *missing]]
    return [*lines, "", f"Report   {home / FOLDER / 'report.html'}"]


def _sorted(children: Sequence[RunRecord], sweep_id: str) -> list[SettingRuns]:
    try:
        return sort_runs(children)
    except UserError as error:
        raise UserError(f"sweep {sweep_id}: {error}") from None


def _notes(groups: Sequence[SettingRuns], allow_mixed: bool, sweep_id: str) -> list[str]:
    reasons = mixtures(groups)
    if reasons and not allow_mixed:
        raise UserError(
            f"sweep {sweep_id}: its runs must not be compared, for they differ in more than their settings: "
            f"{'; '.join(reasons)}. compare.allow_mixed=true compares them anyway."
        )
    notes = [f"Mixed, as compare.allow_mixed asks: {reason}" for reason in reasons]
    empty = [group.label for group in groups if not group.runs]
    if empty:
        notes.append(f"No run has finished of: {'; '.join(empty)}.")
    failed = sum(group.failures for group in groups)
    if failed:
        notes.append(f"Jobs that did not finish: {failed}; they are counted in the column failed, and in nothing else.")
    compared = [group for group in groups if group.role == FINAL] or groups
    counts = {len(group.runs) for group in compared if group.runs}
    if len(counts) > 1:
        notes.append(f"The settings have from {min(counts)} to {max(counts)} seeds; tests pair those that both have.")
    return notes


def _jobs(store: Store, parent: RunRecord) -> list[dict[str, Any]] | None:
    """Return the jobs of a sweep's list; ``None`` where it has none that can be read."""
    content = store.content(parent, str(LIST))
    if content is None:
        return None
    try:
        return SweepList.parse(content, LIST).jobs
    except MalformedError:
        return None


def _not_started(store: Store, parent: RunRecord, children: Sequence[RunRecord]) -> list[str]:
    """Note what the sweep's list has beyond its runs: a sweep that was cut short is not the whole one."""
    jobs = _jobs(store, parent)
    if jobs is None:
        return [f"Whether jobs are missing is not known: the parent run holds no list of them ({LIST})."]
    begun = {(run.tags.get("config_hash"), run.tags.get("seed")) for run in children}
    missing = [job for job in jobs if (job["config_hash"], str(job["seed"])) not in begun]
    if not missing:
        return []
    sweep_id, known = parent.tags["sweep_id"], {config_hash for config_hash, _ in begun}
    notes = [
        f"Cut short: {len(missing)} of {len(jobs)} jobs have no run in {store.place}; "
        f"python -m locexp.train sweep.resume={sweep_id} runs what has not begun."
    ]
    absent = {job["config_hash"]: setting_name(job["varied"]) for job in missing if job["config_hash"] not in known}
    if absent:
        default = " the default one among them;" if parent.tags.get("default_hash") in absent else ""
        notes.append(f"Settings without any run:{default} {'; '.join(absent.values())}.")
    return notes


def listing(store: Store) -> list[str]:
    """Return a line for each sweep of the experiment, the latest first."""
    import time

    from locexp.analysis.tables import as_text

    rows = [["sweep", "status", "finished", "failed", "began", "name"]]
    for run in store.sweeps():
        counts = [run.metrics.get(f"sweep/{name}", float("nan")) for name in ("finished", "jobs", "failed")]
        shown = ["?" if count != count else f"{count:.0f}" for count in counts]
        status = run.status
        if status == "RUNNING" and is_alive(run.tags) is False:
            status = "DEAD"  # its process was killed before it could close the run
            finished = sum(child.status == "FINISHED" for child in store.children(run.tags["sweep_id"]))
            jobs = _jobs(store, run)
            shown = [str(finished), "?" if jobs is None else str(len(jobs)), "?"]
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.start_time))
        rows.append([run.tags["sweep_id"], status, f"{shown[0]}/{shown[1]}", shown[2], began, run.name])
    return as_text(rows) if len(rows) > 1 else ["There is no sweep in this experiment yet."]


def try_to_compare(store: Store, parent: RunRecord, *, allow_mixed: bool) -> list[str]:
    """Compare a sweep that has just ended; where it cannot be compared, return why."""
    try:
        return compare_sweep(store, parent, CompareOptions(allow_mixed=allow_mixed))
    except UserError as error:
        return [f"note     not compared: {error}"]
