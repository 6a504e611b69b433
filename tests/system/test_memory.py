"""Memory that a process may still take, where it was given less than the machine has."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from locexp.system import memory
from locexp.system.memory import available_memory

MIB = 2**20


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with a GiB that is free, whose control groups are in this folder; nothing is limited."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**30))
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    for name in ("SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)
    read = Path.read_text
    own = "4:memory:/old\n0::/batch/job\n"
    monkeypatch.setattr(
        Path,
        "read_text",
        lambda path, *args, **kw: own if str(path) == "/proc/self/cgroup" else read(path, *args, **kw),
    )
    return tmp_path


def limit(folder: Path, most: str, taken: int, files: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{taken}\n")
    (folder / "memory.stat").write_text(f"anon 7\ninactive_file {files // 2}\nactive_file {files - files // 2}\n")


def test_without_limits_it_is_what_the_machine_has_free(machine: Path) -> None:
    assert available_memory() == 2**30
    limit(machine / "batch" / "job", "max", 900 * MIB, 0)
    assert available_memory() == 2**30


def test_a_limit_of_the_group_or_of_one_above_it_counts_and_cached_files_do_not(machine: Path) -> None:
    limit(machine / "batch" / "job", str(800 * MIB), 300 * MIB, 100 * MIB)
    assert available_memory() == 600 * MIB
    limit(machine / "batch", str(500 * MIB), 350 * MIB, 0)
    assert available_memory() == 150 * MIB
    limit(machine / "batch", str(500 * MIB), 501 * MIB, 0)
    assert available_memory() == 0


@pytest.mark.parametrize(
    "given", [{"SLURM_MEM_PER_NODE": "512"}, {"SLURM_MEM_PER_CPU": "256", "SLURM_CPUS_PER_TASK": "2"}]
)
def test_a_task_has_what_slurm_gave_it(machine: Path, given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(psutil, "Process", lambda: SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=12 * MIB)))
    assert available_memory() == 500 * MIB
