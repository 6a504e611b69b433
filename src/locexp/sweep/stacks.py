"""Stacks: jobs that share data, boxes, network and schedule train side by side in one process.

``hydra/launcher=stacked`` trains them in this process, the other launchers in their workers. Each job leaves what it
leaves by itself: its folder with the configuration and the log, its record, its run in the store.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from locexp.configuration.hydra_internals import Callbacks
from locexp.errors import counted
from locexp.plots.pictures import Draw, Drawer
from locexp.records.files import CHECKPOINT
from locexp.records.record import RECORD
from locexp.records.sweep_list import SweepLink, SweepList
from locexp.run.folder import RunFolder, shared_logging
from locexp.sweep.folder import is_open, read_record
from locexp.sweep.jobs import PlacedJob
from locexp.sweep.tasks import Task, groups_of
from locexp.system.memory import available_memory
from locexp.system.process import asked_to_end, forget_networks
from locexp.system.screen import Screen

if TYPE_CHECKING:
    from locexp.run.prepare import Prepared
    from locexp.run.run import Run

MAX_DRAWING_PROCESSES = 4
"""Processes that draw pictures, where there are as many cores: each takes a tenth of a gigabyte."""
MEMORY_SHARE = 0.5
"""How much of the memory that is free the stacks of a machine may take."""


class Stacks:
    """Trains the jobs of tasks in stacks.

    Args:
        hydra: Hydra's part of the sweep's configuration.
        callbacks: the user's, of ``hydra.callbacks``.
        note: shows what does not go as planned.
        drawing: processes that draw pictures; 0 draws in this one.
        beside: how many processes on this machine train stacks at a time, this one included.
        is_stacked: members train side by side, an operation on one core each; else one member has all cores.
    """

    def __init__(
        self,
        hydra: DictConfig,
        callbacks: Callbacks,
        *,
        note: Callable[[str], None],
        drawing: int,
        beside: int = 1,
        is_stacked: bool = True,
    ) -> None:
        self._hydra, self._callbacks, self._note = hydra, callbacks, note
        self._drawing, self._share, self._is_stacked = drawing, MEMORY_SHARE / beside, is_stacked

    def __call__(self, tasks: Sequence[Task]) -> None:
        """Run the jobs of tasks, each in its folder; how each ended is in its record.

        Nothing is done for a job that has ended, or that another process trains: a cluster may try a task again.

        Raises:
            KeyboardInterrupt, Terminated: after every open run has been closed as KILLED.
        """
        sweep = SweepList.read(tasks[0][0][1].parent)
        with shared_logging(self._hydra), Drawer(min(self._drawing, MAX_DRAWING_PROCESSES)) as drawer:
            for task in tasks:
                jobs = [(job, folder) for job, folder in task if is_open(folder, sweep.until(job.index))]
                for group in groups_of(jobs, sweep.until):  # those of a task that is tried again may have come apart
                    while group:
                        group = group[self._run_stack(group, sweep, drawer.draw) :]

    def _run_stack(self, waiting: Sequence[PlacedJob], sweep: SweepList, draw: Draw) -> int:
        """Run as many of these jobs, from the first, as fit a stack; returns how many have been."""
        runs: list[tuple[Run, RunFolder]] = []
        taken, most = 0, 1
        try:
            with ExitStack() as folders:
                while taken < min(most, len(waiting)):
                    job, directory = waiting[taken]
                    taken += 1
                    is_new = not (directory / RECORD).exists()  # one that goes on has its configuration
                    hydra = job.hydra(directory, index=job.index, write_configuration=is_new)
                    folder = folders.enter_context(RunFolder(job.cfg, hydra, self._callbacks, alone=False))
                    with folder.current():
                        run = prepare_job(
                            job.cfg,
                            folder.directory,
                            folder.overrides,
                            sweep.link(job.index),
                            until=sweep.until(job.index),
                            stacked=self._is_stacked,
                        )
                    if isinstance(run, Exception):
                        folder.error = run
                        most += not runs  # that one was no use for telling how many fit
                        continue
                    run.current = folder.current
                    runs.append((run, folder))
                    if len(runs) == 1:
                        most = self._most_members(run.prepared, len(waiting))
                        most = math.ceil(len(waiting) / math.ceil(len(waiting) / most))  # stacks of one size
                if runs:
                    from locexp.run.execute import execute

                    execute([run for run, _ in runs], note=self._note, draw=draw)
                    for run, folder in runs:
                        folder.error = run.error
        finally:
            runs.clear()
            forget_networks()
        return taken

    def _most_members(self, prepared: Prepared, wanted: int) -> int:
        """Return how many members like this one a stack can have; says if memory allows fewer than are wanted."""
        from locexp.training.memory import member_bytes

        member = prepared.member
        need = member_bytes(member.model, member.dtype, prepared.schedule.batch_size, len(prepared.data.dataset.train))
        fit = max(1, int(self._share * available_memory() / need))
        if fit < wanted:
            members = counted(fit, "member")
            self._note(f"a stack has {members}, not {wanted}: each takes about {need / 2**20:,.0f} MiB of memory")
        return min(fit, wanted)


def prepare_job(
    cfg: DictConfig,
    directory: Path,
    overrides: Sequence[str],
    link: SweepLink,
    *,
    until: int | None,
    stacked: bool,
) -> Run | Exception:
    """Prepare a job and return its run; or what keeps it from starting, which its record then says.

    Where the folder has a run, that goes on from its checkpoint, or from its start where it has not come so far.

    Args:
        cfg, stacked: see :func:`locexp.run.prepare.prepare`.
        directory, overrides, link, until: see :class:`locexp.run.run.Run`.
    """
    earlier, resumed = read_record(directory), None
    try:
        if earlier is None:
            from locexp.run.prepare import prepare

            prepared = prepare(cfg, stacked=stacked)
        else:
            from locexp.run.continuation import rebuild
            from locexp.training.checkpoint import read_checkpoint

            path = directory / CHECKPOINT
            checkpoint = read_checkpoint(path) if path.exists() or earlier.paused_after is not None else None
            prepared, resumed = rebuild(cfg, directory, earlier, checkpoint, stacked=stacked)
    except Exception as error:
        if (asked := asked_to_end()) is not None:
            raise asked from error
        from locexp.run.record import record_failure

        record_failure(cfg, directory, overrides, link, error, earlier)
        return error
    from locexp.run.run import Run  # imports TensorFlow, which `prepare` has started quietly

    return Run(prepared, directory, overrides, Screen(io.StringIO()), link, resumed, until)
