"""``hydra/launcher=stacked``: jobs that share data, boxes, network and schedule train side by side in this process.

Each leaves what Hydra's basic launcher would have left: its folder with the configuration and the log, its record, its
run in the store. What cannot be stacked is trained alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psutil
from omegaconf import DictConfig, OmegaConf

from locexp.configuration.hydra_internals import Callbacks
from locexp.errors import counted
from locexp.plots.pictures import Draw, Drawer
from locexp.records.files import CHECKPOINT
from locexp.records.record import RECORD
from locexp.records.sweep_list import SweepList
from locexp.run.folder import RunFolder, shared_logging
from locexp.sweep.jobs import PlacedJob
from locexp.sweep.launchers import prepare_job, usual_members
from locexp.system.process import core_count, forget_networks
from locexp.training.checkpoint import epochs_done

if TYPE_CHECKING:
    from locexp.run.prepare import Prepared
    from locexp.run.run import Run

MAX_DRAWING_PROCESSES = 4
"""Processes that draw pictures, where there are as many cores: each takes a tenth of a gigabyte."""
SHARED = ("data", "bbox", "model", "trainer")
"""Groups in which the jobs of a stack are equal; they go on from one epoch to one other, too. Different networks could
train together as well, but then it would not be known what time and memory each takes."""
MEMORY_SHARE = 0.5
"""How much of the memory that is free a stack may take."""


class Stacks:
    """Trains jobs in stacks.

    Args:
        hydra: Hydra's part of the sweep's configuration.
        callbacks: the user's, of ``hydra.callbacks``.
        note: shows what does not go as planned.
        max_members: jobs in a stack at most; ``None`` chooses by cores and memory.
    """

    def __init__(
        self, hydra: DictConfig, callbacks: Callbacks, *, note: Callable[[str], None], max_members: int | None
    ) -> None:
        self._hydra, self._callbacks, self._note, self._asked = hydra, callbacks, note, max_members

    def __call__(self, jobs: Sequence[PlacedJob]) -> None:
        """Run jobs, each in its folder; how each ended is in its record.

        Raises:
            KeyboardInterrupt, Terminated: after every open run has been closed as KILLED.
        """
        sweep = SweepList.read(jobs[0][1].parent)
        groups: dict[tuple[str, int, int | None], list[PlacedJob]] = {}
        for job, directory in jobs:
            shared = OmegaConf.to_yaml(OmegaConf.masked_copy(job.cfg, list(SHARED)), resolve=True)
            group = shared, epochs_done(directory / CHECKPOINT), sweep.until(job.index)
            groups.setdefault(group, []).append((job, directory))
        with shared_logging(self._hydra), Drawer(min(core_count(), MAX_DRAWING_PROCESSES)) as drawer:
            for waiting in groups.values():
                while waiting:
                    waiting = waiting[self._run_stack(waiting, sweep, drawer.draw) :]

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
                            stacked=True,
                        )
                    if isinstance(run, Exception):
                        folder.error = run
                        most += not runs  # that one was no use for telling how many fit
                        continue
                    run.current = folder.current
                    runs.append((run, folder))
                    if len(runs) == 1:
                        most = self._most_members(run.prepared)
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

    def _most_members(self, prepared: Prepared) -> int:
        """Return how many members like this one a stack can have; says if memory allows fewer than are asked for."""
        from locexp.training.memory import member_bytes

        wanted = self._asked or usual_members(core_count())
        member = prepared.member
        need = member_bytes(member.model, member.dtype, prepared.schedule.batch_size, len(prepared.data.dataset.train))
        fit = max(1, int(MEMORY_SHARE * psutil.virtual_memory().available / need))
        if fit < wanted:
            members = counted(fit, "member")
            self._note(f"a stack has {members}, not {wanted}: each takes about {need / 2**20:,.0f} MiB of memory")
        return min(fit, wanted)
