"""Whole sweeps, run for real with tiny networks: what they leave, how they fail, and how they are taken up again."""

from __future__ import annotations

import base64
import json
import os
import pkgutil
import re
import shlex
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock, Timeout

from locexp.errors import Terminated
from locexp.records.record import RunRecord
from locexp.records.sweep_list import SweepList
from locexp.sweep.folder import LOCK, end_of
from locexp.sweep.queue import Queue
from locexp.sweep.stored import StoredSweep
from locexp.system.process import process_tags
from tests.conftest import TINY, door_here, locexp, tiny_without, train_here, wait_until

GRID = ("--multirun", "loss.bbox_weight=0.5,20", "seed=1,2")
TRAINED = ("test/accuracy", "test/mean_iou", "test/loc_acc_75", "val/bbox_loss", "train/classification_loss")


def client(place: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{place}/mlruns/mlflow.db")


def runs(place: Path, condition: str = "") -> list[Any]:
    store = client(place)
    return list(store.search_runs([store.get_experiment_by_name("locexp").experiment_id], condition))


def parent_of(place: Path) -> Any:
    (found,) = runs(place, "tags.kind = 'sweep'")
    return found


def sweep_id(place: Path) -> str:
    return str(parent_of(place).data.tags["sweep_id"])


def everything(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*")}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A finished sweep, run by the real command: its place and what it said."""
    place = tmp_path_factory.mktemp("done")
    ended = locexp("train", *TINY, "trainer.deterministic=true", *GRID, cwd=place)
    assert (ended.returncode, ended.stderr) == (0, "")
    return place, ended.stdout


def test_a_sweep_in_the_store(done: tuple[Path, str]) -> None:
    place, _ = done
    parent = parent_of(place)
    children = runs(place, "tags.kind = 'run'")
    assert parent.info.run_name == "sweep bbox_weight"
    assert len(runs(place)) == 5
    assert {run.info.status for run in [parent, *children]} == {"FINISHED"}
    assert sorted(run.info.run_name for run in children) == [
        "bbox_weight=0.5 seed=1",
        "bbox_weight=0.5 seed=2",
        "bbox_weight=20 seed=1",
        "bbox_weight=20 seed=2",
    ]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.data.tags["varied"] for run in children} == {"loss.bbox_weight,seed"}
    identity = parent.data.tags["sweep_id"]
    flat = f"tags.sweep_id = '{identity}' and tags.`varied.loss.bbox_weight` = '20' and tags.seed = '2'"
    (one,) = runs(place, flat + " and tags.kind = 'run'")
    (other,) = runs(place, "tags.kind = 'run' and tags.`varied.loss.bbox_weight` = '20' and tags.seed = '1'")
    assert one.data.tags["config_hash"] == other.data.tags["config_hash"]
    assert len({run.data.tags["config_hash"] for run in children}) == 2
    assert parent.data.metrics == {"sweep/jobs": 4, "sweep/finished": 4, "sweep/failed": 0}
    stored = {file.path for file in client(place).list_artifacts(parent.info.run_id, "comparison")}
    for name in ("report.html", "comparison.csv", "comparison.json", "front.png"):
        assert f"comparison/{name}" in stored
    directory = Path(parent.data.tags["directory"])
    assert {path.name for path in directory.iterdir()} >= {"0", "1", "2", "3", "comparison", "sweep", "run.json"}


def test_what_a_sweep_says(done: tuple[Path, str]) -> None:
    place, said = done
    parent = parent_of(place)
    for words in (
        "4 jobs",
        "[4/4] bbox_weight=20 seed=2",
        "left",
        "FINISHED 4 of 4 jobs have finished",
        "python -m locexp.ui",
        f"/#/experiments/{parent.info.experiment_id}",
        "compareRunsMode=CHART",
        "comparison/report.html",
        "too few seeds",
    ):
        assert words in said, said
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", said)  # no redraw, no colour
    assert max(len(line) for line in said.splitlines() if re.match(r"\[\d/4\]", line)) <= 80
    assert "1 seeds" not in said


@pytest.mark.slow
def test_a_job_of_a_sweep_equals_the_same_run_by_itself(done: tuple[Path, str], workplace: Path) -> None:
    place, _ = done
    # A process of its own: how TensorFlow divides its work among threads is settled by the first run of a process.
    ended = locexp("train", *TINY, "trainer.deterministic=true", "loss.bbox_weight=20", "seed=2", cwd=workplace)
    assert (ended.returncode, ended.stderr) == (0, "")
    (alone,) = runs(workplace)
    (job,) = runs(place, "tags.kind = 'run' and tags.`varied.loss.bbox_weight` = '20' and tags.seed = '2'")
    assert alone.data.tags["config_hash"] == job.data.tags["config_hash"]
    for name in TRAINED:
        assert alone.data.metrics[name] == job.data.metrics[name]


def test_resuming_a_finished_sweep_runs_nothing(done: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    place, _ = done
    monkeypatch.chdir(place)
    variables = dict(os.environ)
    before = {run.info.run_id: run.data.metrics.get("test/accuracy") for run in runs(place)}
    assert train_here("++sweep.resume=last") == 0
    assert {run.info.run_id: run.data.metrics.get("test/accuracy") for run in runs(place)} == before
    assert parent_of(place).info.status == "FINISHED"
    left = {name for name, value in os.environ.items() if variables.get(name) != value}
    assert {name for name in left if name.startswith(("MLFLOW", "LOCEXP"))} == set()  # a later run would read them


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sweep.resume=nosuch"], "nosuch: there is no sweep of this id"),
        (["sweep.resume=last", "loss.bbox_weight=3"], "loss.bbox_weight=3: cannot be combined with sweep.resume=last"),
        (["++sweep.resume=last", "sweep.seeds=3"], "sweep.seeds=3: cannot be combined with"),
        (["sweep.resume=last", "sweep.on_errors=stop"], "sweep.on_errors=stop: cannot be combined with"),
        (["sweep.resume=last", "sweep.resume=nosuch"], "a command resumes one sweep"),
        (["sweep.resume=last", "sweep.presume_dead=perhaps"], "sweep.presume_dead=perhaps: expected true or false"),
        (["experiment=resuming", "--config-dir", "mine"], "sweep.resume=last: expected it on the command line"),
        (["sweep.resume="], "sweep.resume=: expected the id of a sweep, or last"),
        (["--multirun", "sweep.resume=last"], "is stored with the sweep: leave this out beside sweep.resume"),
        (["sweep.resume=last", "tracking.experiment=nosuch"], "tracking.experiment=nosuch: is not in"),
    ],
)
def test_what_cannot_be_resumed_is_refused_and_nothing_changes(
    done: tuple[Path, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    place, _ = done
    monkeypatch.chdir(place)
    (place / "mine" / "experiment").mkdir(parents=True, exist_ok=True)
    (place / "mine" / "experiment" / "resuming.yaml").write_text("# @package _global_\nsweep: {resume: last}\n")
    before = everything(place)
    assert train_here(*words) == 2
    assert message in capsys.readouterr().err
    assert {name for name in everything(place) if "mlflow.db-" not in name} == {
        name for name in before if "mlflow.db-" not in name
    }


def test_a_sweep_is_resumed_by_one_command_at_a_time(
    done: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place, _ = done
    monkeypatch.chdir(place)
    directory = Path(parent_of(place).data.tags["directory"])
    loaded: list[object] = []
    monkeypatch.setattr("locexp.run.prepare.load_training_data", loaded.append)
    with FileLock(directory / LOCK):
        assert train_here("sweep.resume=last") == 2
        said = capsys.readouterr().err
        assert f"sweep.resume={sweep_id(place)}: another command is still running this sweep" in said
        assert len(said.splitlines()) == 1
        assert loaded == []
        assert train_here("sweep.resume=last", "sweep.dry_run=true") == 0  # only looks


@pytest.mark.slow
def test_a_folder_holds_one_sweep(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ids come not from the folder's name, so equal names do not mix, and a dot in it does no harm."""
    for parent in "ab":
        assert train_here(*TINY, "--multirun", "seed=1", f"hydra.sweep.dir={parent}/v1.0") == 0
    assert len({run.data.tags["sweep_id"] for run in runs(workplace, "tags.kind = 'sweep'")}) == 2
    before = everything(workplace)
    assert train_here(*TINY, "--multirun", "seed=2", "hydra.sweep.dir=a/v1.0") == 2
    assert "hydra.sweep.dir=a/v1.0: holds a sweep already" in capsys.readouterr().err
    assert everything(workplace) == before
    identity = runs(workplace, "tags.kind = 'sweep'")[0].data.tags["sweep_id"]
    assert train_here(f"sweep.resume={identity}") == 0
    assert "1 has finished before, 0 are missing" in capsys.readouterr().out


def test_a_dry_run_lists_and_writes_nothing(
    done: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], workplace: Path
) -> None:
    assert train_here(*TINY, "sweep=bbox_weight", "sweep.points=9", "sweep.seeds=10", "sweep.dry_run=true") == 0
    said = capsys.readouterr().out
    assert "bbox_weight=0.5 seed=0" in said
    assert "120" in said
    assert everything(workplace) == set()
    monkeypatch.chdir(done[0])
    before = everything(done[0])
    assert train_here("sweep.resume=last", "sweep.dry_run=true") == 0
    said = capsys.readouterr().out
    (row,) = runs(done[0], "tags.kind = 'run' and tags.`varied.loss.bbox_weight` = '20' and tags.seed = '2'")
    assert row.data.tags["config_hash"] in said
    assert said.count("done") >= 4
    assert everything(done[0]) == before


def test_a_dry_run_estimates_from_what_has_run(
    done: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(done[0])
    words = [*TINY, "trainer.deterministic=true", "--multirun", "loss.bbox_weight=1,2,3", "sweep.dry_run=true"]
    assert train_here(*words) == 0
    said = capsys.readouterr().out
    metrics = [run.data.metrics for run in runs(done[0], "tags.kind = 'run'")]
    share = statistics.median(one["time/total_seconds"] / one["time/stack_members"] for one in metrics)
    assert "3 jobs, 0 done, 3 to run" in said
    assert f"at {share:.1f} s per job (median of 4 finished runs" in said
    assert f"About {3 * share:.0f} s" in said
    assert train_here(*words, "data.limit=300") == 0
    assert "The time cannot be estimated" in capsys.readouterr().out


def test_the_report_holds_its_pictures(done: tuple[Path, str]) -> None:
    """Front, metrics, learning curves, a gallery per setting, and the images that its runs kept: whole files in it."""
    (report,) = done[0].glob("multirun/*/*/comparison/report.html")
    page = report.read_text()
    pictures = re.findall(r'<img alt="([^"]*)" src="data:image/png;base64,([^"]*)"', page)
    assert [name for name, _ in pictures] == ["Accuracy against mean IoU", "Metrics by setting", "Learning curves"]
    assert all(base64.b64decode(content, validate=True).startswith(b"\x89PNG") for _, content in pictures)
    galleries = re.findall(r"<details class=gallery[^>]*><summary>([^<]*)</summary>", page)
    assert set(galleries) == {"bbox_weight=0.5, seed 1", "bbox_weight=20, seed 1"}
    (images,) = {path.read_bytes() for path in done[0].glob("multirun/*/*/*/pictures/samples.webp")}
    (embedded,) = re.findall(r'href="data:image/webp;base64,([^"]*)"', page)
    assert base64.b64decode(embedded, validate=True) == images


def test_a_job_that_was_killed_before_its_record_has_begun(tmp_path: Path) -> None:
    """Its log says so, whatever hydra.job.name calls it; one that has logged nothing may be started by another."""
    log = tmp_path / "mine.log"
    log.touch()
    assert end_of(tmp_path, stopped=False) is None
    log.write_text("started\n")
    outcome = end_of(tmp_path, stopped=False)
    assert outcome is not None
    assert (outcome.cut_off, outcome.reason) == (True, "ended before it left a record")


@pytest.mark.slow
def test_failures_are_data(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two jobs diverge or raise, one is fine: all are recorded, the sweep goes on, and its end names the failures."""
    (workplace / "mine.py").write_text(
        "import keras\n"
        "class Clumsy(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        if logs['train/classification_loss'] > 0 and self.model.optimizer.name == 'sgd':\n"
        "            raise ZeroDivisionError('ouch')\n"
    )
    status = train_here(
        *TINY, "--multirun", "optimizer=adam,sgd", "optimizer.learning_rate=0.001,1e30",
        "+trainer.callbacks.mine={_target_: mine.Clumsy}",
    )  # fmt: skip
    said = capsys.readouterr()
    assert status == 1
    assert "3 of 4 jobs did not finish" in said.err
    children = {run.info.run_name: run for run in runs(workplace, "tags.kind = 'run'")}
    statuses = {name: run.info.status for name, run in children.items()}
    assert list(statuses.values()).count("FINISHED") == 1
    assert parent_of(workplace).info.status == "FAILED"
    raised = next(run for run in children.values() if "ouch" in run.data.tags.get("error", ""))
    log = (Path(raised.data.tags["directory"]) / "train.log").read_text()
    assert "ouch" in log
    diverged = next(run for run in children.values() if "not finite" in run.data.tags.get("error", ""))
    assert diverged.info.status == "FAILED"
    for name, status_of in statuses.items():
        if status_of == "FAILED":
            assert f"failed   {name}: " in said.out


@pytest.mark.slow
def test_the_resume_line_can_be_typed_as_it_stands(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The store is named in words that both the shell and Hydra read: this experiment has what either would split."""
    words = ("loss.bbox_weight=1", "optimizer.learning_rate=0.001,1e30", "tracking.experiment='Ann\\'s runs, first'")
    assert train_here(*TINY, "--multirun", *words) == 1
    (line,) = (one for one in capsys.readouterr().out.splitlines() if one.startswith("Resume   "))
    python, flag, module, *rest = shlex.split(line.removeprefix("Resume   "))
    assert (python, flag, module) == ("python", "-m", "locexp.train")
    assert train_here(*rest, "sweep.dry_run=true") == 0
    assert "2 jobs, 1 done, 1 to run" in capsys.readouterr().out


@pytest.mark.slow
def test_an_exception_leaves_its_traceback(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in a user's model shows in the job's own log, also where only some jobs have it."""
    (workplace / "fragile.py").write_text(
        "from locexp.models.cnn import build\n"
        "import keras\n"
        "def fragile(input_shape, num_classes, explode):\n"
        "    if explode and len(LOG) > 1:\n"
        "        raise ZeroDivisionError('deep inside')\n"
        "    LOG.append(explode)\n"
        "    return build(input_shape, num_classes, filters=[4], dense_units=8)\n"
        "LOG = []\n"
    )
    monkeypatch.syspath_prepend(workplace)
    words = [word for word in TINY if not word.startswith("model.")]
    status = train_here(
        *words, "--multirun", "~model.filters", "~model.dense_units", "~model.dropout", "~model.bbox_head",
        "~model.shared",
        "model._target_=fragile.fragile", "+model.explode=true", "seed=1,2,3",
    )  # fmt: skip
    assert status == 1
    failed = runs(workplace, "tags.kind = 'run' and attributes.status = 'FAILED'")
    assert failed
    log = (Path(failed[0].data.tags["directory"]) / "train.log").read_text()
    assert "Traceback" in log
    assert "deep inside" in log
    assert "train.log" in {file.path for file in client(workplace).list_artifacts(failed[0].info.run_id)}


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param(("hydra/launcher=basic",), marks=pytest.mark.slow),
        ("sweep.max_members=1",),
        pytest.param(
            ("hydra/launcher=joblib", "hydra.launcher.n_jobs=1", "sweep.max_members=1"),
            marks=[pytest.mark.extra, pytest.mark.slow],
        ),
    ],
    ids=["basic", "stacked", "joblib"],
)
def test_a_sweep_can_stop_at_the_first_failure(
    workplace: Path, capsys: pytest.CaptureFixture[str], launcher: tuple[str, ...]
) -> None:
    if "hydra/launcher=joblib" in launcher:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = ("--multirun", "optimizer=sgd", "optimizer.learning_rate=1e30,0.01,0.02", "sweep.on_error=stop")
    assert train_here(*TINY, *words, *launcher) == 1
    assert [run.info.status for run in runs(workplace, "tags.kind = 'run'")] == ["FAILED"]
    assert "2 jobs were not started" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.extra
def test_what_trains_beside_a_failure_ends_and_nothing_begins_after_it(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    rates = "optimizer.learning_rate=1e30,0.01,0.02,0.03"
    words = ("--multirun", "optimizer=sgd", rates, "sweep.on_error=stop", "sweep.max_members=2")
    assert train_here(*TINY, *words, "hydra/launcher=joblib", "hydra.launcher.n_jobs=1") == 1
    assert sorted(run.info.status for run in runs(workplace, "tags.kind = 'run'")) == ["FAILED", "FINISHED"]
    assert "2 jobs were not started" in capsys.readouterr().out


@pytest.mark.extra
def test_a_launcher_without_jobs_is_refused(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = ("--multirun", "seed=1,2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=0")
    assert train_here(*TINY, *words) == 2
    assert "hydra.launcher.n_jobs=0: expected a whole number >= 1" in capsys.readouterr().err
    assert everything(workplace) == set()


@pytest.mark.slow
def test_a_sweep_lost_with_its_store_is_logged_from_its_files(workplace: Path) -> None:
    import shutil

    assert train_here(*TINY, *GRID) == 0
    directory = parent_of(workplace).data.tags["directory"]
    told = {run.info.run_name: run.data.metrics["test/accuracy"] for run in runs(workplace, "tags.kind = 'run'")}
    shutil.rmtree(workplace / "mlruns")
    again = door_here("log", directory, "--uri", "mlruns2")
    assert again.returncode == 0, again.stderr
    (workplace / "mlruns2").rename(workplace / "mlruns")
    parent = parent_of(workplace)
    children = runs(workplace, "tags.kind = 'run'")
    assert {run.info.run_name: run.data.metrics["test/accuracy"] for run in children} == told
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}


def test_runs_that_cannot_be_logged_do_not_keep_a_sweep_from_going_on(tmp_path: Path) -> None:
    tags = {"sweep_id": "one", "directory": str(tmp_path)}
    for name in ("0", "1"):
        (tmp_path / name).mkdir()
        store = str(tmp_path / name / "run.json")  # a file where a folder is to be
        RunRecord(name, "FINISHED", tags=tags, tracking_uri=store).write(tmp_path / name)
    jobs = SweepList([], multirun=False, config_dir=None, jobs=[])
    known: Any = SimpleNamespace(children=lambda sweep_id: [])
    lines = StoredSweep(RunRecord("sweep", tags=tags), jobs, finished={}, dead=[], queue=Queue(tmp_path)).mend(known)
    assert [line.startswith("not logged: ") for line in lines] == [True, True]


def test_a_job_shot_before_the_store_knew_of_it_is_closed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    alive, gone = process_tags(), process_tags() | {"pid": str(ended.pid)}
    tags = {"sweep_id": "one", "directory": str(tmp_path), "kind": "run"}
    for name, of_process in (("0", gone), ("1", alive)):
        (tmp_path / name).mkdir()
        store = f"sqlite:///{tmp_path}/mlflow.db"
        RunRecord(name, "RUNNING", tags=tags | of_process, tracking_uri=store, experiment="e").write(tmp_path / name)
    jobs = SweepList([], multirun=False, config_dir=None, jobs=[])
    known: Any = SimpleNamespace(children=lambda sweep_id: [])
    StoredSweep(RunRecord("sweep", tags=tags), jobs, finished={}, dead=[], queue=Queue(tmp_path)).mend(known)
    assert [RunRecord.read(tmp_path / name).status for name in ("0", "1")] == ["KILLED", "RUNNING"]


@pytest.mark.parametrize(
    ("where", "stop", "status"),
    [
        pytest.param("locexp.tracking.session.Session.start", Terminated, 143, marks=pytest.mark.slow),
        ("locexp.tracking.tracker.Tracker.finish", KeyboardInterrupt, 130),
        pytest.param("locexp.analysis.compare.compare_sweep", KeyboardInterrupt, 130, marks=pytest.mark.slow),
    ],
    ids=["SIGTERM in the opening", "Ctrl-C before a job is logged", "Ctrl-C in the comparison"],
)
def test_a_sweep_that_is_stopped_outside_of_its_trainings_is_closed(
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
    stop: type[BaseException],
    status: int,
) -> None:
    original, signals = pkgutil.resolve_name(where), [stop]

    def stopped_once(*arguments: Any, **named: Any) -> Any:
        if signals:
            raise signals.pop()
        return original(*arguments, **named)

    monkeypatch.setattr(where, stopped_once)
    try:
        ended = train_here(*TINY, "--multirun", "loss.bbox_weight=0.5")
    except Terminated as error:
        ended = int(str(error.code))
    assert ended == status
    assert "Resume   python -m" in capsys.readouterr().out
    parent = parent_of(workplace)
    assert parent.info.status == "KILLED"
    children = runs(workplace, "tags.kind = 'run'")
    assert {run.info.status for run in children} <= {"FINISHED"}
    assert parent.data.metrics == {"sweep/jobs": 1, "sweep/finished": len(children), "sweep/failed": 0}
    (record,) = workplace.glob("multirun/*/*/run.json")
    assert json.loads(record.read_text())["status"] == "KILLED"
    assert train_here("sweep.resume=last") == 0
    assert parent_of(workplace).info.status == "FINISHED"
    assert len(runs(workplace)) == 2


# Kills: a real process, a real SIGKILL.


def begin(place: Path, *words: str) -> subprocess.Popen[str]:
    with (place / "said.txt").open("w") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "locexp.train", *words], cwd=place, stdout=out, stderr=subprocess.STDOUT, text=True
        )


def records(place: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in place.glob("multirun/*/*/*/run.json")]


def finished(place: Path) -> int:
    return sum(record["status"] == "FINISHED" for record in records(place))


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "while the second job trains": lambda place: len(records(place)) == 2 and len(list(place.glob(HISTORIES))) == 2,
    "as soon as the sweep is known": lambda place: bool(list(place.glob("multirun/*/*/run.json"))),
    "as the first job's record appears": lambda place: len(records(place)) == 1,
    "after three have finished": lambda place: finished(place) == 3,
    "while a stack of four trains": lambda place: len(records(place)) == 4,
}
HISTORIES = "multirun/*/*/*/history.jsonl"


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("while the second job trains", marks=pytest.mark.slow),
        pytest.param("as soon as the sweep is known", marks=pytest.mark.slow),
        pytest.param("as the first job's record appears", marks=pytest.mark.slow),
        pytest.param("after three have finished", marks=pytest.mark.slow),
        pytest.param("while a stack of four trains", marks=pytest.mark.slow),
    ],
)
def test_a_sweep_that_is_shot_goes_on_where_it_was(done: tuple[Path, str], workplace: Path, moment: str) -> None:
    """kill -9, then resume: exactly what is missing runs, and the results are those of the undisturbed sweep."""
    undisturbed, _ = done
    members = 4 if "stack" in moment else 1
    process = begin(workplace, *TINY, "trainer.deterministic=true", *GRID, f"sweep.max_members={members}")
    wait_until(lambda: MOMENTS[moment](workplace))
    process.kill()
    process.wait()
    whole = finished(workplace)
    assert whole < 4
    again = locexp("train", "sweep.resume=last", cwd=workplace)
    assert again.returncode == 0, again.stdout + again.stderr
    have, are = "has" if whole == 1 else "have", "is" if whole == 3 else "are"
    assert f"{whole} {have} finished before, {4 - whole} {are} missing" in again.stdout
    children = runs(workplace, "tags.kind = 'run'")
    assert {run.info.status for run in children} <= {"FINISHED", "KILLED"}
    ended = [run for run in children if run.info.status == "FINISHED"]
    expected = {
        run.info.run_name: [run.data.metrics[name] for name in TRAINED]
        for run in runs(undisturbed, "tags.kind = 'run'")
    }
    assert len(ended) == 4
    assert {run.info.run_name: [run.data.metrics[name] for name in TRAINED] for run in ended} == expected
    assert parent_of(workplace).info.status == "FINISHED"


@pytest.mark.parametrize(
    ("sign", "status"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_sweep_that_is_stopped_closes_its_runs(
    workplace: Path, sign: signal.Signals, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    # The second run is in the middle of its epochs whenever the signal comes.
    process = begin(workplace, *tiny_without("trainer.epochs"), "--multirun", "trainer.epochs=1,100000")
    wait_until(lambda: finished(workplace) == 1 and len(list(workplace.glob(HISTORIES))) == 2)
    assert train_here("sweep.resume=last") == 2
    assert "is still running" in capsys.readouterr().err
    compared = door_here("compare")
    assert (compared.returncode, "is still running" in compared.stderr) == (2, True), compared.stderr
    with pytest.raises(Timeout):
        FileLock(next(workplace.glob("multirun/*/*")) / LOCK).acquire(timeout=0)
    process.send_signal(sign)
    assert process.wait(60) == status
    said = (workplace / "said.txt").read_text()
    assert "Traceback" not in said
    assert f"Resume   python -m locexp.train sweep.resume={sweep_id(workplace)}" in said
    assert parent_of(workplace).info.status == "KILLED"
    statuses = [run.info.status for run in runs(workplace, "tags.kind = 'run'")]
    assert sorted(statuses) == ["FINISHED", "KILLED"]


@pytest.mark.slow
def test_changed_configuration_files_are_noticed(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A resume replays the words; where the user's own files say something else now, it stops."""
    (workplace / "mine" / "experiment").mkdir(parents=True)
    mine = workplace / "mine" / "experiment" / "own.yaml"
    mine.write_text("# @package _global_\noptimizer:\n  learning_rate: 0.002\n")
    assert train_here("--config-dir", "mine", *TINY, "experiment=own", "--multirun", "seed=1,2") == 0
    mine.write_text("# @package _global_\noptimizer:\n  learning_rate: 0.004\n")
    assert train_here("sweep.resume=last") == 2
    assert "the configuration files, or locexp, have changed" in capsys.readouterr().err


@pytest.mark.slow
def test_changed_code_is_noticed(
    workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("optimizer=sgd", "--multirun", "optimizer.learning_rate=0.01,1e30")
    monkeypatch.setattr("locexp.records.provenance._code_version", lambda: ("abc", "12345678"))
    assert train_here(*TINY, *words) == 1
    monkeypatch.setattr("locexp.records.provenance._code_version", lambda: ("abc", "9abcdef0"))
    before = everything(workplace)
    assert train_here("sweep.resume=last") == 2
    said = capsys.readouterr().err
    assert "git_commit was abc-dirty-12345678, is abc-dirty-9abcdef0" in said
    assert "sweep.allow_mixed=true" in said
    assert {name for name in everything(workplace) if "mlflow.db-" not in name} == before
    assert train_here("sweep.resume=last", "sweep.allow_mixed=true") == 1  # the one that diverged is tried again
    assert "note     mixed code, as sweep.allow_mixed asks: git_commit" in capsys.readouterr().out


@pytest.mark.slow
def test_changed_data_are_noticed(workplace: Path) -> None:
    import numpy as np

    def write(seed: int) -> None:
        images = np.random.default_rng(seed).integers(0, 256, (400, 28, 28), dtype=np.uint8)
        np.savez(workplace / "own.npz", x_train=images, y_train=np.arange(400) % 10)

    write(0)
    words = [word for word in TINY if not word.startswith("data")]
    words += ["data=file", "data.path=own.npz", "optimizer=sgd", "--multirun", "optimizer.learning_rate=0.01,1e30"]
    assert train_here(*words) == 1
    before = len(runs(workplace))
    write(1)
    refused = locexp("train", "sweep.resume=last", cwd=workplace)  # this process has the first data in memory
    assert refused.returncode == 2
    assert "the data set of learning_rate=0.01 seed=0 had sha256" in refused.stderr
    assert len(runs(workplace)) == before
    write(0)
    assert train_here("sweep.resume=last") == 1  # the one that diverged is tried again
    assert len(runs(workplace)) == before + 1


@pytest.mark.slow
def test_no_process_is_left_behind(done: tuple[Path, str]) -> None:
    import psutil

    place, _ = done
    leftovers = []
    for process in psutil.process_iter(["cwd", "pid"]):
        if process.info["cwd"] == str(place) and process.info["pid"] != os.getpid():
            leftovers.append(process.cmdline())
    assert leftovers == []
