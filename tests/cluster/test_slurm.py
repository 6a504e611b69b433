"""Sweeps on a real SLURM, disturbed as clusters disturb them; ``tests/cluster/slurm.sh`` starts one and runs these.

The jobs wait after two epochs for a file, so that each test disturbs them where it means to.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from locexp.records.record import RunRecord
from tests.conftest import wait_until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif("LOCEXP_SLURM" not in os.environ, reason="tests/cluster/slurm.sh starts a cluster for these"),
]

GATE = """
import time
from pathlib import Path
import keras

class Gate(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        while epoch == 2 and not Path("go").exists():
            time.sleep(0.1)
"""
SWEEP = (
    "data=mnist_5k",
    "data.limit=320",
    "trainer.epochs=3",
    "trainer.threads=1",
    "+trainer.callbacks={gate:{_target_:gate.Gate}}",
    "model.filters=[4]",
    "model.dense_units=8",
    "tracking.system_metrics=false",
    "sweep.max_members=1",
    "hydra/launcher=submitit_slurm",
    "hydra.launcher.timeout_min=30",
)


def cluster(*words: str) -> None:
    """Do something to the cluster."""
    subprocess.run([Path(os.environ["LOCEXP_SLURM"], "cluster"), *words], check=True, timeout=120)


def said(*words: str) -> str:
    """What one of SLURM's commands says."""
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout


def tasks(*states: str) -> list[str]:
    """The ids of the tasks that SLURM has in one of these states."""
    return said("squeue", "--noheader", "--array", f"--states={','.join(states)}", "--format=%i").split()


class Command:
    """A command that goes on while the test does something."""

    def __init__(self, *words: str) -> None:
        self.log = Path(f"{len(list(Path.cwd().glob('out*.txt')))}".join(("out", ".txt")))
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "locexp.train", *words], stdout=log, stderr=subprocess.STDOUT, text=True
            )

    @property
    def shown(self) -> str:
        return self.log.read_text()

    def ended(self, status: int, seconds: float = 180) -> str:
        """Wait for its end, with this status; returns what it said."""
        try:
            found = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.shown + said("squeue")) from None
        print(self.shown)
        assert found == status, self.shown
        return self.shown


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, and no task in SLURM before and after."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.py").write_text(GATE)
    yield tmp_path
    subprocess.run(["scancel", "--full", "--signal=KILL", f"--user={os.getuid()}"], check=False)
    subprocess.run(["scancel", f"--user={os.getuid()}"], check=False)
    wait_until(lambda: not said("squeue", "--noheader").strip(), 60)


def at_the_gate(place: Path, count: int) -> None:
    """Wait until so many jobs have two epochs behind them."""
    wait_until(lambda: sum(len(path.read_text().splitlines()) >= 2 for path in histories(place)) >= count)


def histories(place: Path) -> list[Path]:
    return list(place.glob("multirun/*/*/*/history.jsonl"))


def go(place: Path) -> None:
    """Let all jobs train to their end."""
    (place / "go").touch()


def children(place: Path) -> list[Run]:
    client = MlflowClient(f"sqlite:///{place}/mlruns/mlflow.db")
    experiment = client.get_experiment_by_name("locexp")
    return list(client.search_runs([experiment.experiment_id], "tags.kind = 'run'"))


def check_each_finished_once(place: Path, count: int) -> None:
    """Nothing is lost, nothing is there twice, in the store and in the folder."""
    runs = children(place)
    assert sorted(run.info.status for run in runs) == ["FINISHED"] * count
    assert len({run.info.run_name for run in runs}) == count
    records = [RunRecord.read(path.parent) for path in place.glob("multirun/*/*/*/run.json")]
    assert [record.status for record in records if not record.is_sweep] == ["FINISHED"] * count


def submissions(place: Path) -> list[Path]:
    return list(place.glob("multirun/*/*/sweep/submissions/*.json"))


def test_one_of_four_that_is_cancelled_does_not_end_the_others(place: Path) -> None:
    sweep = Command(*SWEEP, "-m", "loss.bbox_weight=0.5,20", "seed=1,2")
    at_the_gate(place, 4)
    array = tasks("RUNNING")[0].partition("_")[0]
    subprocess.run(["scancel", f"{array}_1"], check=True)
    time.sleep(25)  # submitit has given up by now
    assert sweep.process.poll() is None, sweep.shown
    go(place)
    shown = sweep.ended(1)
    assert "FAILED   3 of 4 jobs have finished" in shown
    assert re.search(rf"failed   \S+ seed=.: cancelled in SLURM \({array}_1\)", shown)
    assert shown.count("failed   ") == 1
    assert "The results are not all in" not in shown
    assert "may still" not in shown

    resumed = Command("sweep.resume=last").ended(0)
    assert "3 have finished before, 1 is missing" in resumed
    assert "FINISHED 4 of 4 jobs have finished" in resumed
    check_each_finished_once(place, 4)  # it went on from its checkpoint, in its folder and as its run


