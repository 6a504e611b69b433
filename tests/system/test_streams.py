"""The standard streams: a reader that goes, a full disk, a terminal that does not wait, a number that is free."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from locexp.system.streams import StandardFile

BEGIN = "import os, sys; from locexp.system.streams import lost_output, steady_streams; steady_streams(); "


def python(script: str, redirections: str = "", **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script with its streams redirected by a shell."""
    command = ["sh", "-c", f'exec "$0" -c "$1" {redirections}', sys.executable, BEGIN + script]
    return subprocess.run(command, capture_output=True, env={**os.environ, **variables}, timeout=60, check=False)


def test_a_pipe_without_a_reader_and_a_full_disk_take_everything() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for number, expected in ((writing, errno.EPIPE), (os.open("/dev/full", os.O_WRONLY), errno.ENOSPC)):
        with StandardFile(number, "w") as file:
            assert file.error is None
            assert file.write(b"first") == 5
            assert file.error is not None
            assert file.error.errno == expected
            assert file.write(memoryview(b"second")) == 6


def test_what_does_not_fit_a_pipe_that_does_not_wait_is_waited_for() -> None:
    """A shell or ssh that shares the terminal makes it so, at any moment."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    content, received = os.urandom(1_000_000), bytearray()

    def read() -> None:
        while block := os.read(reading, 4096):
            received.extend(block)

    reader = threading.Thread(target=read)
    reader.start()
    with StandardFile(writing, "w") as file:
        left = memoryview(content)
        while left:
            left = left[file.write(left) :]
    reader.join(60)
    assert bytes(received) == content
    os.close(reading)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_the_null_device_and_no_file_gets_its_number(closed: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    script = f"print(1); print(2, file=sys.stderr); f = open({str(path)!r}, 'w'); f.write(str(f.fileno()))"
    assert python(script, closed).returncode == 0
    assert int(path.read_text(encoding="utf-8")) > 2


@pytest.mark.parametrize(("encoding", "expected"), [("ascii", b"?? 1\n"), ("latin-1", b"?\xe9 1\n")])
def test_what_an_encoding_lacks_is_replaced(encoding: str, expected: bytes) -> None:
    done = python(r"print('\u2192\xe9', 1); print('\u2192\xe9 1', file=sys.stderr)", PYTHONIOENCODING=encoding)
    assert (done.stdout, done.stderr) == (expected, expected)


def test_lost_output_is_told_from_output_that_nobody_wants() -> None:
    script = "print(1); print(lost_output(), file=sys.stderr)"
    assert python(script, ">/dev/full").stderr == b"No space left on device\n"
    assert python(script, ">&-").stderr == b"None\n"
    assert python(f"p = os.pipe(); os.close(p[0]); os.dup2(p[1], 1); {script}").stderr == b"None\n"
