"""What SLURM says, by its own commands: ``squeue`` what it still has, ``sacct`` how the rest ended, ``sbatch
--test-only`` and ``scontrol`` what it would take.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from omegaconf import DictConfig

from locexp.errors import UserError, first_line

ANSWER_SECONDS = 60.0
"""How long a command may take: a busy controller lets its clients wait."""
FLAGS = {
    "partition": "partition",
    "qos": "qos",
    "account": "account",
    "constraint": "constraint",
    "exclude": "exclude",
    "gres": "gres",
    "nodes": "nodes",
    "tasks_per_node": "ntasks-per-node",
    "cpus_per_task": "cpus-per-task",
    "cpus_per_gpu": "cpus-per-gpu",
    "gpus_per_node": "gpus-per-node",
    "gpus_per_task": "gpus-per-task",
    "mem_per_cpu": "mem-per-cpu",
    "mem_per_gpu": "mem-per-gpu",
    "timeout_min": "time",
}
"""Keys of ``hydra.launcher`` that ask for resources, with the options of ``sbatch`` that submitit makes of them."""


UNENDED = ("PENDING", "RUNNING", "SUSPENDED", "REQUEUED", "RESIZING")
"""What ``sacct`` says of jobs that have not ended, as far as it knows: it may be behind ``squeue``."""


ENDS = {
    "CANCELLED": "cancelled in SLURM",
    "TIMEOUT": "cut off by SLURM's time limit; raise hydra.launcher.timeout_min",
    "DEADLINE": "cut off by SLURM's deadline",
    "OUT_OF_MEMORY": "ended by SLURM for lack of memory; raise hydra.launcher.mem_gb",
    "NODE_FAIL": "lost with its node, and SLURM did not run it again",
    "BOOT_FAIL": "lost with its node, and SLURM did not run it again",
    "PREEMPTED": "preempted in SLURM, which did not run it again",
}
"""How SLURM ends tasks, by its states."""


class NoAnswerError(Exception):
    """SLURM's command is not there, or its daemon does not answer; says why."""


@dataclass(frozen=True)
class Entry:
    """A task that SLURM has, waiting or at work.

    Attributes:
        job_id: as SLURM's commands take it, ``12`` or ``12_3``.
        state: ``PENDING``, ``RUNNING``, …
        reason: why it waits, in SLURM's word.
        script: what was given to ``sbatch``.
    """

    job_id: str
    state: str
    reason: str
    script: str

    @property
    def index(self) -> int:
        """Its number in the array that it was submitted with."""
        return int(self.job_id.partition("_")[2] or 0)


def queue() -> list[Entry]:
    """Return all tasks of this user that SLURM has; raises :class:`NoAnswerError`."""
    lines = _answer("squeue", "--noheader", "--array", f"--user={os.getuid()}", "--format=%i|%T|%r|%o").splitlines()
    return [Entry(*line.strip().split("|", 3)) for line in lines if line.count("|") >= 3]


def ends(job_ids: Iterable[str]) -> dict[str, str]:
    """Return how jobs ended, as ``{"12_3": "TIMEOUT"}``.

    Args:
        job_ids: those of arrays, or of single jobs.

    Raises:
        NoAnswerError: there is no accounting.
    """
    lines = _answer("sacct", "--noheader", "--parsable2", "--allocations", "--format=JobID,State", "--jobs", *job_ids)
    found: dict[str, str] = {}
    for line in lines.splitlines():
        job_id, _, state = line.strip().partition("|")
        if (word := state.split(" ")[0]) not in UNENDED:
            found |= dict.fromkeys(_expanded(job_id), word)
    return found


def worded(state: str | None, job_id: str) -> str | None:
    """Return how a job ended by its state, ``None`` where SLURM does not know it; ``None`` if it ended by itself."""
    if state is None:
        return f"SLURM no longer has it ({job_id})"
    return f"{ENDS[state]} ({job_id})" if state in ENDS else None


def check_accounting() -> None:
    """Check that ``sacct`` answers; raises :class:`NoAnswerError`."""
    _answer("sacct", "--noheader", "--allocations", "--format=JobID", "--starttime=now")


def largest_array() -> int | None:
    """Return how many tasks one submission may have; ``None`` where SLURM does not say.

    Raises:
        NoAnswerError: there is no SLURM here.
    """
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _answer("scontrol", "show", "config"), re.MULTILINE)
    return max(1, int(found[1]) - 1) if found else None


def check(launcher: DictConfig) -> None:
    """Check that SLURM would take a task with the resources that ``hydra.launcher`` asks for.

    Raises:
        UserError: it would not, or there is none here.
    """
    options = [f"--{flag}={launcher[key]}" for key, flag in FLAGS.items() if launcher.get(key) is not None]
    if launcher.get("mem_gb") is not None:
        options.append(f"--mem={int(float(launcher.mem_gb) * 1024)}M")
    further = launcher.get("additional_parameters") or {}
    options += [
        f"--{str(key).replace('_', '-')}" + ("" if value is True else f"={value}") for key, value in further.items()
    ]
    try:
        _answer("sbatch", "--test-only", *options, "--wrap=true")
    except NoAnswerError as error:
        keys = [key for key in (*FLAGS, "mem_gb") if launcher.get(key) is not None]
        asked = ", ".join(
            [f"hydra.launcher.{key}={launcher[key]}" for key in keys]
            + [f"hydra.launcher.additional_parameters.{key}={value}" for key, value in further.items()]
        )
        raise UserError(
            f"hydra/launcher=submitit_slurm: SLURM does not take such tasks ({error}). It was asked for {asked}; "
            "`sinfo` lists what there is. Without a cluster, leave hydra/launcher out."
        ) from None


def _answer(*words: str) -> str:
    # SLURM's own variables would filter what squeue and sacct list.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SQUEUE_", "SACCT_"))}
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            env=environment | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError:
        raise NoAnswerError(f"there is no {words[0]} here") from None
    except OSError as error:
        raise NoAnswerError(f"{words[0]}: {error.strerror or error}") from None
    except subprocess.TimeoutExpired:
        raise NoAnswerError(f"{words[0]} has not answered for {ANSWER_SECONDS:.0f} s") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise NoAnswerError(first_line(lines[-1] if lines else f"{words[0]} failed with status {done.returncode}", 200))
    return done.stdout


def _expanded(job_id: str) -> Iterator[str]:
    """Yield the ids that one of sacct's stands for: tasks that ended before they began share ``12_[4-7,9]``."""
    array, is_range, rest = job_id.partition("_[")
    if not is_range:
        yield job_id
        return
    for part in rest.partition("]")[0].partition("%")[0].split(","):
        first, _, last = part.partition("-")
        if first.isdecimal():
            yield from (f"{array}_{index}" for index in range(int(first), int(last or first) + 1))
