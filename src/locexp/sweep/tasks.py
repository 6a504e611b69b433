"""Tasks: what a launcher is handed at a time. Each is a list of jobs that can train side by side, as one stack or more.

What crosses the boundary to a worker is the name of the task's folder alone; in the file there it finds its jobs.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from locexp.configuration.compose import Composition
from locexp.errors import UserError, listed
from locexp.records.files import CHECKPOINT
from locexp.records.format import FORMAT, build, parse_object
from locexp.records.provenance import UNKNOWN, VERSIONS, provenance
from locexp.records.sweep_list import LIST
from locexp.run.training_data import digests_of
from locexp.sweep.jobs import PlacedJob
from locexp.system.files import write_whole
from locexp.system.process import process_tags
from locexp.training.checkpoint import epochs_done

TASKS = LIST.with_name("tasks")
"""The folder in a sweep's folder that holds a folder for each task that was ever handed over, numbered from 0."""
TASK, NOTES, STOPPED, LOCK = "task.json", "notes.txt", "stopped.txt", "lock"
"""The files in a task's folder: which jobs it has; what its worker has to say, a line each; why it was stopped; what
the attempt holds that is at work."""
SHARED = ("data", "bbox", "model", "trainer")
"""Groups in which the jobs of a stack are equal; they go on from one epoch to one other, too. Different networks could
train together as well, but then it would not be known what time and memory each takes."""

Task = Sequence[PlacedJob]
Until = Callable[[int], int | None]
"""Returns after how many epochs the job of an index pauses; ``None`` for its end."""


def groups_of(jobs: Sequence[PlacedJob], until: Until) -> list[list[PlacedJob]]:
    """Return the jobs by what those of a stack share: :data:`SHARED`, the epoch they go on from, the one they go to."""
    known: dict[int, str] = {}

    def shared(composition: Composition) -> str:
        if id(composition) not in known:
            groups = [OmegaConf.to_container(composition.cfg[name], resolve=True) for name in SHARED]
            known[id(composition)] = repr(groups)
        return known[id(composition)]

    groups: dict[tuple[str, int, int | None], list[PlacedJob]] = {}
    for job, folder in jobs:
        key = shared(job.composition), epochs_done(folder / CHECKPOINT), until(job.index)
        groups.setdefault(key, []).append((job, folder))
    return list(groups.values())


def split(jobs: Sequence[PlacedJob], until: Until, *, members: int, workers: int) -> list[Task]:
    """Return jobs as tasks of nearly one size: few, so that much is shared, and enough to keep every worker busy.

    Args:
        jobs: with their folders.
        until: see :data:`Until`.
        members: jobs in a task at most.
        workers: how many tasks are at work at a time; the tasks are a multiple of them where there are enough jobs.
    """
    groups = groups_of(jobs, until)
    counts = [math.ceil(len(group) / members) for group in groups]
    wanted = min(len(jobs), math.ceil(sum(counts) / workers) * workers)
    while sum(counts) < wanted:
        sizes = [len(group) / count for group, count in zip(groups, counts, strict=True)]
        counts[sizes.index(max(sizes))] += 1
    tasks: list[Task] = []
    for group, count in zip(groups, counts, strict=True):
        ends = [len(group) * number // count for number in range(count + 1)]
        tasks += [group[start:end] for start, end in itertools.pairwise(ends)]
    return tasks


@dataclass(frozen=True)
class StoredTask:
    """A task as it lies in the sweep's folder.

    Attributes:
        folders: of its jobs, by their names.
        threads: for each job where ``trainer.threads=auto``; ``None`` leaves it.
        beside: how many tasks share the memory of the machine, this one included.
        stacked: its jobs train side by side; else it is one job, trained as a run by itself is.
        until: the epochs after which its jobs pause; ``None`` for their end.
        code, data: of the command that hands it over, see :meth:`check`.
    """

    folders: list[str]
    threads: int | None
    beside: int
    stacked: bool
    until: int | None = None
    code: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)

    def write(self, directory: Path) -> str:
        """Write the task into the folder of its sweep; returns the name of the task's own folder in that."""
        (directory / TASKS).mkdir(parents=True, exist_ok=True)
        folder = TASKS / str(sum(1 for _ in (directory / TASKS).iterdir()))
        (directory / folder).mkdir()
        write_whole(directory / folder / TASK, json.dumps({"format": FORMAT, **asdict(self)}) + "\n")
        return str(folder)

    @classmethod
    def read(cls, folder: Path) -> StoredTask:
        """Read the task of a folder; raises OSError, and what :func:`~locexp.records.format.parse_object` raises."""
        stored: dict[str, Any] = parse_object((folder / TASK).read_bytes(), folder / TASK)
        return build(cls, stored, folder / TASK)

    def check(self, cfg: DictConfig) -> None:
        """Check that the code and the data of this process are those that the sweep's own process had.

        Args:
            cfg: of a job of the task.

        Raises:
            UserError: they are others; or the data cannot be loaded here.
        """
        host = process_tags()["host"]
        code = [
            f"{name} {here} (the sweep's: {self.code[name]})"
            for name, here in code_of(cfg).items()
            if self.code.get(name, here) != here and not is_unknown(here) and not is_unknown(self.code[name])
        ]
        if code and not cfg.sweep.allow_mixed:
            raise UserError(
                f"worker on {host}: runs other code than the sweep: {listed(code)}. Install the same there and resume, "
                "or add sweep.allow_mixed=true."
            )
        found = digests_of(cfg)
        data = [name for name, digest in self.data.items() if found.get(name) != digest]
        if data:
            raise UserError(
                f"data: the {listed(data)} that the worker on {host} reads are not those of the sweep. Let "
                "data.path name the same files on each machine, and resume."
            )


def code_of(cfg: DictConfig) -> dict[str, str]:
    """Return the tags that say which code this process runs."""
    tags = provenance(cfg, ())
    return {name: tags[name] for name in VERSIONS if name in tags}


def is_unknown(version: str) -> bool:
    """Whether a tag of :func:`code_of` does not say which code it is, as where git does not answer."""
    return version.endswith(UNKNOWN)
