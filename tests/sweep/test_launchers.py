"""Sweeps through Hydra's launchers and on a real MLflow server: the same results, nothing lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from mlflow import MlflowClient

from locexp.records.record import RunRecord
from locexp.sweep.folder import close_dead, end_of
from tests.conftest import TINY, Server, locexp, tiny_without, train_here, wait_until

GRID = (*TINY, "trainer.deterministic=true", "trainer.threads=1", "--multirun", "loss.bbox_weight=0.5,20", "seed=1,2")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
TRAINED = ("test/accuracy", "test/mean_iou", "test/center_error_px", "val/bbox_loss")


def begin(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "locexp.train", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def results(uri: str) -> dict[str, tuple[str, list[float]]]:
    """Each job by name, with its status and metrics; a job that is there twice fails."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("locexp")
    found: dict[str, tuple[str, list[float]]] = {}
    for run in client.search_runs([experiment.experiment_id], "tags.kind = 'run'"):
        assert run.info.run_name not in found
        found[run.info.run_name] = (run.info.status, [run.data.metrics[name] for name in TRAINED])
    return found


def parent(uri: str) -> Any:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("locexp")
    (run,) = client.search_runs([experiment.experiment_id], "tags.kind = 'sweep'")
    return run


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, list[float]]]:
    place = tmp_path_factory.mktemp("one_by_one")
    done = locexp("train", *GRID, "hydra/launcher=basic", cwd=place)
    assert done.returncode == 0, done.stderr
    found = results(f"sqlite:///{place}/mlruns/mlflow.db")
    assert len(found) == 4
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "words", "note"),
    [
        ("locexp", ["hydra/launcher=stacked"], ""),
        ("locexp", ["hydra/launcher=stacked", "sweep.max_members=3"], ""),
        pytest.param(
            "hydra_plugins.hydra_joblib_launcher",
            [*JOBLIB],
            "joblib trains 2 stacks at a time",
            marks=pytest.mark.extra,
        ),
        pytest.param(
            "hydra_plugins.hydra_submitit_launcher",
            ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"],
            "at a time here",
            marks=pytest.mark.extra,
        ),
        pytest.param(
            "hydra_plugins.hydra_ray_launcher",
            ["hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2"],
            "ray trains the stacks",
            marks=pytest.mark.extra,
        ),
    ],
    ids=["stacked", "stacked by twos", "joblib", "submitit", "ray"],
)
def test_a_launcher_changes_nothing_but_the_time(
    one_by_one: dict[str, tuple[str, list[float]]], workplace: Path, package: str, words: list[str], note: str
) -> None:
    """All workers make one store that was not there, log into it at once, and give the results of one by one."""
    pytest.importorskip(package)
    done = locexp("train", *GRID, *words, cwd=workplace)
    assert done.returncode == 0, done.stdout + done.stderr
    assert note in done.stdout
    uri = f"sqlite:///{workplace}/mlruns/mlflow.db"
    assert results(uri) == one_by_one
    assert parent(uri).info.status == "FINISHED"
    assert "[4/4]" in done.stdout


