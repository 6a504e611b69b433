"""What a kill cannot show: a disk that fails at any write, a store that cannot be written, a server that misbehaves.

Whatever fails, the command ends with a line and a status, what was trained is in the run's folder or said to be lost,
and a second command goes on: no run stays RUNNING.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import event

from locexp.records.history import read_history
from locexp.records.record import RunRecord
from tests.conftest import TINY, door_here, only_run, tiny_without, train_here
from tests.faults import ERRORS, Disk
from tests.servers import MISBEHAVIOURS, FakeServer

WRITES = int(os.environ.get("LOCEXP_WRITES", "12"))
"""How many kinds of write are tried, spread over all; ``LOCEXP_WRITES=1000`` tries all of them, in about an hour."""
SWEEP = (*tiny_without("seed"), "--multirun", "seed=1,2", "sweep.max_members=2")


@pytest.fixture
def disk(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(workplace, monkeypatch)


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes of earlier commands have ended: here, all are this one."""
    from locexp.run import resume
    from locexp.sweep import folder, stored
    from locexp.tracking import relog

    for module in (resume, relog, folder, stored):
        monkeypatch.setattr(module, "is_alive", lambda tags: False)


def records(place: Path) -> dict[Path, RunRecord]:
    return {path.parent: RunRecord.read(path.parent) for path in sorted(place.glob("multirun/**/run.json"))}


def statuses(place: Path, store: str = "mlruns") -> list[str]:
    """The statuses of all runs in the store."""
    if not (place / store / "mlflow.db").is_file():
        return []
    with sqlite3.connect(place / store / "mlflow.db") as database:
        try:
            return [status for (status,) in database.execute("SELECT status FROM runs")]
        except sqlite3.OperationalError:  # no table yet
            return []


def go_on(place: Path, words: tuple[str, ...]) -> None:
    """Do what the messages say: resume, log, or begin anew; in the end nothing is RUNNING, something has finished."""
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


def kinds_of_write(writes: list[str]) -> list[int]:
    """Return the number, from 1, of the first write of each kind: the operation and the file, whatever its ids."""
    first: dict[str, int] = {}
    for number, write in enumerate(writes, 1):
        first.setdefault(re.sub(r"[0-9a-f]{6,}|[0-9]+", "", write), number)
    return list(first.values())


def spread(count: int, most: int) -> list[int]:
    """Numbers from 1 to ``count``, ``most`` of them."""
    return sorted({round(1 + (count - 1) * i / max(most - 1, 1)) for i in range(most)})


