"""A store, a sweep and foreign files inside a run's own folder: exactly the run's own files are logged."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from locexp.records.files import NOT_LOGGED
from locexp.records.record import RunRecord
from tests.conftest import TINY, door_here, locexp, only_run, train_here

FOREIGN = ("notes.txt", "events.log", "old.h5", "data/big.bin", "pictures/holiday.png", "0/mine", "comparison/x.md")


def files(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}


def logged(record: Path) -> set[str]:
    """Return the artifacts that the store has of a run, read from its folder there."""
    stored = json.loads(record.read_text(encoding="utf-8"))
    root = Path(stored["artifact_root"].removeprefix("file://"))
    return files(root / stored["run_id"] / "artifacts")


def test_all_of_a_run_is_logged_and_nothing_else(workplace: Path) -> None:
    """Its folder is the current one, which holds the store and much else; what it writes is known to be its own."""
    for name in FOREIGN:
        (workplace / name).parent.mkdir(exist_ok=True)
        (workplace / name).write_text("mine")
    chosen = ("hydra.job.name=mine", "hydra.output_subdir=said")
    assert train_here(*TINY, "hydra.run.dir=.", "trainer.save_h5=classic.h5", *chosen) == 0
    written = {name for name in files(workplace) - {*FOREIGN} if not name.startswith("mlruns/")}
    assert logged(workplace / "run.json") == written - {*NOT_LOGGED}
    assert {"classic.h5", "mine.log", "said/overrides.yaml", "pictures/sample.png"} <= written
    assert all((workplace / name).read_text() == "mine" for name in FOREIGN)


@pytest.mark.parametrize(
    "words",
    [
        ["hydra.run.dir=mlruns"],
        ["hydra.run.dir=r", "tracking.uri=r/deep/store"],
        ["hydra.run.dir=r", "tracking.uri=r"],
        ["hydra.run.dir=r", "tracking.artifact_root=r/pictures"],
    ],
)
def test_a_store_in_or_around_a_run(workplace: Path, words: list[str]) -> None:
    assert train_here(*TINY, *words) == 0
    record = workplace / words[0].partition("=")[2] / "run.json"
    assert {name.split("/")[0] for name in logged(record)} == {
        *("config", "history.jsonl", "pictures", "run.json", "tables", "train.log")
    }
    assert not any("mlflow" in name or "artifacts" in name for name in logged(record))


def test_a_home_folder_is_meant_by_its_sign(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = workplace / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    assert train_here(*TINY, "hydra.run.dir='~'") == 0
    assert (home / "run.json").is_file()
    assert not (workplace / "~").exists()


def test_a_damaged_history_of_one_job_keeps_no_other_from_the_store(workplace: Path) -> None:
    from mlflow import MlflowClient

    sweep = {"sweep_id": "day-time"}
    for name, kind in {".": "sweep", "0": "run", "1": "run", "2": "run"}.items():
        (workplace / name).mkdir(exist_ok=True)
        record = RunRecord(name=name, status="FINISHED", tags={"kind": kind, **sweep}, start_time=1e9, end_time=2e9)
        record.tags["directory"] = str(workplace / name)
        record.write(workplace / name)
    (workplace / "1" / "history.jsonl").write_text("{\n{}\n")
    done = door_here("log", ".", "--uri", "mlruns")
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [".", "0", "not logged", "2"]
    assert "history.jsonl: line 1 cannot be read" in done.stdout
    assert done.stderr == "failed: .: 1 job could not be logged: 1\n"
    client = MlflowClient(f"sqlite:///{workplace}/mlruns/mlflow.db")
    experiment = client.get_experiment_by_name("locexp")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert sorted((run.info.run_name, run.info.status) for run in runs) == [
        (name, "FINISHED") for name in (".", "0", "2")
    ]


@pytest.mark.slow
def test_a_sweep_around_foreign_runs_and_inside_of_one(workplace: Path) -> None:
    """The folders of others are neither logged with it, nor taken for its jobs, in the end or later."""
    assert train_here(*TINY, "hydra.run.dir=alone") == 0
    assert train_here(*TINY, "hydra.run.dir=0") == 0
    before = {path: path.read_bytes() for path in workplace.rglob("*/run.json")}
    assert train_here(*TINY, "--multirun", "seed=1,2", "hydra.sweep.dir=.") == 0
    assert train_here(*TINY, "--multirun", "seed=3,4", "hydra.sweep.dir=alone/inner") == 0
    sweep = {"run.json", "sweep/sweep.json", "comparison/comparison.json", "comparison/report.html"}
    for record in (workplace / "run.json", workplace / "alone" / "inner" / "run.json"):
        assert sweep <= logged(record)
        assert {name.split("/")[0] for name in logged(record)} == {"run.json", "sweep", "comparison"}
    assert {path: path.read_bytes() for path in before} == before
    elsewhere = door_here("log", ".", "--uri", "elsewhere")
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert len(elsewhere.stdout.splitlines()) == 3  # the sweep and its two jobs: not the two runs beside them


def test_what_a_run_would_overwrite_is_refused_before(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workplace / "config").mkdir()
    (workplace / "config" / "config.yaml").write_text("mine")
    assert train_here(*TINY, "hydra.run.dir=.") == 2
    assert "holds config/config.yaml, which the run would overwrite" in capsys.readouterr().err
    (workplace / "run.json").write_text("{}")
    assert train_here(*TINY, "--multirun", "seed=1,2", "hydra.sweep.dir=.") == 2
    assert "holds run.json, which the sweep would overwrite" in capsys.readouterr().err
    assert files(workplace) == {"config/config.yaml", "run.json"}


@pytest.mark.slow
def test_a_run_that_was_deleted_is_not_said_to_be_logged(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a folder whose name a shell would split: the commands that are printed work as they are, from anywhere."""
    from mlflow import MlflowClient

    place = workplace / "it's a place"
    place.mkdir()
    monkeypatch.chdir(place)
    assert train_here(*TINY) == 0
    directory = only_run(place)
    stored = json.loads((directory / "run.json").read_text())
    client = MlflowClient(stored["tracking_uri"])
    client.delete_run(stored["run_id"])
    deleted = door_here("log", str(directory))
    assert (deleted.returncode, f"run {stored['run_id']} was deleted in" in deleted.stderr) == (2, True)
    client.delete_experiment(stored["experiment_id"])
    capsys.readouterr()
    assert train_here(*TINY) == 2
    for said in (capsys.readouterr().err, deleted.stderr):
        command = said.split("`")[1]
        assert shlex.split(command)[0] == f"MLFLOW_TRACKING_URI={stored['tracking_uri']}"
        done = subprocess.run(command, shell=True, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert client.get_run(stored["run_id"]).info.lifecycle_stage == "active"
    assert "already, as run" in door_here("log", str(directory)).stdout
    (place / "mlruns").rename(place / "gone")
    again = locexp("log", str(directory), cwd=place)  # MLflow keeps open what it has opened in this process
    assert (again.returncode, "logged to" in again.stdout) == (0, True), again.stderr
