"""Tasks, which launchers are handed: how jobs are split into them, and what one does that is tried again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from mlflow import MlflowClient
from omegaconf import OmegaConf

from locexp.configuration.compose import composing
from locexp.configuration.hydra_internals import Callbacks
from locexp.errors import UserError
from locexp.records.record import RunRecord
from locexp.run.training_data import digests_of
from locexp.sweep.folder import is_open
from locexp.sweep.jobs import StagedJobs
from locexp.sweep.tasks import StoredTask, code_of, split
from locexp.sweep.worker import TrainTask
from tests.conftest import locexp, tiny_without, train_here, wait_until

LONGER = tuple(word for word in tiny_without("seed") if not word.startswith("trainer.epochs"))
EXACT = ("trainer.deterministic=true", "trainer.threads=1")
"""With which two runs of a job are equal bit for bit."""


def sizes(words: list[str], *, members: int, workers: int, pauses: int = 0) -> list[list[str]]:
    """How a command is split: for each task what varies in it, without the seeds."""
    with composing() as composer:
        staged = StagedJobs(composer, words, multirun=True)
        jobs = [(job, Path(str(job.index))) for job in staged.next_stage({})]
    tasks = split(jobs, lambda index: 1 if index < pauses else None, members=members, workers=workers)
    assert sorted(job.index for task in tasks for job, _ in task) == list(range(len(jobs)))
    return [[job.name.rpartition(" ")[0] for job, _ in task] for task in tasks]


@pytest.mark.parametrize(
    ("seeds", "members", "workers", "expected"),
    [
        (16, 8, 1, [8, 8]),
        (17, 8, 1, [5, 6, 6]),
        (4, 8, 2, [2, 2]),
        (17, 8, 2, [4, 4, 4, 5]),
        (3, 8, 5, [1, 1, 1]),
        (5, 1, 2, [1] * 5),
    ],
)
def test_tasks_are_few_and_keep_every_worker_busy(seeds: int, members: int, workers: int, expected: list[int]) -> None:
    assert [len(task) for task in sizes([f"sweep.seeds={seeds}"], members=members, workers=workers)] == expected


def test_a_task_holds_what_can_train_together() -> None:
    words = ["model=cnn,cnn_small", "loss.bbox_weight=1,2", "sweep.seeds=2"]
    tasks = sizes(words, members=8, workers=1)
    assert [{name.split(" ")[0] for name in task} for task in tasks] == [{"model=cnn"}, {"model=cnn_small"}]
    assert [len(task) for task in tasks] == [4, 4]
    assert [len(task) for task in sizes(words, members=8, workers=3)] == [2, 2, 4], "the largest is split first"
    assert [len(task) for task in sizes(["sweep.seeds=4"], members=8, workers=1, pauses=1)] == [1, 3]


@pytest.mark.parametrize(
    ("status", "tags", "until", "expected"),
    [
        ("FINISHED", {}, None, False),
        ("FAILED", {}, None, False),
        ("KILLED", {}, None, True),
        ("KILLED", {"paused": "2"}, 2, False),
        ("KILLED", {"paused": "2"}, 4, True),
        ("KILLED", {"paused": "2"}, None, True),
        ("RUNNING", {"host": "node-7"}, None, True),
        ("RUNNING", {"pid": "999999999"}, None, True),
        ("RUNNING", {"pid": str(os.getppid())}, None, False),
    ],
)
def test_only_what_has_not_ended_is_open(
    status: str, tags: dict[str, str], until: int | None, expected: bool, tmp_path: Path
) -> None:
    assert is_open(tmp_path, until), "nothing has begun here"
    parent = psutil.Process(os.getppid())
    here = {"host": socket.gethostname(), "pid": "1", "process_start": f"{parent.create_time():.2f}"}
    RunRecord(name="x", status=status, tags=here | tags).write(tmp_path)
    assert is_open(tmp_path, until) is expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sweep.seeds=17",), "3 stacks of at most 6 jobs: in this process, one after the other"),
        (("sweep.seeds=17", "sweep.max_members=2"), "9 stacks of at most 2 jobs: in this process"),
        (("sweep.seeds=3", "hydra/launcher=basic"), "3 stacks of at most 1 job: in this process"),
    ],
)
def test_a_dry_run_says_how_many_stacks_there_are(
    words: tuple[str, ...], expected: str, workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1})
    assert train_here(*tiny_without("seed"), *words, "sweep.dry_run=true") == 0
    assert expected in capsys.readouterr().out


def test_a_worker_with_other_code_or_data_is_refused(workplace: Path) -> None:
    with composing() as composer:
        cfg = composer.compose(tiny_without("seed")).cfg
        mixed = composer.compose((*tiny_without("seed"), "sweep.allow_mixed=true")).cfg
    code, data = code_of(cfg), digests_of(cfg)
    StoredTask(["0"], 1, 1, stacked=True, code=code, data=data).check(cfg)
    older = StoredTask(["0"], 1, 1, stacked=True, code=code | {"locexp_version": "0.0.1"}, data=data)
    older.check(mixed)
    with pytest.raises(UserError, match=r"runs other code than the sweep: locexp_version .* \(the sweep's: 0.0.1\)"):
        older.check(cfg)
    StoredTask(["0"], 1, 1, stacked=True, code=code | {"git_commit": "1234-unknown"}, data=data).check(cfg)
    others = StoredTask(["0"], 1, 1, stacked=True, code=code, data=data | {"boxes": "0" * 64})
    with pytest.raises(UserError, match="data: the boxes that the worker on .* reads are not those of the sweep"):
        others.check(cfg)


@pytest.mark.slow
@pytest.mark.extra
def test_a_worker_that_finds_other_data_trains_nothing(workplace: Path) -> None:
    """The file is replaced between the check of the command and the first task, as on a machine with a copy of it."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (400, 28, 28), dtype=np.uint8), np.arange(400) % 10
    images[:, 0] = 0
    halves: dict[str, Any] = {
        "x_train": images[:300],
        "y_train": labels[:300],
        "x_test": images[300:],
        "y_test": labels[300:],
    }
    np.savez(workplace / "digits.npz", **halves)
    (workplace / "change.py").write_text(
        "import numpy as np\nfrom hydra.experimental.callback import Callback\n\n\n"
        "class Change(Callback):\n"
        "    def on_multirun_start(self, config, **kwargs):\n"
        "        arrays = dict(np.load('digits.npz'))\n"
        "        np.savez('digits.npz', **arrays | {'x_train': 255 - arrays['x_train']})\n"
    )
    data = [word for word in LONGER if not word.startswith("data")] + ["data=file", "data.path=digits.npz"]
    words = ("trainer.epochs=1", "+hydra.callbacks.x._target_=change.Change", "--multirun", "seed=1,2")
    done = locexp("train", *data, *words, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", cwd=workplace)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "0 of 2 jobs have finished" in done.stdout
    assert "reads are not those of the sweep. Let data.path name the same files" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("said", "kept"),
    [("", "Job not requeued because: timed-out"), ("stopped before the limit", "stopped before the limit")],
)
def test_why_a_task_was_stopped_outlives_what_submitit_raises_then(
    said: str, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stopped.txt").write_text("of an earlier attempt")

    def train(task: TrainTask, hydra: object, folder: Path) -> None:
        assert not (folder / "stopped.txt").exists()
        if said:
            (folder / "stopped.txt").write_text(said)
        raise RuntimeError("Job not requeued because: timed-out too many times")

    monkeypatch.setattr(TrainTask, "_train", train)
    output = SimpleNamespace(runtime=SimpleNamespace(output_dir=str(tmp_path)))
    monkeypatch.setattr("locexp.sweep.worker.HydraConfig", SimpleNamespace(get=lambda: output))
    with pytest.raises(RuntimeError):
        TrainTask(Callbacks())(OmegaConf.create())
    assert (tmp_path / "stopped.txt").read_text().startswith(kept)


@pytest.mark.slow
@pytest.mark.extra
def test_a_worker_without_the_folder_of_the_command_is_named(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder gets another name before the first task, as on a machine that does not have it."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    (workplace / "here").mkdir()
    (workplace / "move.py").write_text(
        "import os\nfrom hydra.experimental.callback import Callback\n\n\n"
        "class Move(Callback):\n"
        "    def on_multirun_start(self, config, **kwargs):\n"
        "        os.rename(config.hydra.runtime.cwd, config.hydra.runtime.cwd + ' no more')\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(workplace), *sys.path]))
    places = (f"hydra.sweep.dir={workplace}/sweep", f"tracking.uri={workplace}/mlruns")
    words = ("+hydra.callbacks.x._target_=move.Move", "hydra/launcher=joblib", "hydra.launcher.n_jobs=1")
    done = locexp("train", *tiny_without("seed"), *places, *words, "--multirun", "seed=1,2", cwd=workplace / "here")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{workplace}/here cannot be read (No such file or directory). All workers need" in done.stdout
    assert "no reason known" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def children(place: Path) -> dict[str, list[Any]]:
    """The runs of the one sweep in the store of a folder, by their names."""
    store = MlflowClient(f"sqlite:///{place}/mlruns/mlflow.db")
    found: dict[str, list[Any]] = {}
    for run in store.search_runs([store.get_experiment_by_name("locexp").experiment_id], "tags.kind = 'run'"):
        found.setdefault(run.info.run_name, []).append(run)
    return found


@pytest.mark.slow
def test_a_task_that_is_tried_again_takes_up_its_runs(workplace: Path) -> None:
    """What a cluster does when it loses a node: the same task begins again, in the same folders, somewhere else.

    It does so, too, when it only takes a node for lost, on which the task is at work. Two jobs have two of three epochs
    behind them when their process is shot.
    """
    words = (*LONGER, *EXACT, "--multirun", "seed=1,2", "trainer.epochs=3")
    undisturbed = workplace / "undisturbed"
    undisturbed.mkdir()
    assert locexp("train", *words, "hydra/launcher=basic", cwd=undisturbed).returncode == 0
    (workplace / "shot.py").write_text(
        "import os, signal\n\nimport locexp.run.run as run\n\nwhole = run.Run.epoch\n\n\n"
        "def epoch(self, number, metrics):\n"
        "    whole(self, number, metrics)\n"
        "    self._tracker.wait()\n"
        "    if self.prepared.cfg.seed == 2 and number == 2:\n        os.kill(os.getpid(), signal.SIGKILL)\n\n\n"
        "run.Run.epoch = epoch\n"
        "from locexp.train import main\n\nmain()\n"
    )
    shot = subprocess.run(
        [sys.executable, "shot.py", *words, "hydra/launcher=basic", "sweep.max_members=2"], check=False
    )
    assert shot.returncode == -signal.SIGKILL
    (folder,) = workplace.glob("multirun/*/*")
    first, second = (folder / name for name in ("0", "1"))
    assert [RunRecord.read(one).status for one in (first, second)] == ["RUNNING", "RUNNING"]
    again = (
        "import sys\n"
        "from pathlib import Path\n"
        "from locexp.configuration.compose import composing, whole\n"
        "from locexp.configuration.hydra_internals import Callbacks, hydra_launcher\n"
        "from locexp.sweep.worker import TaskConfigurations, TrainTask\n"
        "with composing() as composer:\n"
        "    job = composer.compose(['hydra/launcher=basic'])\n"
        "    config = whole(job.cfg, job.hydra(Path(sys.argv[1]) / '0', index=0))\n"
        "    launcher = hydra_launcher(config, TaskConfigurations(), Callbacks(), TrainTask(Callbacks()))\n"
        "    launcher.launch([['hydra.sweep.subdir=sweep/tasks/0']], 0)\n"
    )
    for folder_of_run in (first, second):  # as if the node that was lost were another one
        record = json.loads((folder_of_run / "run.json").read_text())
        record["tags"]["host"] = "node-7"
        (folder_of_run / "run.json").write_text(json.dumps(record))
    command = [sys.executable, "-c", again, str(folder)]
    stored = folder / "sweep" / "tasks" / "0"
    task, left = (stored / "task.json").read_text(), [(one / "run.json").read_bytes() for one in (first, second)]
    other = {"code": {"locexp_version": "0.0.1"}, "until": None}
    (stored / "task.json").write_text(json.dumps(json.loads(task) | other))
    subprocess.run(command, check=True)  # on a node with other code: what is there is left as it is
    assert "runs other code than the sweep: locexp_version" in (stored / "stopped.txt").read_text()
    assert left == [(one / "run.json").read_bytes() for one in (first, second)]
    (stored / "task.json").write_text(task)
    attempts = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]  # the first node was not lost
    for attempt in attempts:
        said = attempt.communicate(timeout=300)[1]
        assert attempt.returncode == 0, said
    notes = (stored / "notes.txt").read_text()
    assert "task 0: an earlier attempt is still at work, and is waited for" in notes
    times = [path.stat().st_mtime_ns for path in sorted(folder.glob("[01]/run.json"))]
    subprocess.run(command, check=True)  # nothing is left to do
    assert [RunRecord.read(one).status for one in (first, second)] == ["FINISHED", "FINISHED"]
    assert times == [path.stat().st_mtime_ns for path in sorted(folder.glob("[01]/run.json"))]
    assert "Continued after epoch 2." in RunRecord.read(second).notes
    mine, theirs = children(workplace), children(undisturbed)
    assert set(mine) == set(theirs)
    assert len(mine) == 2
    for name, (run,) in mine.items():  # one child a job
        assert run.info.status == "FINISHED"
        for metric in ("test/accuracy", "test/mean_iou", "val/bbox_loss"):
            assert run.data.metrics[metric] == theirs[name][0].data.metrics[metric]
        history = (Path(run.data.tags["directory"]) / "history.jsonl").read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in history] == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.extra
@pytest.mark.parametrize(
    ("package", "launcher"),
    [
        ("hydra_plugins.hydra_joblib_launcher", ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")),
        ("hydra_plugins.hydra_submitit_launcher", ("hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5")),
    ],
    ids=["joblib", "submitit"],
)
def test_a_worker_that_is_killed_costs_its_unfinished_epochs(
    package: str, launcher: tuple[str, ...], workplace: Path
) -> None:
    """Its stack goes on from the checkpoints, in the same folders and runs, and ends as if nothing had been."""
    pytest.importorskip(package)
    words = (*LONGER, *EXACT, "--multirun", "seed=1,2,3,4", "trainer.epochs=30")
    undisturbed = workplace / "undisturbed"
    undisturbed.mkdir()
    assert locexp("train", *words, cwd=undisturbed).returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "locexp.train", *words, *launcher], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    wait_until(lambda: any(workplace.glob("multirun/*/*/1/checkpoint.npz")))
    (folder,) = workplace.glob("multirun/*/*")
    os.kill(int(RunRecord.read(folder / "1").tags["pid"]), signal.SIGKILL)
    out = process.communicate()[0].decode()
    assert process.returncode == 0, out
    assert "a worker was killed; what was at work goes on: " in out
    mine, theirs = children(workplace), children(undisturbed)
    assert set(mine) == set(theirs)
    for name, (run,) in mine.items():
        assert run.info.status == "FINISHED"
        for metric in ("test/accuracy", "test/mean_iou", "val/bbox_loss"):
            assert run.data.metrics[metric] == theirs[name][0].data.metrics[metric]
    assert not list(folder.glob("*-2")), "a job has another attempt"
