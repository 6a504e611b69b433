"""What a kill cannot show: a disk that fails at any write, a store that cannot be written, a server that misbehaves.

Whatever fails, the command ends with a line and a status, what was trained is in the run's folder or said to be lost,
and a second command goes on: no run stays RUNNING.
"""

from __future__ import annotations

import http.server
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy
from sqlalchemy import event

from locexp.records.record import RunRecord
from tests.conftest import TINY, door_here, only_run, tiny_without, train_here
from tests.faults import ERRORS, Disk

SWEEP = (*tiny_without("seed"), "--multirun", "seed=1,2", "hydra.launcher.max_members=2")


@pytest.fixture
def disk(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(workplace, monkeypatch)


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes of earlier commands have ended: here, all are this one."""
    from locexp.run import resume
    from locexp.sweep import mending, outcomes, stored
    from locexp.tracking import relog

    for module in (resume, relog, mending, outcomes, stored):
        monkeypatch.setattr(module, "is_alive", lambda tags: False)


def records(place: Path) -> dict[Path, RunRecord]:
    return {path.parent: RunRecord.read(path.parent) for path in sorted(place.glob("multirun/**/run.json"))}


def statuses(place: Path) -> list[str]:
    """The statuses of all runs in the store."""
    if not (place / "mlruns" / "mlflow.db").is_file():
        return []
    with sqlite3.connect(place / "mlruns" / "mlflow.db") as database:
        try:
            return [status for (status,) in database.execute("SELECT status FROM runs")]
        except sqlite3.OperationalError:  # no table yet
            return []


def go_on(place: Path, words: tuple[str, ...]) -> None:
    """Do what the messages say: resume, log, or begin anew; nothing is RUNNING in the end, and something has finished."""
    if any(place.glob("multirun/*/*/sweep/sweep.json")) and train_here("sweep.resume=last") == 0:
        pass
    else:
        for directory, record in records(place).items():
            if record.status in ("RUNNING", "FAILED", "KILLED") and (directory / "checkpoint.npz").exists():
                assert train_here(f"trainer.resume={directory}") == 0
        if not any(record.status == "FINISHED" for record in records(place).values()):
            assert train_here(*words) == 0
    for directory, record in records(place).items():
        if not record.logged or record.status == "RUNNING":
            assert door_here("log", str(directory)).returncode == 0
    left = records(place)
    assert "RUNNING" not in {record.status for record in left.values()}
    assert "FINISHED" in {record.status for record in left.values()}
    assert "RUNNING" not in statuses(place)


def every_write(words: tuple[str, ...], place: Path, disk: Disk) -> list[str]:
    """Run a command on a good disk; returns its writes."""
    disk.fail(0, 0, stays=False)
    assert train_here(*words) == 0
    return list(disk.where)


def try_write(
    number: int, what: str, stays: bool, words: tuple[str, ...], place: Path, disk: Disk, capsys: Any
) -> None:
    """Run a command on a disk that fails at a write, then go on with a good one."""
    capsys.readouterr()
    disk.fail(number, ERRORS[what], stays=stays)
    status = train_here(*words)
    failed, at = disk.has_failed, disk.where[number - 1] if number <= len(disk.where) else ""
    disk.heal()
    said = capsys.readouterr()
    if not failed:
        return
    assert "Traceback" not in said.err, at
    if status:
        assert said.err.strip(), f"{at}: nothing was said"
    else:  # it could do without
        assert {record.status for record in records(place).values()} == {"FINISHED"}, at
        assert all(record.logged for record in records(place).values()), at
    go_on(place, words)
    capsys.readouterr()


def spread(count: int, most: int) -> list[int]:
    """Numbers from 1 to ``count``, ``most`` of them."""
    return sorted({round(1 + (count - 1) * i / max(most - 1, 1)) for i in range(most)})


@pytest.mark.parametrize("stays", [False, True], ids=["once", "for good"])
def test_a_disk_that_fails_a_run(
    workplace: Path, disk: Disk, stays: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail_everywhere(TINY, workplace, disk, stays, 10, monkeypatch, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("words", [TINY, SWEEP], ids=["run", "sweep"])
@pytest.mark.parametrize("stays", [False, True], ids=["once", "for good"])
def test_a_disk_that_fails_at_every_write(
    workplace: Path,
    disk: Disk,
    words: tuple[str, ...],
    stays: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _fail_everywhere(words, workplace, disk, stays, 10_000, monkeypatch, capsys)


def _fail_everywhere(
    words: tuple[str, ...],
    workplace: Path,
    disk: Disk,
    stays: bool,
    most: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    whole = workplace / "whole"
    whole.mkdir()
    monkeypatch.chdir(whole)
    writes = every_write(words, whole, disk)
    faults = []
    for turn, number in enumerate(spread(len(writes), most)):
        place = workplace / str(number)
        place.mkdir()
        monkeypatch.chdir(place)
        try:
            try_write(number, list(ERRORS)[turn % len(ERRORS)], stays, words, place, disk, capsys)
        except Exception as error:  # all of them are wanted
            disk.heal()
            faults.append(f"write {number}, {writes[number - 1]}: {type(error).__name__}: {str(error)[:300]}")
    assert not faults, "\n".join([f"{len(faults)} of {len(writes)} writes", *faults])
