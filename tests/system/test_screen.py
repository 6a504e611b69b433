"""The screen: whole lines everywhere, and below them, on a terminal alone, how far the command is."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from locexp.system.screen import Screen
from locexp.system.streams import steady
from tests.conftest import TINY, tiny_without
from tests.system.terminal import Terminal, in_terminal

LINES = [
    "[1/3] a [bold]name[/bold] :smile: [6, 5, 22, 25]",
    "",
    "\nnähe →  ",
    "/a/long/path" * 20,
    "http://127.0.0.1/#/1",
]

TWO_THREADS = """
import sys, threading
from locexp.system.screen import Screen

screen = Screen()

def write(name):
    for number in range(60):
        screen.line(f"{name} {number} " + "x" * (number % 50))
        screen.progress(f"{name} is at {number} of [60] with losses of 0.123 and 0.456", share=number / 60,
                        details=[f"  {name} " + "y" * number] * (number % 4))

threads = [threading.Thread(target=write, args=(name,)) for name in ("one", "two")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
screen.close()
"""


class TTY(io.TextIOWrapper):
    """A stream that says it is a terminal, in memory."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding, "replace")

    def isatty(self) -> bool:
        return True

    @property
    def written(self) -> str:
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a terminal of 40 columns."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def written_to(stream: TTY) -> str:
    """Write a line, a display and a line; returns all that arrived."""
    screen = Screen(stream)
    screen.line("Anfänge")
    screen.progress("[1/2]  7 min left", share=0.5, details=["  epoch 1/5  bbox_weight=2 and so on, and on, and on"])
    screen.line("end")
    return stream.written


def test_a_reader_that_goes_away_does_not_end_the_run() -> None:
    """As with ``python -m locexp.train … | head -3``."""
    reading, writing = os.pipe()
    stream = steady(None, writing)
    screen = Screen(stream)
    screen.line("first")
    assert os.read(reading, 100) == b"first\n"
    os.close(reading)
    screen.line("second")
    screen.line("third")
    os.close(writing)


def test_a_terminal_that_is_closed_does_not_end_the_run() -> None:
    master, slave = os.openpty()
    stream = steady(None, slave)
    screen = Screen(stream)
    screen.line("first")
    assert os.read(master, 100) == b"first\r\n"
    os.close(master)
    screen.line("second")
    screen.progress("third")
    os.close(slave)


@pytest.mark.parametrize("forced", [{}, {"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1", "COLUMNS": "20"}])
def test_a_pipe_gets_the_lines_as_they_are(forced: dict[str, str], tmp_path: Path) -> None:
    """No markup is read, no colour is added, nothing is wrapped, and no progress is shown."""
    script = (
        "from locexp.system.screen import Screen\n"
        "with Screen() as screen:\n"
        f"    for text in {LINES!r}:\n"
        "        screen.progress('1 of 2', share=0.5, details=['a'])\n"
        "        screen.line(text)\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **forced}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, cwd=tmp_path, env=environment, check=True
    )
    assert done.stdout.decode() == "".join(f"{text}\n" for text in LINES)
    assert done.stderr == b""


def test_a_closed_standard_output_is_written_to_by_nobody(tmp_path: Path) -> None:
    script = (
        "from locexp.system.screen import Screen, terminal_width; Screen().line('a'); assert terminal_width() is None"
    )
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" >&-', sys.executable, script], stderr=subprocess.PIPE, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("columns", [80, 40])
def test_two_threads_write_whole_lines(columns: int, tmp_path: Path) -> None:
    shown = Terminal(columns, in_terminal(["-c", TWO_THREADS], columns=columns, cwd=tmp_path))
    *lines, last = shown.lines
    assert last == ""
    for name in ("one", "two"):
        own = [line for line in lines if line.startswith(name)]
        assert own == [f"{name} {number} " + "x" * (number % 50) for number in range(60)]
    assert len(lines) == 120
    assert all(len(row) <= columns for row in shown.seen)
    assert any("one is at" in row for row in shown.seen)


@pytest.mark.usefixtures("terminal")
def test_the_next_line_takes_the_place_of_the_display() -> None:
    shown = Terminal(40, written_to(TTY()).replace("\n", "\r\n"))
    assert shown.lines == ["Anfänge", "end", ""]
    assert "[1/2]  7 min left" in shown.seen[1]
    assert shown.seen[0] == "  epoch 1/5  bbox_weight=2 and so on, a…"


@pytest.mark.usefixtures("terminal")
def test_a_long_state_is_folded() -> None:
    stream = TTY()
    screen = Screen(stream)
    screen.progress("epoch 1/3  step 100/400  classification loss 0.1234  box loss 0.01234")
    screen.close()
    seen = Terminal(40, stream.written.replace("\n", "\r\n")).seen
    assert [row.rstrip() for row in reversed(seen)] == [
        "epoch 1/3  step 100/400  classification",
        "loss 0.1234  box loss 0.01234",
    ]


@pytest.mark.usefixtures("terminal")
def test_no_colour_is_shown_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.search(r"\x1b\[[\d;]+m", written_to(TTY()))
    monkeypatch.setenv("NO_COLOR", "1")
    assert set(re.findall(r"\x1b\[\d*\w", written_to(TTY()))) == {"\x1b[2K", "\x1b[A"}


@pytest.mark.usefixtures("terminal")
def test_a_terminal_that_cannot_move_its_cursor_gets_lines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert written_to(TTY()) == "Anfänge\nend\n"


@pytest.mark.usefixtures("terminal")
def test_what_an_encoding_lacks_is_replaced() -> None:
    shown = Terminal(40, written_to(TTY("ascii")).replace("\n", "\r\n"))
    assert shown.lines == ["Anf?nge", "end", ""]
    assert shown.seen[0] == "  epoch 1/5  bbox_weight=2 and so on, an"


@pytest.mark.slow
def test_a_run_on_a_terminal_leaves_whole_lines_alone(tmp_path: Path) -> None:
    terminal = Terminal(80, in_terminal(["-m", "locexp.train", *TINY], columns=80, cwd=tmp_path))
    may_come = ("note     ", "waiting for the tracking store")
    *lines, last = [line for line in terminal.lines if not line.startswith(may_come)]
    assert last == ""
    number, metric = r" +[\d.,]+", r"\w+ +[\d.]+( +[\d.]+ +-?[\d.]+)?"
    expected = [
        r"locexp   .+",
        r"data     mnist_5k \(.+\), 28x28 pixels: .+ to train, .+ to validate, .+ to test",
        rf"epoch 1/1 {number} s  validation: accuracy{number}  IoU{number}  loc_acc_50{number}",
        "",
        r" +test +baseline +skill",
        *[metric] * 7,
        r"baseline: what one constant box reaches; skill: .+",
        r"Predicted digit: \d",
        r"Files    .+  \(pictures/, tables/, model.keras, run.json\)",
        r"MLflow   .+  then open http://127.0.0.1:5000/#/experiments/.+",
    ]
    assert sum(max(1, -(-len(line) // 80)) for line in lines) <= 24
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(pattern, line), (line, pattern)
    states = "\n".join(terminal.seen)
    assert re.search(
        r"^epoch 1/1  step \d+/\d+  classification loss \d\.\d+  box loss \d\.\d+ *$", states, re.MULTILINE
    )
    assert "evaluating and drawing" in states


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 40])
def test_a_sweep_on_a_terminal_shows_how_far_it_is(columns: int, tmp_path: Path) -> None:
    """And leaves the answer: of four runs those that failed have a line, then come the sentences and the table."""
    words = [*tiny_without("trainer.epochs"), "trainer.epochs=5", "--multirun", "loss.bbox_weight=0.5,20"]
    words += ["optimizer.learning_rate=0.001,1e30", "sweep.max_members=2"]
    written = in_terminal(["-m", "locexp.train", *words], columns=columns, cwd=tmp_path, status=1)
    terminal = Terminal(columns, written)
    seen, lines = [row.rstrip() for row in terminal.seen], terminal.lines
    assert any(re.search(r"\[0/4\]", row) for row in seen)
    assert any(re.search(r"^  epoch \d/5  bbox_weight=", row) for row in seen)
    assert any(row.startswith("1 failure, last bbox_") for row in seen)
    assert "best so far (validation means, n seeds)" in seen
    assert any(re.fullmatch(r"(  +\d\.\d{3})+   1  bbox_weight=.+", row) for row in seen)
    runs = [line for line in lines if re.match(r"\[\d/4\] ", line)]
    assert len(runs) == 2
    assert all(re.search(r"bbox_weight=.*seed=0  FAILED: diverged", line) for line in runs)
    start = next(index for index, line in enumerate(lines) if line.startswith("Use bbox_weight="))
    assert " ".join(lines[start:]).find("Not sure: 1 seed cannot tell it from the default") > 0
    table = next(index for index, line in enumerate(lines) if line.startswith("bbox_weight, "))
    assert max(map(len, lines[start : table + 3])) <= columns
    assert any(line.startswith("FAILED   2 of 4 jobs have finished, in ") for line in lines)
    assert lines[-1] == ""