def test_one_of_two_that_is_cancelled_before_it_begins(place: Path) -> None:
    sweep = Command(*SWEEP, "hydra.launcher.array_parallelism=1", "-m", "seed=1,2")
    at_the_gate(place, 1)
    (waiting,) = tasks("PENDING")
    subprocess.run(["scancel", waiting], check=True)
    go(place)
    shown = sweep.ended(1)
    assert "FAILED   1 of 2 jobs has finished" in shown
    assert f"cancelled in SLURM ({waiting})" in shown
    assert "no run of this sweep has finished" not in shown
    assert "The results are not all in" not in shown


def test_a_sweep_that_is_shot_takes_up_what_slurm_has(place: Path) -> None:
    """Two tasks run and two wait: a resume waits for all four, and hands over nothing."""
    sweep = Command(*SWEEP, "hydra.launcher.cpus_per_task=2", "-m", "loss.bbox_weight=0.5,20", "seed=1,2")
    at_the_gate(place, 2)
    sweep.process.kill()
    sweep.process.wait()
    listed = Command("sweep.resume=last", "sweep.dry_run=true").ended(0)
    assert len(re.findall(r"running in SLURM \(\d+_\d\)", listed)) == 2
    assert len(re.findall(r"queued in SLURM \(\d+_\d, \w+\)", listed)) == 2
    assert "4 jobs, 0 done, 4 in a queue, 0 to run" in listed

    resumed = Command("sweep.resume=last")
    wait_until(lambda: "resumed" in resumed.shown)
    go(place)
    assert "FINISHED 4 of 4 jobs have finished" in resumed.ended(0)
    assert len(submissions(place)) == 1
    check_each_finished_once(place, 4)


def test_ctrl_c_leaves_tasks_to_slurm(place: Path) -> None:
    sweep = Command(*SWEEP, "-m", "seed=1,2")
    at_the_gate(place, 2)
    began = time.monotonic()
    sweep.process.send_signal(signal.SIGINT)
    shown = sweep.ended(130, 60)
    assert time.monotonic() - began < 20
    assert len(re.findall(r"goes on  .*: running in SLURM", shown)) == 2
    assert "were not started" not in shown
    assert len(tasks("RUNNING")) == 2
    go(place)
    assert "FINISHED 2 of 2 jobs have finished" in Command("sweep.resume=last").ended(0)
    check_each_finished_once(place, 2)


def test_a_time_limit_is_called_so(place: Path) -> None:
    limit = ("hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=15")
    shown = Command(*SWEEP, *limit, "-m", "seed=1,2").ended(1)
    assert "FAILED   0 of 2 jobs have finished" in shown
    assert shown.count("stopped before the time limit of its task, hydra.launcher.timeout_min=1: raise that") >= 2
    assert "Job not requeued" not in shown
    assert {run.info.status for run in children(place)} <= {"KILLED"}
    go(place)
    assert "FINISHED 2 of 2" in Command("sweep.resume=last", "hydra.launcher.timeout_min=30").ended(0)
    check_each_finished_once(place, 2)


@pytest.mark.parametrize(
    "limit",
    [["timeout_min=30", "max_num_timeout=0"], ["timeout_min=10", "max_num_timeout=1"]],
    ids=["to make room", "near its time limit"],
)
def test_a_requeued_task_goes_on_from_its_checkpoint(place: Path, limit: list[str]) -> None:
    """The signal is sent by hand, as SLURM sends it: submitit judges by the minutes left what it means."""
    sweep = Command(*SWEEP, *(f"hydra.launcher.{word}" for word in limit), "-m", "seed=1,2")
    at_the_gate(place, 2)
    both = tasks("RUNNING")
    subprocess.run(["scancel", "--signal=USR2", *both], check=True)
    wait_until(lambda: all("Restarts=0" not in said("scontrol", "show", "job", job_id) for job_id in both))
    go(place)
    shown = sweep.ended(0)
    assert "FAILED" not in shown
    assert "KILLED" not in shown
    assert "Continued after epoch 2." in shown
    check_each_finished_once(place, 2)
    assert {run.data.tags["resumed"] for run in children(place)} == {"1"}


def test_a_node_that_crashes(place: Path) -> None:
    sweep = Command(*SWEEP, "hydra.launcher.cpus_per_task=2", "-m", "seed=1,2")
    at_the_gate(place, 2)
    cluster("node", "n2", "crash")
    time.sleep(3)
    cluster("node", "n2", "start")
    go(place)
    shown = sweep.ended(0)
    assert "FINISHED 2 of 2 jobs have finished" in shown
    check_each_finished_once(place, 2)


