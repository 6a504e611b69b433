"""From the id of a sweep to its comparison, on screen, in files and on the parent run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from locexp.analysis.results import METRICS, SettingRuns, mixtures, sort_runs
from locexp.configuration.rules import check_tracking
from locexp.configuration.schema import TrackingConfig
from locexp.errors import UserError, counted, first_line, listed, nearest
from locexp.evaluation.metrics import SELECTION_METRIC
from locexp.records.sweep_list import FINAL, LIST, parse_list, setting_name
from locexp.system.process import is_alive
from locexp.system.screen import terminal_width
from locexp.tracking.location import check, location_of

if TYPE_CHECKING:
    from locexp.tracking.reading import Reader, StoredRun

FOLDER = "comparison"


@dataclass
class CompareOptions:
    """The ``compare`` keys.

    Attributes:
        allow_mixed: compare runs of different data, budgets or code anyway; the report says so.
        metric: what settings are chosen by and tested on.
        presume_dead: take runs of other machines, whose process cannot be asked for, as dead.
    """

    allow_mixed: bool = False
    metric: str = SELECTION_METRIC
    presume_dead: bool = False


@dataclass
class CompareConfig:
    """What ``python -m locexp.compare`` takes."""

    compare: CompareOptions = field(default_factory=CompareOptions)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)


def compare_command(words: Sequence[str], say: Callable[[str], None]) -> None:
    """Compare the sweep that the words name; the last one by default.

    Raises:
        UserError: there is no such sweep, it is empty or running, or its runs must not be compared.
        RunFailedError: the store cannot be read or written.
    """
    identity, cfg = read_words(words)
    location = location_of(cfg.tracking)
    check(location)
    from locexp.tracking.reading import Reader, asking

    with asking(location):
        reader = Reader(location)
        if identity == "list":
            lines = listing(reader)
        else:
            parent = reader.sweep(identity)
            children = reader.children(parent.tags["sweep_id"])
            _check_ended(parent, children, cfg.compare.presume_dead)
            lines = compare_sweep(reader, parent, cfg.compare, children)
    for line in lines:
        say(line)


def _check_ended(parent: StoredRun, children: Sequence[StoredRun], presume_dead: bool) -> None:
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


def read_words(words: Sequence[str]) -> tuple[str, Any]:
    """Return the sweep's id and the configuration; raises :class:`UserError`."""
    plain = [word for word in words if "=" not in word]
    if len(plain) > 1:
        raise UserError(f"{' '.join(plain)}: expected one sweep id, or last, and key=value words.")
    cfg = OmegaConf.structured(CompareConfig)
    for word in words:
        key, equals, _ = word.partition("=")
        if not equals:
            continue
        names = [f"{group}.{name}" for group in cfg for name in cfg[group]]
        if key not in names:
            raise UserError(f"{word}: unknown key; allowed: {listed(names)}.{nearest(key, names)}")
        if word == f"{key}=":
            raise UserError(f"{word}: expected a value.")
        try:
            cfg.merge_with_dotlist([word])
            OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
        except (OmegaConfBaseException, YAMLError) as error:
            raise UserError(f"{word}: {first_line(error)}.") from error
    check_tracking(cfg)
    if cfg.compare.metric not in METRICS:
        why = " The total loss depends on the weights, so it ranks nothing." if cfg.compare.metric == "loss" else ""
        raise UserError(
            f"compare.metric={cfg.compare.metric}: expected one of {listed(METRICS)}."
            f"{why or nearest(cfg.compare.metric, METRICS)}"
        )
    return (plain[0] if plain else "last"), cfg