@pytest.mark.slow
@pytest.mark.extra
def test_a_parallel_sweep_that_is_shot_loses_nothing(
    one_by_one: dict[str, tuple[str, list[float]]], workplace: Path
) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    process = begin(*GRID, *JOBLIB)
    wait_until(lambda: len(list(workplace.glob("multirun/*/*/*/run.json"))) >= 2)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()  # it alone: its workers see that it has gone
    process.wait()
    assert psutil.wait_procs(workers, timeout=30)[1] == []
    done = locexp("train", "sweep.resume=last", cwd=workplace)
    assert done.returncode == 0, done.stdout + done.stderr
    client = MlflowClient(f"sqlite:///{workplace}/mlruns/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("locexp").experiment_id], "tags.kind = 'run'")
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED"}
    finished = [run for run in runs if run.info.status == "FINISHED"]
    assert {
        run.info.run_name: ("FINISHED", [run.data.metrics[name] for name in TRAINED]) for run in finished
    } == one_by_one
    assert len(finished) == 4


@pytest.mark.extra
@pytest.mark.slow
def test_a_worker_that_is_shot_takes_no_other_job_with_it(workplace: Path) -> None:
    """A job whose process kills itself ends its neighbour's, too, as joblib has it; only the first one failed."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    (workplace / "shot.py").write_text(
        "import os, signal\n\nimport keras\n\n\n"
        "class Shot(keras.callbacks.Callback):\n"
        "    def __init__(self, epoch):\n        super().__init__()\n        self.last = epoch\n\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        if epoch == self.last:\n            os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    words = ["trainer.callbacks.x._target_=shot.Shot", "trainer.callbacks.x.epoch=3,1000,2000", "trainer.epochs=40"]
    done = locexp("train", *TINY, "--multirun", *words, *JOBLIB, cwd=workplace)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 of 3 jobs have finished" in done.stdout
    store = MlflowClient(f"sqlite:///{workplace}/mlruns/mlflow.db")
    children = store.search_runs([store.get_experiment_by_name("locexp").experiment_id], "tags.kind = 'run'")
    statuses: dict[str, set[str]] = {}
    for run in children:
        statuses.setdefault(run.data.params["trainer.callbacks.x.epoch"], set()).add(run.info.status)
    assert statuses.pop("3") == {"KILLED"}
    assert all("FINISHED" in found and found <= {"FINISHED", "KILLED"} for found in statuses.values())
    assert len(statuses) == 2


@pytest.mark.parametrize("end", ["stopped", "failed"])
def test_a_run_on_another_machine_is_left_alone(end: str, workplace: Path) -> None:
    """Its process cannot be asked for, so neither Ctrl-C nor a launcher that failed makes it KILLED."""
    assert train_here(*TINY, "hydra.run.dir=0") == 0
    record = RunRecord.read(workplace / "0")
    record.status, record.logged, record.tags = "RUNNING", False, {**record.tags, "host": "node-7"}
    record.write(workplace / "0")
    close_dead([workplace / "0"], stopped=end == "stopped", failed=end == "failed")
    after = RunRecord.read(workplace / "0")
    assert (after.status, after.logged) == ("RUNNING", False)
    found = end_of(workplace / "0", stopped=end == "stopped")
    assert found is not None
    assert found.record is None
    assert (found.reason or "").startswith("may still run on node-7") == (end == "failed")
    close_dead([workplace / "0"], stopped=False)  # the launcher returned: the job has ended, wherever it was
    assert RunRecord.read(workplace / "0").status == "KILLED"


@pytest.mark.slow
@pytest.mark.extra
def test_a_parallel_sweep_that_is_stopped_settles_its_runs(workplace: Path) -> None:
    """SIGTERM to the sweep alone: one job has finished, two are in mid-training, one has not begun."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    process = begin(*tiny_without("trainer.epochs"), *JOBLIB, "--multirun", "trainer.epochs=1,100000,200000,2")
    wait_until(lambda: len(list(workplace.glob("multirun/*/*/*/history.jsonl"))) == 3)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    assert process.wait(120) == 143
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    uri = f"sqlite:///{workplace}/mlruns/mlflow.db"
    store = MlflowClient(uri)
    children = store.search_runs([store.get_experiment_by_name("locexp").experiment_id], "tags.kind = 'run'")
    statuses = {run.info.run_name: run.info.status for run in children}
    assert statuses == {
        "epochs=1 seed=0": "FINISHED",
        "epochs=100000 seed=0": "KILLED",
        "epochs=200000 seed=0": "KILLED",
    }
    ended = parent(uri)
    assert ended.info.status == "KILLED"
    assert ended.data.metrics == {"sweep/jobs": 4, "sweep/finished": 1, "sweep/failed": 0}


@pytest.mark.slow
def test_a_server_that_is_lost_costs_a_sweep_no_result(workplace: Path, server: Server) -> None:
    """The server is shot in the second of three jobs: all train to their end, and are logged by the resume."""
    (workplace / "gun.py").write_text(
        "import keras, os\n"
        "from pathlib import Path\n"
        "class Gun(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        shots = Path('shots.txt')\n"
        "        known = shots.read_text() if shots.exists() else ''\n"
        "        shots.write_text(known + '.')\n"
        f"        if len(known) == 1:\n            os.killpg({server.process.pid}, 9)\n"
    )
    where = f"tracking.uri={server.uri}"
    words = ("--multirun", "seed=1,2,3", "+trainer.callbacks.gun={_target_: gun.Gun}", "hydra/launcher=basic")
    lost = locexp("train", *TINY, *words, where, cwd=workplace)
    assert lost.returncode == 1
    assert "not all results reached the tracking store" in lost.stderr
    assert "Traceback" not in lost.stdout + lost.stderr
    assert "3 of 3 jobs have finished" in lost.stdout
    (folder,) = workplace.glob("multirun/*/*")
    assert f"python -m locexp.log {folder}" in lost.stdout
    records = [json.loads(path.read_text()) for path in sorted(folder.glob("*/run.json"))]
    assert [record["status"] for record in records] == ["FINISHED"] * 3
    assert [record["logged"] for record in records] == [True, False, False]
    server.start()
    again = locexp("train", "sweep.resume=last", where, cwd=workplace)
    assert again.returncode == 0, again.stdout + again.stderr
    assert sorted(results(server.uri)) == ["defaults seed=1", "defaults seed=2", "defaults seed=3"]
    assert {status for status, _ in results(server.uri).values()} == {"FINISHED"}
    assert parent(server.uri).info.status == "FINISHED"
    assert len((workplace / "shots.txt").read_text()) == 3


@pytest.mark.slow
def test_a_sweep_on_a_server(one_by_one: dict[str, tuple[str, list[float]]], workplace: Path, server: Server) -> None:
    """A sweep, its comparison and its resume against a real ``mlflow server``; nothing lies here but the files."""
    where = f"tracking.uri={server.uri}"
    done = locexp("train", *GRID, where, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert results(server.uri) == one_by_one
    assert not (workplace / "mlruns").exists()
    assert f"{server.uri}/#/experiments/" in done.stdout
    compared = locexp("compare", where, cwd=workplace)
    assert compared.returncode == 0, compared.stderr
    again = locexp("train", "sweep.resume=last", where, cwd=workplace)
    assert again.returncode == 0, again.stderr
    assert "4 have finished before, 0 are missing" in again.stdout
    assert results(server.uri) == one_by_one
    logged = {
        file.path for file in MlflowClient(server.uri).list_artifacts(parent(server.uri).info.run_id, "comparison")
    }
    assert "comparison/report.html" in logged
    # From another machine's point of view: no folder of the sweep, everything comes from the server.
    elsewhere = workplace / "elsewhere"
    elsewhere.mkdir()
    (workplace / "multirun").rename(workplace / "gone")
    compared = locexp("compare", where, cwd=elsewhere)
    assert compared.returncode == 0, compared.stderr
    assert list(elsewhere.glob("sweep-*/comparison/report.html"))
