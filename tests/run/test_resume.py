"""``trainer.resume``: what was stopped goes on as if it had not been, and what cannot go on is refused untouched."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import TINY, only_run, train_here, wait_until

LONG = (*TINY, "trainer.epochs=5", "trainer.deterministic=true", "model.dropout=0.3")
STOP = "+trainer.callbacks.stop={_target_: stopper.Stop}"


@pytest.fixture(autouse=True)
def stopper(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback, the same in every run, that interrupts where a variable says so."""
    folder = workplace / "code"
    folder.mkdir()
    (folder / "stopper.py").write_text(
        "import os, keras\n"
        "class Stop(keras.callbacks.Callback):\n"
        "    def on_epoch_begin(self, epoch, logs=None):\n"
        "        if str(epoch) == os.environ.get('STOP_AT'):\n"
        "            raise KeyboardInterrupt\n"
    )
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "stopper", raising=False)


def stopped(place: Path, epoch: int, *words: str) -> Path:
    """Train, be interrupted after some epochs, and return the folder."""
    os.environ["STOP_AT"] = str(epoch)
    try:
        assert train_here(*LONG, STOP, *words) == 130
    finally:
        del os.environ["STOP_AT"]
    return only_run(place)


def store(place: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{place}/mlruns/mlflow.db")


def rows(directory: Path) -> list[dict[str, float]]:
    kept = [json.loads(line) for line in (directory / "history.jsonl").read_text().splitlines()]
    return [{key: row[key] for key in row if key != "timestamp" and not key.startswith("time/")} for row in kept]


def record(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "run.json").read_text())
    return found


def slowly(*words: str) -> Any:
    return pytest.param(words, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "words",
    [
        (),
        slowly(
            "optimizer=sgd", "optimizer.schedule=one_cycle", "+optimizer.params={momentum: 0.9}", "trainer.keep=last"
        ),
        slowly("trainer.precision=mixed_bfloat16", "loss.bbox_weight=20", "loss/weighting=famo"),
        slowly("loss/weighting=db_mtl", "trainer.diagnostic_batches=2"),
        slowly("loss/weighting=dwa", "model.bbox_head=ordered_corners"),
    ],
    ids=["adam and dropout", "a schedule and momentum", "bfloat16 and famo", "db_mtl", "dwa"],
)
def test_a_run_that_goes_on_equals_one_that_was_never_stopped(
    workplace: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "whole").mkdir()
    (workplace / "parts").mkdir()
    monkeypatch.chdir(workplace / "whole")
    assert train_here(*LONG, STOP, *words) == 0
    whole = only_run(Path.cwd())
    monkeypatch.chdir(workplace / "parts")
    directory = stopped(Path.cwd(), 2, *words)
    said = capsys.readouterr().out
    command = next(line for line in said.splitlines() if "trainer.resume=" in line).split()
    assert command[:3] == ["python", "-m", "locexp.train"]
    before = record(directory)
    assert (before["status"], len(rows(directory))) == ("KILLED", 2)
    assert train_here(command[3]) == 0
    after = record(directory)
    assert rows(directory) == rows(whole)
    tested = {key: value for key, value in record(whole)["metrics"].items() if not key.startswith("time/")}
    assert {key: value for key, value in after["metrics"].items() if not key.startswith("time/")} == tested
    assert tested["epochs"] == 5
    # It is the same run in the store, whole and without traces of the first end.
    assert (after["run_id"], after["status"], after["logged"]) == (before["run_id"], "FINISHED", True)
    assert "Continued after epoch 2." in after["notes"]
    assert not any("ended early" in note for note in after["notes"])
    client = store(Path.cwd())
    run = client.get_run(after["run_id"])
    assert run.info.status == "FINISHED"
    assert "error" not in run.data.tags
    assert run.data.tags["resumed"] == "1"
    history = client.get_metric_history(after["run_id"], "val/accuracy")
    assert [metric.step for metric in history] == [1, 2, 3, 4, 5]
    assert len(client.search_logged_models([after["experiment_id"]])) == 1
    assert not (directory / "checkpoint.npz").exists()
    assert only_run(Path.cwd()) == directory


