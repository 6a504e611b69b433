"""A store appears whole, or not at all; one that cannot be opened is known before anything is trained."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from locexp.errors import UserError
from locexp.tracking.location import check, locate
from locexp.tracking.mlflow_internals import is_store, make_store
from tests.conftest import TINY, door_here, only_run, train_here

CREATE = """
import sys
import sqlalchemy
from mlflow.store.db import utils
print("go", flush=True)
utils._initialize_tables(sqlalchemy.create_engine("sqlite:///" + sys.argv[1]))
"""
KILLED_MAKING = """
import os, sys
from pathlib import Path
from alembic.runtime.migration import MigrationContext
from locexp.tracking.mlflow_internals import make_store
left, begin = int(sys.argv[2]), MigrationContext.begin_transaction
def count(self, *args, **kwargs):
    global left
    left -= 1
    if left < 0:
        os._exit(9)
    return begin(self, *args, **kwargs)
MigrationContext.begin_transaction = count
make_store(Path(sys.argv[1]))
"""


def sql(database: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def halves(database: Path, revision: str | None) -> None:
    """Make of a store what a kill leaves: fewer tables, nothing in them, an earlier revision."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    initial = ("experiments", "runs", "tags", "metrics", "params", "alembic_version")
    sql(database, *(f'DROP TABLE "{name}"' for name in tables if name not in initial), "DELETE FROM alembic_version")
    sql(database, *([f"INSERT INTO alembic_version VALUES ('{revision}')"] if revision else []))


@pytest.fixture
def database(workplace: Path) -> Path:
    """A store that is whole, and holds an experiment. MLflow has made it elsewhere: it keeps what it has opened."""
    from locexp.tracking.session import Session

    Session(locate("made", None, "another"))
    database = workplace / "mlruns" / "mlflow.db"
    database.parent.mkdir()
    shutil.move(workplace / "made" / "mlflow.db", database)
    shutil.rmtree(workplace / "made")
    return database


@pytest.mark.parametrize("revision", [None, "451aebb31d03", "7ac759974ad8"])
def test_a_half_made_store_is_replaced_with_a_note(
    database: Path, revision: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    sql(database, "DELETE FROM experiments")
    halves(database, revision)
    assert not is_store(database)
    for door in ("compare", "ui"):
        done = door_here(door)
        assert (done.returncode, "holds no store yet" in done.stderr) == (2, True), done.stderr
    assert train_here(*TINY) == 0
    assert "was half made, without a run: it was made anew" in capsys.readouterr().err
    assert only_run(database.parents[1])
    assert {path.name for path in database.parent.iterdir()} == {"artifacts", "mlflow.db", "mlflow.lock"}


@pytest.mark.parametrize("content", [None, b"", "tables"])
def test_nothing_is_said_of_an_empty_file(
    workplace: Path, content: bytes | str | None, caplog: pytest.LogCaptureFixture
) -> None:
    database = workplace / "mlflow.db"
    if isinstance(content, bytes):
        database.write_bytes(content)
    elif content:
        sql(database, "CREATE TABLE t (a)", "DROP TABLE t")
    with caplog.at_level(logging.WARNING):
        replaced = make_store(database)
    assert is_store(database)
    assert replaced == (content == "tables")
    assert not make_store(database)


def test_a_journal_of_a_dead_store_is_not_played_back(workplace: Path, quick_stores: None) -> None:
    for suffix in ("-journal", "-wal", "-shm"):
        (workplace / f"mlflow.db{suffix}").write_bytes(b"left" * 1000)
        (workplace / f"mlflow.db.partial{suffix}").write_bytes(b"left" * 1000)
    make_store(workplace / "mlflow.db")
    check(locate("sqlite:///mlflow.db", None, "x"))
    assert [path.name for path in workplace.iterdir() if path.is_file()] == ["mlflow.db"]


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["UPDATE alembic_version SET version_num = 'ffffffffffff'"], "update mlflow, or give another tracking.uri"),
        (["UPDATE alembic_version SET version_num = '451aebb31d03'"], "bring it up to date with `"),
        (["DELETE FROM alembic_version"], "bring it up to date with `"),
        (["DROP TABLE experiments"], "is a database, but not MLflow's"),
    ],
)
def test_another_store_that_cannot_be_opened_is_known_before(
    database: Path, statements: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sql(database, *statements)
    before = database.read_bytes()
    assert train_here(*TINY) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: tracking.uri: {database} is a ")
    assert message in line
    assert database.read_bytes() == before
    assert not (database.parents[1] / "multirun").exists()


def test_damage_is_known_before(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = database.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:40960] + b"\xff" * 4096 * 20 + whole[40960 + 4096 * 20 :]):
        database.write_bytes(damaged)
        assert train_here(*TINY) == 2
        assert f"tracking.uri: {database} is damaged (" in capsys.readouterr().err


def test_what_is_in_the_way_of_a_store_is_known_before(workplace: Path) -> None:
    (workplace / "mlruns" / "mlflow.db").mkdir(parents=True)
    with pytest.raises(UserError, match="is not a file"):
        check(locate(None, None, "x"))
    (workplace / "other" / "mlflow.lock").mkdir(parents=True)
    (workplace / "other" / "mlflow.db").write_bytes(b"x")
    with pytest.raises(UserError, match="cannot be written"):
        check(locate("other", None, "x"))


@pytest.mark.slow
def test_a_kill_while_mlflow_makes_its_tables_costs_nothing(workplace: Path) -> None:
    """As it happens without locexp, or did before it made stores beside their place."""
    from locexp.tracking.session import Session

    for number, seconds in enumerate((0.0, 0.01, 0.1, 0.4, 0.8)):
        database = workplace / str(number) / "mlflow.db"
        database.parent.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-c", CREATE, str(database)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        process.stdout.readline()
        while not database.exists():
            time.sleep(0.001)
        time.sleep(seconds)
        process.kill()
        process.wait()
        location = locate(str(database.parent), None, "x")
        check(location)
        Session(location)
        assert {path.name for path in database.parent.iterdir()} == {"mlflow.db", "mlflow.lock"}


@pytest.mark.slow
def test_a_kill_while_locexp_makes_a_store_leaves_none(workplace: Path) -> None:
    database = workplace / "mlflow.db"
    for migrations in (0, 3, 20):
        killed = subprocess.run([sys.executable, "-c", KILLED_MAKING, str(database), str(migrations)], check=False)
        assert killed.returncode == 9
        assert not database.exists()
    assert not make_store(database)
    assert is_store(database)
    assert [path.name for path in workplace.iterdir()] == ["mlflow.db"]