def test_a_task_that_is_run_again_after_it_has_finished(place: Path) -> None:
    """As after a node was drained with its task alive: nothing is left to do, and nothing is written over."""
    go(place)
    Command(*SWEEP, "-m", "seed=1,2").ended(0)
    (record,) = [path for path in place.glob("multirun/*/*/0/run.json")]
    (history,) = [path for path in place.glob("multirun/*/*/0/history.jsonl")]
    before = record.read_bytes(), history.read_bytes(), record.stat().st_mtime_ns
    ids = said("sacct", "--noheader", "--allocations", "--format=JobID", "--parsable2").split()[-2:]
    for job_id in ids:
        subprocess.run(["scontrol", "requeue", job_id], check=True)
    wait_until(lambda: bool(tasks("RUNNING")), 60)
    wait_until(lambda: not tasks("RUNNING", "PENDING", "COMPLETING"), 120)
    assert (record.read_bytes(), history.read_bytes(), record.stat().st_mtime_ns) == before
    check_each_finished_once(place, 2)


def test_without_accounting_a_cancelled_task_is_noticed(place: Path) -> None:
    cluster("set", "AccountingStorageType", "accounting_storage/none")
    try:
        sweep = Command(*SWEEP, "-m", "seed=1,2")
        at_the_gate(place, 2)
        cancelled = tasks("RUNNING")[0]
        subprocess.run(["scancel", cancelled], check=True)
        go(place)
        shown = sweep.ended(1)
    finally:
        cluster("set", "AccountingStorageType", "accounting_storage/slurmdbd")
    assert "sacct does not answer (Slurm accounting storage is disabled)" in shown
    assert "1 of 2 jobs has finished" in shown
    assert "cancelled" in shown


def test_more_tasks_than_an_array_may_have(place: Path) -> None:
    cluster("set", "MaxArraySize", "3")
    try:
        go(place)
        assert "FINISHED 3 of 3 jobs have finished" in Command(*SWEEP, "-m", "seed=1,2,3").ended(0)
    finally:
        cluster("set", "MaxArraySize", "1001")
    assert len(submissions(place)) == 2
    check_each_finished_once(place, 3)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["hydra.launcher.partition=nowhere"], "(Invalid partition name specified"),
        (["hydra.launcher.cpus_per_task=64"], "(Requested node configuration is not available"),
    ],
)
def test_what_slurm_refuses_is_said_before_anything_is_written(place: Path, words: list[str], why: str) -> None:
    shown = Command(*SWEEP, *words, "-m", "seed=1,2").ended(2, 60)
    assert why in shown.replace("allocation failure: ", "")
    assert words[0] in shown
    assert "Traceback" not in shown
    assert not (place / "multirun").exists()


def test_no_slurm_at_all(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(Path(sys.executable).parent))
        shown = Command(*SWEEP, "-m", "seed=1,2").ended(2, 60)
    assert "(there is no sbatch here)" in shown
    assert not (place / "multirun").exists()


def test_a_partition_that_is_closed_is_said(place: Path) -> None:
    sweep = Command(*SWEEP, "hydra.launcher.partition=closed", "-m", "seed=1,2")
    wait_until(lambda: "starts none: Partition" in sweep.shown, 60)
    sweep.process.send_signal(signal.SIGINT)
    shown = sweep.ended(130)
    assert len(re.findall(r"goes on  .*: queued in SLURM \(\d+_\d, Partition\w+\)", shown)) == 2


def test_a_race_goes_on_in_slurm_from_stage_to_stage(place: Path) -> None:
    """Each stage is handed over when the one before has ended; jobs go on in their folders, as the same runs."""
    words = [
        word for word in SWEEP if not word.startswith(("trainer.epochs", "+trainer.callbacks", "sweep.max_members"))
    ]
    race = ("trainer.epochs=2", "sweep=race", "sweep.points=3", "sweep.keep=[1]", "sweep.confirm=6")
    shown = Command(*words, *race).ended(0, 600)
    assert "the launcher did not start it" not in shown
    assert "stage    2: " in shown
    runs = children(place)
    names = [run.info.run_name for run in runs]
    assert len(names) == len(set(names))
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED"}  # those that are not pursued stay paused
    for run in runs:
        if run.info.status == "FINISHED":
            history = Path(run.data.tags["directory"], "history.jsonl").read_text(encoding="utf-8").splitlines()
            assert len(history) == 2
    assert "0 are missing" in Command("sweep.resume=last").ended(0)