@pytest.mark.slow
def test_a_run_shot_before_it_knew_its_id_takes_up_what_the_store_has_of_it(workplace: Path) -> None:
    directory = stopped(workplace, 1)
    content = record(directory)
    identity = content["run_id"]
    store(workplace).set_terminated(identity, "RUNNING")
    ended = subprocess.Popen(["true"])
    ended.wait()
    unknown = {"status": "RUNNING", "run_id": None, "experiment_id": None, "logged": False, "error": None}
    tags = content["tags"] | {"pid": str(ended.pid)}
    (directory / "run.json").write_text(json.dumps(content | unknown | {"tags": tags}), encoding="utf-8")
    assert train_here(f"trainer.resume={directory}") == 0
    assert record(directory)["run_id"] == identity
    runs = store(workplace).search_runs(["1"])
    assert [(run.info.run_id, run.info.status) for run in runs] == [(identity, "FINISHED")]


@pytest.mark.slow
def test_a_run_that_was_shot_goes_on_by_its_id(workplace: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "locexp.train", *LONG, "trainer.epochs=100000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: len(list(workplace.glob("multirun/*/*/checkpoint.npz"))) == 1)
    directory = only_run(workplace)
    wait_until(lambda: record(directory)["run_id"] is not None and len(rows(directory)) >= 3)
    alive = names(directory)
    assert train_here(f"trainer.resume={directory}") == 2
    assert alive <= names(directory)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with (directory / "history.jsonl").open("a") as file:
        file.write('{"epoch": 4, "val/accu')  # half a line, as a kill may leave it
    identity = record(directory)["run_id"]
    reached = len(rows_or_fewer(directory))
    resumed = subprocess.Popen(
        [sys.executable, "-m", "locexp.train", f"trainer.resume={identity}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: len(rows_or_fewer(directory)) > reached + 3)
    resumed.send_signal(signal.SIGTERM)
    assert resumed.wait(60) == 143
    after = record(directory)
    assert (after["run_id"], after["status"]) == (identity, "KILLED")
    steps = [metric.step for metric in store(workplace).get_metric_history(identity, "val/accuracy")]
    assert steps == list(range(1, len(rows(directory)) + 1))


def rows_or_fewer(directory: Path) -> list[str]:
    return [line for line in (directory / "history.jsonl").read_text().splitlines() if line.endswith("}")]


def digest(place: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in place.rglob("*")
        if path.is_file() and "mlflow.db" not in path.name
    }


def names(place: Path) -> set[str]:
    """Files that stay: a run that goes on has a .partial beside what it is just writing."""
    return {str(path) for path in place.rglob("*") if path.is_file() and ".partial" not in path.name}


class Trap:
    """What must never be unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path("sprung").touch, ()


def corrupt(directory: Path, how: str) -> None:
    path = directory / "checkpoint.npz"
    if how == "no checkpoint":
        path.unlink()
    elif how == "half a checkpoint":
        path.write_bytes(path.read_bytes()[:1000])
    elif how == "a pickle":
        path.write_bytes(pickle.dumps(Trap()))
    elif how == "a pickle inside":
        np.savez(path, about=np.array([Trap()], dtype=object), allow_pickle=True)
    elif how == "an unknown compression":
        content = bytearray(path.read_bytes())
        for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            content[content.index(mark) + place] = 99
        path.write_bytes(content)
    elif how == "another configuration":
        file = directory / "config" / "resolved.yaml"
        file.write_text(file.read_text().replace("bbox_weight: 0.5", "bbox_weight: 5.0"))
    elif how == "no configuration":
        (directory / "config" / "resolved.yaml").unlink()
    elif how == "lost history":
        (directory / "history.jsonl").write_text("")
    elif how in ("other data", "other names"):
        now = record(directory)
        now["dataset"] |= {"sha256": "0" * 64} if how == "other data" else {"class_names": list("1023456789")}
        (directory / "run.json").write_text(json.dumps(now))
    elif how == "finished":
        now = record(directory)
        now["status"] = "FINISHED"
        (directory / "run.json").write_text(json.dumps(now))


@pytest.mark.slow
def test_what_cannot_go_on_is_refused_and_left_as_it_was(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    whole = stopped(workplace, 1)
    cases = {
        "no checkpoint": "holds no checkpoint.npz, so there is nothing to continue from",
        "half a checkpoint": "is not a whole checkpoint",
        "a pickle": "is not a whole checkpoint",
        "an unknown compression": "is not a whole checkpoint",
        "a pickle inside": "is not a whole checkpoint",
        "another configuration": "loss.bbox_weight was 0.5, is 5.0",
        "no configuration": "resolved.yaml: cannot be read",
        "lost history": "holds epochs none; expected all from 1 to 1",
        "other data": "the images are not those that the run was started with",
        "other names": "the names of classes are not those that the run was started with",
        "finished": "this run has finished, so there is nothing to continue",
    }
    for how, message in cases.items():
        directory = whole.with_name(how.replace(" ", "-"))
        shutil.copytree(whole, directory)
        corrupt(directory, how)
        before = digest(workplace)
        capsys.readouterr()
        assert train_here(f"trainer.resume={directory}") == 2, how
        (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
        assert message in line, how
        assert digest(workplace) == before, how
    assert not (workplace / "sprung").exists()


@pytest.mark.parametrize("is_done", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_run_is_continued_by_one_command(
    workplace: Path, is_done: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second one, which found the run stopped as well, comes before the first has begun, or after it has ended."""
    from locexp.run import execute, resume

    directory = stopped(workplace, 1)
    run_alone, find = execute.run_alone, resume.resume
    answers = []

    def beside_another(*arguments: Any) -> None:
        answers.append(train_here(f"trainer.resume={directory}"))
        run_alone(*arguments)

    def after_another(*arguments: Any) -> Any:
        found = find(*arguments)
        monkeypatch.setattr(resume, "resume", find)
        answers.append(train_here(f"trainer.resume={directory}"))
        return found

    if is_done:
        monkeypatch.setattr(resume, "resume", after_another)
    else:
        monkeypatch.setattr(execute, "run_alone", beside_another)
    status = train_here(f"trainer.resume={directory}")
    assert [*answers, status] == ([0, 2] if is_done else [2, 0])
    message = "this run has finished" if is_done else "another command is continuing this run"
    assert message in capsys.readouterr().err
    assert record(directory)["tags"]["resumed"] == "1"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trainer.resume=nowhere"], "trainer.resume=nowhere: there is no such folder"),
        (["trainer.resume=."], "holds no run.json"),
        (["trainer.resume=" + "a" * 32], "holds no store yet"),
        (["trainer.resume=.", "loss.bbox_weight=3"], "loss.bbox_weight=3: cannot be combined with trainer.resume"),
        (["trainer.resume=.", "hydra.run.dir=x"], "hydra.run.dir=x: cannot be combined with"),
        (["trainer.resume=a", "trainer.resume=b"], "given 2 times"),
        (["--multirun", "trainer.resume=a"], "--multirun: what was composed with it is stored with the run: leave"),
        (["--config-name", "x", "trainer.resume=a"], "--config-name: what was composed with it is stored with the run"),
        (["-cd", ".", "-cn", "x", "sweep.resume=last"], "--config-dir, --config-name: what was composed with it"),
    ],
)
def test_a_wrong_command_is_refused(
    workplace: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = digest(workplace)
    assert train_here(*words) == 2
    assert message in capsys.readouterr().err
    assert digest(workplace) == before
