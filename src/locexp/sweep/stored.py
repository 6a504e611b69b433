"""A sweep as it was left: its list, which of its jobs have finished, and what is to be mended.

What still has to run is :meth:`locexp.sweep.conduct.Conductor.missing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locexp.configuration.renamed import renamed_overrides
from locexp.errors import RunFailedError, UserError, counted, listed
from locexp.records.provenance import VERSIONS
from locexp.records.record import RunRecord
from locexp.records.sweep_list import LIST, SweepList
from locexp.sweep.folder import log_missing, runs_in
from locexp.sweep.jobs import RunKey, SweepJob
from locexp.sweep.queue import Queue
from locexp.sweep.slurm import NoAnswerError
from locexp.system.process import is_alive

if TYPE_CHECKING:
    from locexp.records.store import Store
    from locexp.tracking.store import MlflowStore


@dataclass
class StoredSweep:
    """A sweep in the store.

    Attributes:
        parent: its parent run.
        sweep_list: its stored list, of all stages that had begun.
        finished: the runs that have finished, by the store or by their folders, by config hash and seed.
        dead: runs that are RUNNING in the store though their process has gone, and no scheduler has them.
        queue: what a scheduler still has of it, as it said just now.
        paused: runs that have paused, by config hash and seed, as their folders have them.
    """

    parent: RunRecord
    sweep_list: SweepList
    finished: dict[RunKey, RunRecord]
    dead: list[RunRecord]
    queue: Queue
    paused: dict[RunKey, RunRecord] = field(default_factory=dict)

    @property
    def sweep_id(self) -> str:
        """Its id."""
        return self.parent.tags["sweep_id"]

    @property
    def directory(self) -> Path:
        """Where its files are, or were on the machine that began it."""
        return directory_of(self.parent)

    def check(self, jobs: Sequence[SweepJob], stages: Sequence[Mapping[str, Any]] = ()) -> None:
        """Check that jobs composed now are those that were stored.

        Args:
            jobs: composed now.
            stages: how far these go, see :class:`~locexp.records.sweep_list.SweepList`.

        Raises:
            UserError: the configuration files or locexp have changed since.
        """
        begun = self.sweep_list.jobs
        changed = "the configuration files, or locexp, have changed. Restore them, or begin a new sweep."
        if len(jobs) < len(begun):
            raise UserError(
                f"sweep.resume={self.sweep_id}: has {counted(len(begun), 'job')} in its list, now there would be "
                f"{len(jobs)}: {changed}"
            )
        for job, stored in zip(jobs, begun, strict=False):
            if (job.config_hash, job.seed) != (stored["config_hash"], stored["seed"]):
                raise UserError(
                    f"sweep.resume={self.sweep_id}: job {stored['index']} ({stored['name']}) is another run now than "
                    f"when the sweep began: {changed}"
                )
        for number, (now, then) in enumerate(zip(stages, self.sweep_list.stages, strict=False), 1):
            if now["until"] != then.get("until"):
                raise UserError(
                    f"sweep.resume={self.sweep_id}: stage {number} trains other jobs, or to other epochs, now than "
                    f"when the sweep began: {changed}"
                )

    def check_code(self, now: Mapping[str, str], *, allowed: bool) -> list[str]:
        """Check that the runs so far were made by the code that runs now; returns, in words, what differs.

        Args:
            now: the tags of a run that would start now.
            allowed: they may differ.

        Raises:
            UserError: something does, and must not.
        """
        differ = []
        for name in VERSIONS:
            then = {run.tags.get(name, "unknown") for run in (self.paused | self.finished).values()}
            if then - {now.get(name, "unknown")}:
                differ.append(f"{name} was {listed(sorted(then))}, is {now.get(name, 'unknown')}")
        if differ and not allowed:
            raise UserError(
                f"sweep.resume={self.sweep_id}: the code has changed since the finished runs, so that the others could "
                f"not be compared with them: {'; '.join(differ)}. Go back to that code, begin a new sweep, or add "
                "sweep.allow_mixed=true."
            )
        return differ

    def check_data(self, jobs: Sequence[SweepJob]) -> None:
        """Check that the data of these jobs are still those that the finished runs were trained on.

        Raises:
            UserError: they are not.
        """
        from locexp.run.training_data import load_training_data

        ended = self.paused | self.finished
        settings = {job.config_hash: job for job in reversed(jobs) if job.key in ended}  # the first of each
        first = {str((job.cfg.data, job.cfg.bbox)): job for job in settings.values()}
        for job in first.values():
            run, data = ended[job.key], load_training_data(job.cfg)
            now = {"data set": ("data_digest", data.dataset.digest), "boxes": ("scenes_digest", data.scenes_digest)}
            for what, (tag, new) in now.items():
                old = run.tags.get(tag, new)
                if old != new:
                    raise UserError(
                        f"sweep.resume={self.sweep_id}: the {what} of {run.name} had sha256 {old[:16]}…, now it is "
                        f"{new[:16]}…, so the runs could not be compared. Restore the data, or begin a new sweep."
                    )

    def mend(self, store: MlflowStore) -> list[str]:
        """Close the runs whose process died and log what ended in folders alone; returns what was done, in words."""
        from locexp.tracking.relog import relog

        done: list[str] = []
        for run in self.dead:
            try:
                relog(run.tags.get("directory", "."), None, done.append)
            except (UserError, RunFailedError):
                store.client.set_terminated(run.run_id, "KILLED")
                done.append(f"{run.name}: its process has gone; it is KILLED now.")
        own = runs_in(self.directory, self.sweep_id)
        log_missing([run for run in own if not (run.directory and self.queue.holds(run.directory))], done.append)
        if done:
            own = runs_in(self.directory, self.sweep_id)
            self.finished = finished_runs([*store.children(self.sweep_id), *own])
            self.paused = paused_runs(own)
        return done


def directory_of(parent: RunRecord) -> Path:
    """Return where a sweep's files are, or were; a folder of its id where its parent run does not say (any more)."""
    return Path(parent.tags.get("directory") or f"sweep-{parent.tags['sweep_id']}")