@pytest.mark.parametrize("stays", [False, True], ids=["once", "for good"])
@pytest.mark.slow
def test_a_disk_that_fails_a_run(
    workplace: Path, disk: Disk, stays: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail_everywhere(TINY, workplace, disk, stays, 3, monkeypatch, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("words", [TINY, SWEEP], ids=["run", "sweep"])
@pytest.mark.parametrize("stays", [False, True], ids=["once", "for good"])
def test_a_disk_that_fails_at_each_kind_of_write(
    workplace: Path,
    disk: Disk,
    words: tuple[str, ...],
    stays: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _fail_everywhere(words, workplace, disk, stays, WRITES, monkeypatch, capsys)


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
    kinds = kinds_of_write(writes)
    for turn, number in enumerate(kinds[at - 1] for at in spread(len(kinds), most)):
        place = workplace / str(number)
        place.mkdir()
        monkeypatch.chdir(place)
        try:
            try_write(number, list(ERRORS)[turn % len(ERRORS)], stays, words, place, disk, capsys)
        except Exception as error:  # all of them are wanted
            disk.heal()
            faults.append(f"write {number}, {writes[number - 1]}: {type(error).__name__}: {str(error)[:300]}")
    assert not faults, "\n".join([f"{len(faults)} of {len(kinds)} kinds of write", *faults])


@contextlib.contextmanager
def failing_store(message: str, at: int, *, until: float = math.inf) -> Iterator[list[str]]:
    """Let SQLite refuse every change from one on, and until one; yields the changes."""
    changes: list[str] = []

    def before(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.split(maxsplit=1)[0] in ("INSERT", "UPDATE", "DELETE"):
            changes.append(statement[:60])
            if at and at <= len(changes) < until:
                raise sqlite3.OperationalError(message)

    event.listen(sqlalchemy.Engine, "before_cursor_execute", before)
    try:
        yield changes
    finally:
        event.remove(sqlalchemy.Engine, "before_cursor_execute", before)


STORE_ERRORS = (
    "attempt to write a readonly database",
    "database or disk is full",
    "disk I/O error",
)


@pytest.mark.slow
def test_a_run_that_cannot_be_logged_takes_none_with_it(workplace: Path) -> None:
    """Of a sweep that is logged to another store, the second run fails in the middle; the third is logged."""
    assert train_here(*tiny_without("seed"), "--multirun", "seed=1,2,3", "sweep.max_members=3") == 0
    (sweep,) = workplace.glob("multirun/*/*/sweep")
    to_log = ("log", str(sweep.parent), "--uri")
    with failing_store("", 0) as changes:
        assert door_here(*to_log, "first").returncode == 0
    starts = [at for at, change in enumerate(changes, 1) if change.startswith("INSERT INTO runs")]
    assert len(starts) == 4
    with failing_store("disk I/O error", starts[2] + 5, until=starts[2] + 6):
        done = door_here(*to_log, "second")
    assert done.returncode == 1
    assert "1 job could not be logged: 1" in done.stderr
    assert statuses(workplace, "second") == ["FINISHED", "FINISHED", "FAILED", "FINISHED"]
    assert door_here(*to_log, "second").returncode == 0
    assert statuses(workplace, "second") == ["FINISHED"] * 4


@pytest.mark.slow
@pytest.mark.parametrize("words", [TINY, SWEEP], ids=["run", "sweep"])
def test_a_store_that_refuses_a_change(
    workplace: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first", "whole"):  # the first store of this process is migrated, the others are copies of it
        (workplace / name).mkdir()
        monkeypatch.chdir(workplace / name)
        with failing_store("", 0) as changes:
            assert train_here(*words) == 0
    faults = []
    for turn, at in enumerate(spread(len(changes), 3 if words == TINY else 12)):
        place = workplace / str(at)
        place.mkdir()
        monkeypatch.chdir(place)
        capsys.readouterr()
        try:
            with failing_store(STORE_ERRORS[turn % len(STORE_ERRORS)], at):
                status = train_here(*words)
            said = capsys.readouterr()
            assert status in (1, 2), "nothing was noticed"
            assert "Traceback" not in said.err
            assert said.err.strip()
            for folder in records(place):  # whose run may have ended before its first epoch
                assert (folder / "model.keras").is_file() or not read_history(folder)
            go_on(place, words)
        except Exception as error:  # all of them are wanted
            faults.append(f"change {at}, {changes[at - 1]}: {type(error).__name__}: {str(error)[:300]}")
    assert not faults, "\n".join(faults)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    for name, value in {"MAX_RETRIES": "1", "TIMEOUT": "1", "BACKOFF_FACTOR": "0", "BACKOFF_JITTER": "0"}.items():
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", value)
    made = FakeServer(tmp_path_factory.mktemp("server"))
    yield made
    made.close()


def test_the_server_of_these_tests_is_one(workplace: Path, server: FakeServer) -> None:
    assert train_here(*TINY, f"tracking.uri={server.uri}") == 0
    (run,) = server.runs.values()
    record = RunRecord.read(only_run(workplace))
    assert (run["status"], record.logged) == ("FINISHED", True)
    assert {"val/accuracy", "test/accuracy"} <= {metric["key"] for metric in run["metrics"]}


@pytest.mark.parametrize("how", [how for how in MISBEHAVIOURS if how != "ends in the middle"])
def test_a_server_that_misbehaves_from_the_start_is_refused(workplace: Path, server: FakeServer, how: str) -> None:
    server.misbehave(how, 0)
    assert train_here(*TINY, f"tracking.uri={server.uri}") == 2
    assert not list(workplace.iterdir())


@pytest.mark.parametrize(
    ("how", "after"),
    [
        ("answers 500", 1),
        *(pytest.param(how, after, marks=pytest.mark.slow) for how in MISBEHAVIOURS[1:] for after in (1, 2)),
    ],
)
def test_a_server_that_misbehaves_while_a_run_trains_costs_nothing(
    workplace: Path, server: FakeServer, how: str, after: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """From its first or second epoch on; in the end the command that is printed logs the run."""
    server.misbehave(how, after)
    assert train_here(*tiny_without("trainer.epochs"), "trainer.epochs=3", f"tracking.uri={server.uri}") == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    directory = only_run(workplace)
    record = RunRecord.read(directory)
    assert (record.status, record.logged) == ("FINISHED", False)
    assert (directory / "model.keras").is_file()
    assert f"python -m locexp.log {directory}" in said.out
    server.heal()
    assert door_here("log", str(directory)).returncode == 0
    assert RunRecord.read(directory).logged
    assert "RUNNING" not in {run["status"] for run in server.runs.values()}
    done = [run for run in server.runs.values() if run["status"] == "FINISHED"]
    steps = [metric["step"] for metric in done[-1]["metrics"] if metric["key"] == "val/accuracy"]
    assert sorted(set(steps)) == [1, 2, 3]
