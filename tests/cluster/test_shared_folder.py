"""Two machines that share a folder: each with a host name and process numbers of its own, one with another clock."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from locexp.records.record import RunRecord
from tests.conftest import STOP_UNLESS_AGAIN, TINY, wait_until

APART = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]


def can_be_apart() -> bool:
    return shutil.which("unshare") is not None and not subprocess.run([*APART, "true"], check=False).returncode


pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.skipif(not can_be_apart(), reason="this user may not make namespaces"),
]

WAIT = """
import time
from pathlib import Path
import keras

class Wait(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        while epoch == 1 and not Path("go").exists():
            time.sleep(0.1)
"""
SLOW = (*TINY[:2], "trainer.epochs=2", *TINY[3:], "+trainer.callbacks={wait:{_target_:wait.Wait}}")


def machine(name: str, *words: str, clock: str | None = None) -> list[str]:
    """A command of locexp on a machine of this name, whose clock differs by so much."""
    behind = ["faketime", "-f", clock] if clock is not None else []
    return [*APART, "sh", "-c", 'hostname "$0"; exec "$@"', name, *behind, sys.executable, "-m", *words]


def done(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wait.py").write_text(WAIT)
    return tmp_path


@pytest.fixture
def sweep(shared: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A sweep on the machine `one`, which waits after its first epoch."""
    process = subprocess.Popen(
        machine("one", "locexp.train", *SLOW, "-m", "seed=1,2"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: len(list(shared.glob("multirun/*/*/*/history.jsonl"))) == 2, 120)
    yield process
    (shared / "go").touch()
    process.wait(120)


def shot(process: subprocess.Popen[bytes]) -> None:
    """The machine loses its power."""
    for child in psutil.Process(process.pid).children(recursive=True):
        child.kill()
    process.wait(60)


@pytest.mark.parametrize("name", ["two", "one"])
def test_a_sweep_at_work_is_left_alone_from_another_machine_whatever_its_name(
    sweep: subprocess.Popen[bytes], shared: Path, name: str
) -> None:
    again = done(machine(name, "locexp.train", "sweep.resume=last"))
    assert again.returncode == 2, again.stdout
    assert "another command is still running this sweep" in again.stderr
    dry = done(machine(name, "locexp.train", "sweep.resume=last", "sweep.dry_run=true"))  # which takes no lock
    assert dry.returncode == 2, dry.stdout
    assert "is RUNNING on one, which cannot be checked from here" in dry.stderr
    compared = done(machine(name, "locexp.compare"))
    assert compared.returncode == 2
    assert "RUNNING" in compared.stderr
    (shared / "go").touch()
    assert sweep.wait(120) == 0


def test_a_sweep_whose_machine_is_lost_goes_on_at_another_when_the_user_says_so(
    sweep: subprocess.Popen[bytes], shared: Path
) -> None:
    """The lock has gone with its machine; that the runs have, too, only the user knows."""
    shot(sweep)
    (shared / "go").touch()
    again = done(machine("two", "locexp.train", "sweep.resume=last"))
    assert again.returncode == 2
    assert "cannot be checked from here" in again.stderr
    forced = done(machine("two", "locexp.train", "sweep.resume=last", "sweep.presume_dead=true"))
    assert forced.returncode == 0, forced.stdout + forced.stderr
    assert "FINISHED 2 of 2 jobs have finished" in forced.stdout


@pytest.mark.skipif(shutil.which("faketime") is None, reason="needs faketime")
def test_a_clock_that_is_behind(shared: Path) -> None:
    """A run that was stopped goes on at a machine whose clock is an hour behind: nothing takes a negative time."""
    (shared / "halt.py").write_text(STOP_UNLESS_AGAIN)
    run = (*TINY[:2], "trainer.epochs=2", *TINY[3:], "+trainer.callbacks={stop:{_target_:halt.Stop}}")
    assert done(machine("one", "locexp.train", *run)).returncode == 130
    (folder,) = [path.parent for path in shared.glob("multirun/*/*/run.json")]
    (shared / "again").touch()
    went_on = done(machine("two", "locexp.train", f"trainer.resume={folder}", clock="-1h"))
    assert went_on.returncode == 0, went_on.stdout + went_on.stderr
    record = RunRecord.read(folder)
    assert record.status == "FINISHED"
    assert 0 < record.metrics["time/total_seconds"] < 600
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert rows[0]["timestamp"] > rows[1]["timestamp"]  # the clocks did differ
