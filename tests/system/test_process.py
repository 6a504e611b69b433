"""Ending a process at once: what ``leave`` takes from the inside of ``atexit`` does what it is needed for."""

from __future__ import annotations

import subprocess
import sys

import pytest

LEAVING = """
import atexit, logging, threading, time
from locexp.system.process import leave

class Stubborn:
    def __del__(self):
        print("freed", flush=True)

kept = Stubborn()
atexit.register(print, "exit handler")
print("not flushed yet", end=" ")
leave({status})
"""


@pytest.mark.parametrize("status", [0, 3])
def test_a_process_leaves_with_its_status_handlers_run_streams_flushed_and_nothing_freed(status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVING.format(status=status)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (status, "")
    broken = "atexit._run_exitfuncs no longer runs the exit handlers: locexp.system.process.leave needs another way"
    assert "exit handler" in done.stdout, broken
    assert done.stdout.startswith("not flushed yet")
    assert "freed" not in done.stdout
