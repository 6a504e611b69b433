"""Files that are whole or not there, and records that do not stay RUNNING on a full disk."""

from __future__ import annotations

import errno
import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from locexp.records.record import RunRecord
from locexp.system.files import replacing, write_whole


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