def compare_sweep(
    reader: Reader, parent: StoredRun, options: Any, children: Sequence[StoredRun] | None = None
) -> list[str]:
    """Compare a sweep, write the report and log it; returns what is said on screen.

    Args:
        reader: of the store.
        parent: the sweep's parent run.
        options: a :class:`CompareOptions`.
        children: its runs, where they have been read.

    Raises:
        UserError: nothing can be compared, or must not be; nothing has been written then.
    """
    from locexp.analysis.answer import answers
    from locexp.analysis.comparison import compare_settings
    from locexp.analysis.report import write_report
    from locexp.analysis.tables import as_text, table

    sweep_id = parent.tags["sweep_id"]
    children = reader.children(sweep_id) if children is None else children
    groups = _sorted(children, sweep_id)
    notes = _notes(groups, options.allow_mixed, sweep_id) + _not_started(reader, parent, children)
    found = compare_settings(
        groups, default_hash=parent.tags.get("default_hash"), metric=options.metric, read=reader.content
    )
    front = found.front
    if len(front.whole) < len(front.points):
        left_out = ", ".join(str(seed) for seed in front.points if seed not in front.whole)
        notes.append(f"Hypervolume and bands leave out the seeds that lack settings: {left_out}.")
    own = Path(parent.tags.get("directory", ""))
    home = own if parent.tags.get("directory") and own.is_dir() else Path(f"sweep-{sweep_id}")
    title = f"{parent.name}: {counted(len(found.settings), 'setting')}, {counted(len(found.seeds), 'seed')}"
    missing = write_report(home / FOLDER, found, title=title, notes=notes, read=reader.content)
    for path in sorted((home / FOLDER).iterdir()):
        reader.client.log_artifact(parent.run_id, str(path), FOLDER)
    lines = ["", *as_text(table(found, brief=True).lines, terminal_width()), "", *answers(found)]
    lines += [f"note     {note}" for note in [*notes, *missing]]
    return [*lines, "", f"Report   {home / FOLDER / 'report.html'}"]


def _sorted(children: Sequence[StoredRun], sweep_id: str) -> list[SettingRuns]:
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


def _not_started(reader: Reader, parent: StoredRun, children: Sequence[StoredRun]) -> list[str]:
    """Say what the sweep's list has beyond its runs: a sweep that was cut short is not the whole one."""
    stored = parse_list(reader.text(parent, str(LIST)))
    if stored is None:
        return [f"Whether jobs are missing is not known: the parent run holds no list of them ({LIST})."]
    jobs = stored["jobs"]
    begun = {(run.tags.get("config_hash"), run.tags.get("seed")) for run in children}
    missing = [job for job in jobs if (job["config_hash"], str(job["seed"])) not in begun]
    if not missing:
        return []
    sweep_id, known = parent.tags["sweep_id"], {identity for identity, _ in begun}
    notes = [
        f"Cut short: {len(missing)} of {len(jobs)} jobs have no run in the store; "
        f"python -m locexp.train sweep.resume={sweep_id} runs what has not begun."
    ]
    absent = {job["config_hash"]: setting_name(job["varied"]) for job in missing if job["config_hash"] not in known}
    if absent:
        default = " the default one among them;" if parent.tags.get("default_hash") in absent else ""
        notes.append(f"Settings without any run:{default} {'; '.join(absent.values())}.")
    return notes


def listing(reader: Reader) -> list[str]:
    """Return a line for each sweep of the experiment, the latest first."""
    import time

    from locexp.analysis.tables import as_text

    rows = [["sweep", "status", "finished", "failed", "began", "name"]]
    for run in reader.sweeps():
        counts = [run.metrics.get(f"sweep/{name}", float("nan")) for name in ("finished", "jobs", "failed")]
        shown = ["?" if count != count else f"{count:.0f}" for count in counts]
        status = run.status
        if status == "RUNNING" and is_alive(run.tags) is False:
            status = "DEAD"  # its process was killed before it could close the run
            finished = sum(child.status == "FINISHED" for child in reader.children(run.tags["sweep_id"]))
            stored = parse_list(reader.text(run, str(LIST)))
            shown = [str(finished), "?" if stored is None else str(len(stored["jobs"])), "?"]
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.start_time))
        rows.append([run.tags["sweep_id"], status, f"{shown[0]}/{shown[1]}", shown[2], began, run.name])
    return as_text(rows) if len(rows) > 1 else ["There is no sweep in this experiment yet."]


def try_to_compare(reader: Reader, parent: StoredRun, *, allow_mixed: bool) -> list[str]:
    """Compare a sweep that has just ended; where it cannot be, say why."""
    try:
        return compare_sweep(reader, parent, CompareOptions(allow_mixed=allow_mixed))
    except UserError as error:
        return [f"note     not compared: {error}"]
