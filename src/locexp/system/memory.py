"""Memory that this process may still take: that of the machine, and less where it was given less."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")


def available_memory() -> int:
    """Return how many bytes this process may still take.

    The least of what the machine has free, what the control groups (version 2) of the process leave it, as in a
    container, and what SLURM gave to the task.
    """
    return max(0, min([psutil.virtual_memory().available, *_left_by_groups(), *_left_by_slurm()]))


def _left_by_groups() -> list[int]:
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if own is None:
        return []
    left, folder = [], CGROUPS / own
    while folder.is_relative_to(CGROUPS):
        try:
            most, taken = ((folder / f"memory.{name}").read_text() for name in ("max", "current"))
            counts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except OSError:  # the root has none of them
            most = "max"
        if most.strip() != "max":
            files = sum(int(counts.get(name, 0)) for name in ("inactive_file", "active_file"))  # given back when needed
            left.append(int(most) - int(taken) + files)
        folder = folder.parent
    return left


def _left_by_slurm() -> list[int]:
    mib = _number("SLURM_MEM_PER_NODE") or _number("SLURM_MEM_PER_CPU") * max(1, _number("SLURM_CPUS_PER_TASK"))
    return [mib * 2**20 - psutil.Process().memory_info().rss] if mib else []


def _number(variable: str) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else 0
