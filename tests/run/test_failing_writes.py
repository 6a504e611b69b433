"""A disk that fails at one write of a run or a sweep: the first cause is what is said, and nothing stays RUNNING."""

from __future__ import annotations

import errno
import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from locexp.records.record import RunRecord
from locexp.tracking.tracker import Tracker
from tests.conftest import TINY, only_run, tiny_without, train_here

FULL = OSError(errno.ENOSPC, "No space left on device")
CALLBACKS = """
import keras

class Late(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyError("the first cause")
"""


def fail_at(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the last step of writing a file of this name fail, as on a full disk."""
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if Path(target).name == name and "multirun" in Path(target).parts:
            raise OSError(*FULL.args)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("model.keras", True),
        *(
            pytest.param(name, lost, marks=pytest.mark.slow)
            for name, lost in (
                ("scenes.png", True),
                ("checkpoint.npz", False),  # the run can do without
                ("predictions.csv", True),
                ("per_class.csv", True),
                ("gallery_random.png", True),
                ("config.yaml", True),
            )
        ),
    ],
)
def test_a_run_that_cannot_write_a_file_has_failed_and_says_which(
    name: str, lost: bool, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        fail_at(name, patch)
        status = train_here(*TINY)
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert status == int(lost)
    if lost:
        assert shown.splitlines()[-1].startswith("failed: ")
        assert f"{name}: No space left on device" in shown
    records = [json.loads(path.read_bytes()) for path in workplace.glob("multirun/*/*/run.json")]
    assert [record["status"] for record in records] in ([["FAILED"], []] if lost else [["FINISHED"]])
    assert list(workplace.rglob("*.partial*")) == []


@pytest.mark.parametrize("words", [(), pytest.param(("--multirun", "seed=1,2"), marks=pytest.mark.slow)])
def test_a_log_that_cannot_be_opened_is_a_line(
    words: tuple[str, ...], workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = logging.FileHandler._open

    def failing(self: logging.FileHandler) -> Any:
        if self.baseFilename.endswith("train.log"):
            raise OSError(*FULL.args, self.baseFilename)
        return opened(self)

    with monkeypatch.context() as patch:
        patch.setattr(logging.FileHandler, "_open", failing)
        assert train_here(*TINY, *words) == 1
    shown = capsys.readouterr()
    assert "No space left on device" in shown.err + shown.out
    assert "train.log" in shown.err + shown.out
    assert "Traceback" not in shown.err + shown.out
    assert not list(workplace.rglob("model.keras"))
    assert "RUNNING" not in {json.loads(path.read_bytes())["status"] for path in workplace.rglob("run.json")}
    if words:
        assert train_here("sweep.resume=last") == 0
    else:
        assert train_here(*TINY) == 0


def test_what_ended_a_run_is_said_though_its_weights_cannot_be_saved_after(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "late.py").write_text(CALLBACKS, encoding="utf-8")
    fail_at("model.keras", monkeypatch)
    own = "+trainer.callbacks.late={_target_: late.Late}"
    assert train_here(*tiny_without("trainer.epochs"), "trainer.epochs=2", own) == 1
    cause = "trainer.callbacks: Late failed in on_epoch_begin: KeyError: 'the first cause'"
    shown = capsys.readouterr()
    assert shown.err == f"failed: {cause}\n"
    record = json.loads((only_run(workplace) / "run.json").read_bytes())
    assert (record["status"], record["error"]) == ("FAILED", cause)
    assert "the weights kept could not be saved (OSError: [Errno 28] No space left" in record["notes"][-1]
    assert record["notes"][-1] in shown.out


def test_what_the_memory_does_not_hold_is_a_line(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("locexp.run.prepare.load_training_data", lambda cfg: bytes(2**62))
    assert train_here(*TINY) == 1
    assert capsys.readouterr().err == "failed: not enough memory (MemoryError)\n"
    assert not list(workplace.iterdir())


@pytest.mark.parametrize("where", ["locexp.run.run.introduction", "locexp.training.stack.Stack.evaluations"])
def test_an_error_of_other_code_is_a_line_on_the_screen_and_a_traceback_in_the_log(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    """Before training and after it."""
    monkeypatch.setattr(where, lambda *_: [][0])
    assert train_here(*TINY) == 1
    assert capsys.readouterr().err == "failed: IndexError: list index out of range\n"
    assert "Traceback" in (only_run(workplace) / "train.log").read_text()
    assert json.loads((only_run(workplace) / "run.json").read_bytes())["status"] == "FAILED"


def test_one_thread_writes_the_record_of_a_run(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two would write one file at a time, and one of them while the other changes what it writes."""
    write, start = RunRecord.write, Tracker.start
    writers = []

    def noted(self: RunRecord, directory: Path) -> None:
        writers.append((threading.current_thread(), self.run_id is not None, self.status))
        write(self, directory)

    def started(self: Tracker, **keys: Any) -> None:
        start(self, **keys)
        self.wait()

    monkeypatch.setattr(RunRecord, "write", noted)
    monkeypatch.setattr(Tracker, "start", started)
    assert train_here(*TINY) == 0
    assert {thread for thread, _, _ in writers} == {threading.main_thread()}
    assert (threading.main_thread(), True, "RUNNING") in writers, "killed, the run could not be found by its id"


@pytest.mark.slow
def test_a_comparison_that_is_lost_costs_a_sweep_its_status_alone(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        fail_at("comparison.md", patch)
        assert train_here(*TINY, "--multirun", "loss.bbox_weight=1,2") == 1
    shown = capsys.readouterr().err
    assert "could not be compared (OSError: [Errno 28] No space left on device" in shown
    assert "python -m locexp.compare" in shown
    assert "Traceback" not in shown
    records = [json.loads(path.read_bytes()) for path in workplace.glob("multirun/**/run.json")]
    assert [record["status"] for record in records] == ["FINISHED"] * 3
    assert list(workplace.rglob("*.partial*")) == []