def load(store: Store, sweep_id: str, *, presume_dead: bool) -> StoredSweep:
    """Read a sweep and sort its runs; nothing is changed.

    Args:
        store: which has it.
        sweep_id: of the sweep.
        presume_dead: treat runs on other machines, whose process cannot be checked, as dead.

    Raises:
        UserError: there is no such sweep, it is still running, or it cannot be known whether it is.
    """
    parent = store.sweep(sweep_id)
    content = store.content(parent, str(LIST))
    if content is None:
        raise UserError(f"sweep {sweep_id}: its parent run {parent.run_id} holds no list of jobs ({LIST}).")
    sweep_list = SweepList.parse(content, f"{LIST} of run {parent.run_id}")
    children = store.children(sweep_id)
    queue = _asked(Queue(directory_of(parent)), sweep_id, presume_dead)
    at_work = [run for run in [parent, *children] if run.status == "RUNNING"]
    left = [run for run in at_work if queue.holds(_folder(run))]
    for run in at_work:
        if run in left:
            continue
        alive = is_alive(run.tags)
        if alive is None and queue.has_had(_folder(run)):
            alive = False  # the scheduler would have it
        if alive is None and not presume_dead:
            raise UserError(
                f"sweep.resume={sweep_id}: run {run.name} is RUNNING on {run.tags.get('host')}, which cannot be "
                "checked from here; if it has ended, add sweep.presume_dead=true."
            )
        if alive:
            raise UserError(
                f"sweep.resume={sweep_id}: {run.name} is still running (process {run.tags['pid']}); wait for it or "
                "stop it first."
            )
    own = runs_in(directory_of(parent), sweep_id)
    return StoredSweep(
        parent,
        replace(sweep_list, overrides=renamed_overrides(sweep_list.overrides)),
        finished=finished_runs([*children, *own]),  # a store that was lost for a time lacks some
        paused=paused_runs(own),
        dead=[run for run in children if run in at_work and run not in left],
        queue=queue,
    )


def _folder(run: RunRecord) -> Path:
    return Path(run.tags.get("directory", "."))


def _asked(queue: Queue, sweep_id: str, presume_dead: bool) -> Queue:
    """Ask a scheduler what it still has of a sweep; raises :class:`UserError` where that must be known, and is not."""
    try:
        queue.look()
    except NoAnswerError as error:
        unknown = queue.open_folders()
        if unknown and not presume_dead:
            raise UserError(
                f"sweep.resume={sweep_id}: SLURM was handed {counted(len(unknown), 'job')} of it that did not end by "
                f"themselves, and does not say whether it still has them ({error}). Resume it where squeue answers; if "
                "they have gone, add sweep.presume_dead=true."
            ) from None
    return queue


def finished_runs(runs: Sequence[RunRecord]) -> dict[RunKey, RunRecord]:
    """Return the runs that have finished, by config hash and seed; the first where there are several."""
    found: dict[RunKey, RunRecord] = {}
    for run in runs:
        if run.status == "FINISHED" and "config_hash" in run.tags:
            found.setdefault((run.tags["config_hash"], int(run.tags["seed"])), run)
    return found


def paused_runs(runs: Sequence[RunRecord]) -> dict[RunKey, RunRecord]:
    """Return the runs that have paused, by config hash and seed: of those in the sweep's folder, where they go on."""
    paused = [run for run in runs if run.paused_after is not None]
    return {(run.tags["config_hash"], int(run.tags["seed"])): run for run in paused}
