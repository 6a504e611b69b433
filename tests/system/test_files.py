"""Files that are whole or not there, and records that do not stay RUNNING on a full disk."""

from __future__ import annotations

import errno
import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from locexp.errors import UserError
from locexp.records.record import RunRecord
from locexp.system.files import locked, replacing, share, write_whole


@pytest.fixture
def at_most_10_bytes() -> Iterator[None]:
    """No file may grow beyond ten bytes; the system says EFBIG as it says ENOSPC of a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("at_most_10_bytes")
def test_what_cannot_be_written_whole_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, "short→")
    with pytest.raises(OSError, match="File too large") as caught:
        write_whole(path, "longer than ten bytes")
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert path.read_bytes() == "short→".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_leaves_nothing_beside(tmp_path: Path) -> None:
    def write_half() -> None:
        with replacing(tmp_path / "model.keras") as partial:
            assert partial.suffix == ".keras"
            partial.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("status", "expected"), [("FINISHED", "FAILED"), ("FAILED", "FAILED"), ("KILLED", "KILLED")])
def test_a_record_that_cannot_be_replaced_does_not_stay_running(status: str, expected: str, tmp_path: Path) -> None:
    record = RunRecord(name="run", tags={"about": 'a "status": "RUNNING" in a text'})
    record.write(tmp_path)
    content = json.loads((tmp_path / "run.json").read_bytes())
    record.status = status
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            record.write(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert json.loads((tmp_path / "run.json").read_bytes()) == content | {"status": expected}


def test_shared_files_have_their_bytes_once_until_one_is_replaced(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b" / "a.csv"
    second.parent.mkdir()
    write_whole(first, "one")
    second.write_text("of an earlier end")
    share(first, second)
    share(first, second)  # again: nothing changes, and nothing is left beside
    assert first.samefile(second)
    assert [path.name for path in second.parent.iterdir()] == ["a.csv"]
    write_whole(first, "two")
    assert (first.read_text(), second.read_text()) == ("two", "one")
    share(first, second)
    first.unlink()
    assert second.read_text() == "two"


def test_a_link_is_shared_as_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "link").symlink_to("a")
    share(tmp_path / "link", tmp_path / "b")
    assert not (tmp_path / "b").is_symlink()
    assert (tmp_path / "b").samefile(tmp_path / "a")


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP])
def test_where_there_can_be_no_link_there_is_a_copy(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    write_whole(tmp_path / "a", "a")
    (tmp_path / "b").write_text("earlier")
    share(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "a"
    assert not (tmp_path / "a").samefile(tmp_path / "b")
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_a_copy_that_cannot_be_made_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_most_10_bytes: None
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    (tmp_path / "a").write_bytes(b"longer than ten bytes")
    (tmp_path / "b").write_text("earlier")
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OSError, match="File too large"):
        share(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "earlier"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_a_file_system_without_locks_is_not_taken_for_another_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(UserError, match=r"cannot be locked \(No locks available\)"), locked(tmp_path / "lock", "busy"):
        pass
