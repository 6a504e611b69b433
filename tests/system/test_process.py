"""Ending a process at once: what ``leave`` takes from the inside of ``atexit`` does what it is needed for."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys

import pytest

from locexp.system.process import is_alive, process_tags

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


def test_a_process_is_told_from_another_with_its_number() -> None:
    tags = process_tags()
    assert is_alive(tags) is True
    where, _, ticks = tags["process"].rpartition(".")
    assert is_alive(tags | {"process": f"{where}.{int(ticks) + 1}"}) is False
    assert is_alive(tags | {"host": "elsewhere"}) is None
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_alive(tags | {"pid": str(ended.pid)}) is False


def test_a_clock_that_is_set_makes_no_process_a_dead_one() -> None:
    tags = process_tags()
    assert is_alive(tags | {"process_start": str(float(tags["process_start"]) - 3600)}) is True


def test_another_machine_of_the_same_name_cannot_be_checked_and_one_that_was_started_anew_can() -> None:
    tags = process_tags()
    machine, boot, space, ticks = tags["process"].split(".")
    other = "00000000"
    assert is_alive(tags | {"process": f"{other}.{other}.{space}.{ticks}"}) is None
    assert is_alive(tags | {"process": f".{other}.{space}.{ticks}"}) is None  # of a container, which has no id
    assert is_alive(tags | {"process": f"{machine}.{boot}.{space}1.{ticks}"}) is None
    if machine:
        assert is_alive(tags | {"process": f"{machine}.{other}.{space}.{ticks}"}) is False


def test_tags_of_an_older_version_are_judged_by_the_time_of_the_start() -> None:
    tags = process_tags()
    del tags["process"]
    assert is_alive(tags) is True
    assert is_alive(tags | {"process_start": "0"}) is False


def test_a_container_with_the_same_host_name_cannot_be_checked() -> None:
    """Numbers of processes begin anew in it: a run that is alive there is dead, or another, by its number here."""
    apart = ["unshare", "--pid", "--fork", "--mount-proc"]
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this user may not make namespaces")
    code = "import json; from locexp.system.process import process_tags; print(json.dumps(process_tags()))"
    said = subprocess.run([*apart, sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    tags = json.loads(said)
    assert tags["host"] == socket.gethostname()
    assert is_alive(tags) is None
    assert is_alive(tags | {"pid": str(os.getpid())}) is None
