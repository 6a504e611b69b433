"""Cleaning a sweep: from where it is to what is freed of it, and freeing that."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from locexp.cleaning.choice import identity, label_of, needed_by
from locexp.cleaning.plan import MODELS, PICTURES, Keep, RunFiles, bytes_freed, files_of
from locexp.errors import RunFailedError, UserError, counted, first_line
from locexp.records.files import FREED
from locexp.records.folder_store import FolderStore
from locexp.records.record import RunRecord
from locexp.records.sweep_list import SweepList
from locexp.sweep.folder import held
from locexp.system.commands import command
from locexp.system.process import is_alive

if TYPE_CHECKING:
    from locexp.tracking.store import MlflowStore


@dataclass(frozen=True)
class Sweep:
    """A sweep with whatever holds it.

    Attributes:
        parent: its parent run.
        folder: on this machine, or ``None``.
        store: that it was logged to, or ``None`` where that is not reached.
        children: its runs, each as its folder has it, and as the store has it.
    """

    parent: RunRecord
    folder: Path | None
    store: MlflowStore | None
    children: list[tuple[RunRecord | None, RunRecord | None]]


def find(parent: RunRecord, folder: Path | None, store: MlflowStore | None) -> Sweep:
    """Return a sweep with its runs.

    Args:
        parent: its parent run, from either.
        folder: that may hold it: by now it may hold something else.
        store: that may have it.
    """
    sweep_id = parent.tags["sweep_id"]
    if folder is not None and not _is_of(folder, sweep_id):
        folder = None
    runs = {run.run_id: run for run in store.children(sweep_id)} if store is not None else {}
    children: list[tuple[RunRecord | None, RunRecord | None]] = []
    for record in FolderStore(str(folder)).children(sweep_id) if folder is not None else []:
        assert record.directory is not None
        if not record.directory.is_symlink():  # which would lead out of the sweep's folder
            children.append((record, runs.pop(record.run_id, None)))
    children += [(None, run) for run in runs.values()]
    children.sort(key=lambda pair: next(int(one.tags.get("sweep_job", 0)) for one in pair if one is not None))
    return Sweep(parent, folder, store, children)


def plan(sweep: Sweep, kinds: Sequence[str], keep: Keep) -> tuple[list[RunFiles], list[str]]:
    """List what would be freed of a sweep; nothing is changed.

    Args:
        sweep: from :func:`find`.
        kinds: to free of losing settings.
        keep: what keeps its models.

    Returns:
        The losing runs that hold any of it, and in words, which settings keep everything.

    Raises:
        UserError: the sweep is running, or has not ended; no run has finished.
    """
    _check_ended(sweep)
    _check_logged(sweep)
    records = [one for own, run in sweep.children if (one := run or own) is not None]
    needed = needed_by(records, sweep.parent.tags.get("default_hash"))
    in_registry: set[str] = set()
    if sweep.store is not None:
        from locexp.tracking.stored_files import registered

        in_registry = registered(sweep.store)
    kept: dict[str, str] = {}
    losing = []
    for (own, run), record in zip(sweep.children, records, strict=True):
        config_hash = record.tags["config_hash"]
        is_needed = config_hash in needed.settings
        if is_needed:
            kept[config_hash] = f"{label_of(record)}: {needed.settings[config_hash]}"
        if record.status != "FINISHED" or (is_needed and (keep == "settings" or identity(record) in needed.best)):
            continue
        found = files_of(own, run, [MODELS, PICTURES] if is_needed else kinds, sweep.store)
        if in_registry & {record.run_id, *found.model_ids}:
            kept[identity(record)] = f"{record.name}: in MLflow's registry"
        elif found.holds_any:
            losing.append(found)
    rest = ["the models of the best runs alone, of each setting"] if keep == "best" else []
    return losing, [*kept.values(), *rest]


def free(sweep: Sweep, losing: Sequence[RunFiles], say: Callable[[str], None]) -> None:
    """Free what :func:`plan` listed. A run is marked before its files go, so that it can be done again if interrupted.

    Raises:
        UserError: another command works in the sweep's folder.
        RunFailedError: some files could not be removed; the others are.
    """
    failed = []
    holding = held(sweep.folder, str(sweep.folder)) if sweep.folder is not None else contextlib.nullcontext()
    with holding:
        for one in losing:
            _mark(one, sweep.store)
            for file in one.files:
                try:
                    file.remove()
                except FileNotFoundError:
                    continue
                except Exception as error:  # of the client of whatever keeps artifacts, which raises what it likes
                    failed.append(first_line(error, 200))
            if sweep.store is not None and MODELS in one.kinds:
                for model_id in one.model_ids:
                    sweep.store.client.delete_logged_model(model_id)
    for reason in dict.fromkeys(failed):
        say(f"not freed: {reason}")
    if failed:
        raise RunFailedError(f"{counted(len(failed), 'file')} could not be removed; the same command tries again.")


def summary(losing: Sequence[RunFiles], kept: Sequence[str]) -> list[str]:
    """Return the lines that say what is freed, and what stays."""
    files = [file for one in losing for file in one.files]
    runs = counted(len(losing), "run")
    freed = bytes_freed(files)
    lines = [f"stays    {label}" for label in kept]
    lines += [f"frees    {size / 1e6:9.1f} MB  {kind}" for kind, size in freed.items()]
    return [*lines, f"in all   {sum(freed.values()) / 1e6:9.1f} MB, in {counted(len(files), 'file')} of {runs}"]


def _mark(one: RunFiles, store: MlflowStore | None) -> None:
    """Write down, where the run is kept, which kinds of its files are freed, so that whoever misses one is told."""
    if one.run is not None and store is not None:
        store.client.set_tag(one.run.run_id, FREED, _with(one.run.tags.get(FREED, ""), one.kinds))
    if one.folder is not None:
        record = RunRecord.read(one.folder)
        tags = record.tags | {FREED: _with(record.tags.get(FREED, ""), one.kinds)}
        if tags != record.tags:
            replace(record, tags=tags).write(one.folder)


def _with(earlier: str, kinds: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys([*filter(None, earlier.split(", ")), *kinds]))


def _check_logged(sweep: Sweep) -> None:
    """Refuse a sweep with results that its store lacks: what is chosen from its folder is another setting, maybe."""
    lacking = [own for own, run in sweep.children if own and run and own.status == "FINISHED" != run.status]
    if lacking:
        raise UserError(
            f"{counted(len(lacking), 'run')} finished, but the store lacks their results; "
            f"log them first: {command('log', str(sweep.folder))}"
        )


def _check_ended(sweep: Sweep) -> None:
    """Refuse a sweep that may still run, or that was killed: what will have lost is not known yet."""
    parent = sweep.parent
    for run in [parent, *(one for pair in sweep.children for one in pair if one is not None)]:
        if run.status != "RUNNING":
            continue
        what = f"sweep {parent.tags['sweep_id']}" + ("" if run is parent else f": {run.name}")
        alive = is_alive(run.tags)
        if alive is False:
            again = command("train", f"sweep.resume={parent.tags['sweep_id']}")
            raise UserError(f"{what} was killed before it ended; finish it first: {again}")
        where = f"process {run.tags.get('pid')}" if alive else f"on {run.tags.get('host', 'an unknown machine')}"
        raise UserError(f"{what} is still running ({where}); a sweep is cleaned when it has ended.")


def _is_of(folder: Path, sweep_id: str) -> bool:
    """Whether a folder holds the sweep, with its own record."""
    try:
        return SweepList.read(folder).sweep_id == sweep_id and RunRecord.read(folder).is_sweep
    except (OSError, UserError):
        return False
