"""Sweeps on a real Ray cluster: two nodes on this machine with a core and a host name each.

They need the extra `ray`, and are skipped without, or where a process may not have a host name of its own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from mlflow import MlflowClient

from locexp.records.record import RunRecord
from tests.conftest import locexp, tiny_without, wait_until

pytestmark = pytest.mark.cluster

ENVIRONMENT = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
LONGER = tuple(word for word in tiny_without("seed") if not word.startswith("trainer.epochs"))
GRID = (*LONGER, "trainer.deterministic=true", "trainer.threads=1", "--multirun", "seed=1,2,3,4")
EPOCHS = 20
"""So many that a node can be lost in the middle of them."""
METRICS = ("test/accuracy", "test/mean_iou", "test/center_error_px", "val/bbox_loss")


class Cluster:
    """Two Ray nodes on this machine; the second has the host name ``rn2``."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._log = (folder / "ray.log").open("wb")
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start the node ``head`` or ``rn2``, and wait until the cluster has it."""
        ray = str(Path(sys.executable).with_name("ray"))
        size = ["--num-cpus=1", "--object-store-memory=80000000", "--node-ip-address=127.0.0.1", "--block"]
        if name == "head":
            port = self.address.rpartition(":")[2]
            first = [ray, "start", "--head", f"--port={port}", "--include-dashboard=false", "--disable-usage-stats"]
        else:
            inside = f'hostname {name} && exec "$@"'
            first = ["unshare", "--uts", "sh", "-c", inside, "sh", ray, "start", f"--address={self.address}"]
        environment = {**os.environ, **ENVIRONMENT}
        self._nodes[name] = subprocess.Popen(
            [*first, *size], env=environment, stdout=self._log, stderr=self._log, start_new_session=True
        )
        wait_until(lambda: self._has(len(self._nodes)), 120)

    def _has(self, nodes: int) -> bool:
        assert all(process.poll() is None for process in self._nodes.values()), "a node has ended"
        asked = (
            "import ray, sys\n"
            f"ray.init(address={self.address!r}, logging_level='ERROR', log_to_driver=False)\n"
            f"sys.exit(sum(node['Alive'] for node in ray.nodes()) < {nodes})\n"
        )
        environment = {**os.environ, **ENVIRONMENT}
        return subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True).returncode == 0

    def kill(self, name: str) -> None:
        """Kill all processes of a node at once, as a power cut does."""
        process = self._nodes.pop(name)
        everything = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        for one in everything:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        process.wait()
        psutil.wait_procs(everything, timeout=30)

    def end(self) -> None:
        """End what is left."""
        for name in [name for name in ("rn2", "head") if name in self._nodes]:
            self.kill(name)
        self._log.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    if subprocess.run(["unshare", "--uts", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a process may not have a host name of its own here")
    made = Cluster(tmp_path_factory.mktemp("ray"))
    try:
        made.start("head")
        made.start("rn2")
        yield made
    finally:
        made.end()


def on(cluster: Cluster) -> tuple[str, ...]:
    return ("hydra/launcher=ray", f"hydra.launcher.ray.init.address={cluster.address}")


def children(place: Path) -> dict[str, Any]:
    """The runs of the one sweep in the store of a folder by their names; those that were stopped may be there again."""
    store = MlflowClient(f"sqlite:///{place}/mlruns/mlflow.db")
    found: dict[str, Any] = {}
    for run in store.search_runs([store.get_experiment_by_name("locexp").experiment_id], "tags.kind = 'run'"):
        if run.info.status != "KILLED":
            assert run.info.run_name not in found, f"{run.info.run_name} was trained twice"
            found[run.info.run_name] = run
    return found


def results(place: Path) -> dict[str, list[float]]:
    runs = children(place)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    return {name: [run.data.metrics[metric] for metric in METRICS] for name, run in runs.items()}


def on_one_machine(place: Path, epochs: int) -> dict[str, list[float]]:
    undisturbed = place / "undisturbed"
    undisturbed.mkdir()
    done = locexp("train", *GRID, f"trainer.epochs={epochs}", cwd=undisturbed)
    assert done.returncode == 0, done.stderr
    return results(undisturbed)


def test_stacks_go_to_both_nodes_and_results_are_those_of_one_machine(cluster: Cluster, workplace: Path) -> None:
    done = locexp("train", *GRID, "trainer.epochs=2", *on(cluster), cwd=workplace, env=ENVIRONMENT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ray trains 2 stacks at a time, 1 core each" in done.stdout
    assert results(workplace) == on_one_machine(workplace, 2)
    runs = children(workplace).values()
    assert {run.data.tags["host"] for run in runs} == {socket.gethostname(), "rn2"}
    assert {run.data.metrics["time/stack_members"] for run in runs} == {2}
    assert len({run.data.tags["pid"] for run in runs}) == 2


def test_a_worker_that_lives_on_takes_further_stacks(cluster: Cluster, workplace: Path) -> None:
    words = (*GRID, "trainer.epochs=1", "sweep.max_members=1", *on(cluster))
    assert locexp("train", *words, cwd=workplace, env=ENVIRONMENT).returncode == 0
    runs = children(workplace).values()
    assert len(runs) == 4
    assert len({run.data.tags["pid"] for run in runs}) == 2, "a worker ended with its task"


def test_a_node_that_is_lost_costs_its_unfinished_epochs(cluster: Cluster, workplace: Path) -> None:
    """Ray tries the task again on the other node: its runs go on there, as the same runs; nothing is trained twice."""
    words = (*GRID, f"trainer.epochs={EPOCHS}", *on(cluster))
    command = [sys.executable, "-m", "locexp.train", *words]
    sweep = subprocess.Popen(
        command, env={**os.environ, **ENVIRONMENT}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )

    def there() -> list[Path]:
        """The folders of runs that are at work on the node, and have a checkpoint."""
        found = [path.parent for path in workplace.glob("multirun/*/*/*/checkpoint.npz")]
        return [folder for folder in found if RunRecord.read(folder).tags["host"] == "rn2"]

    wait_until(lambda: len(there()) == 2)
    lost = there()
    cluster.kill("rn2")
    try:
        out = sweep.communicate(timeout=280)[0].decode()
    finally:
        sweep.kill()
        cluster.start("rn2")
    assert sweep.returncode == 0, out
    assert "4 of 4 jobs have finished" in out
    for folder in lost:
        record = RunRecord.read(folder)
        assert record.status == "FINISHED"
        assert any(note.startswith("Continued after epoch") for note in record.notes), record.notes
    (folder,) = workplace.glob("multirun/*/*")
    for history in folder.glob("*/history.jsonl"):
        epochs = [json.loads(line)["epoch"] for line in history.read_text().splitlines()]
        assert epochs == list(range(1, EPOCHS + 1))
    times = {path: path.stat().st_mtime_ns for path in folder.glob("[0-9]*/run.json")}
    assert len(times) == 4, "a job has another attempt"
    again = locexp("train", "sweep.resume=last", cwd=workplace, env=ENVIRONMENT)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "4 have finished before, 0 are missing" in again.stdout
    assert times == {path: path.stat().st_mtime_ns for path in folder.glob("[0-9]*/run.json")}
    assert results(workplace) == on_one_machine(workplace, EPOCHS)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("hydra.launcher.ray.init.address=127.0.0.1:9", "no Ray cluster answers there"),
        ("+hydra.launcher.ray.remote.num_cpus=64", "the largest node of the cluster has 1 core; expected at most 1"),
    ],
)
def test_what_a_cluster_cannot_do_is_said_before_anything_is_written(
    word: str, message: str, cluster: Cluster, workplace: Path
) -> None:
    begun = time.monotonic()
    words = [*on(cluster), word] if "address" not in word else ["hydra/launcher=ray", word]
    refused = locexp("train", *GRID, *words, cwd=workplace, env=ENVIRONMENT)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
    assert list(workplace.iterdir()) == []
    assert time.monotonic() - begun < 60


def test_a_sweep_that_is_stopped_leaves_no_task_and_goes_on(cluster: Cluster, workplace: Path) -> None:
    words = (*GRID, f"trainer.epochs={EPOCHS}", *on(cluster))
    command = [sys.executable, "-m", "locexp.train", *words]
    sweep = subprocess.Popen(
        command, env={**os.environ, **ENVIRONMENT}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        wait_until(lambda: len([*workplace.glob("multirun/*/*/*/checkpoint.npz")]) >= 2)  # of one stack or both
        records = [RunRecord.read(path.parent) for path in workplace.glob("multirun/*/*/[0-9]*/run.json")]
        sweep.send_signal(signal.SIGINT)
        out = sweep.communicate(timeout=120)[0].decode()
    finally:
        sweep.kill()
    assert sweep.returncode == 130, out
    assert "Traceback" not in out
    wait_until(lambda: not any(psutil.pid_exists(int(record.tags["pid"])) for record in records))
    statuses = {RunRecord.read(path.parent).status for path in workplace.glob("multirun/*/*/[0-9]*/run.json")}
    assert "KILLED" in statuses
    assert statuses <= {"KILLED", "FINISHED"}
    again = locexp("train", "sweep.resume=last", cwd=workplace, env=ENVIRONMENT)
    assert again.returncode == 0, again.stdout + again.stderr
    assert results(workplace) == on_one_machine(workplace, EPOCHS)


def test_a_ray_that_is_started_for_a_sweep_listens_on_loopback_alone(workplace: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    words = (*GRID, f"trainer.epochs={EPOCHS}", "hydra/launcher=ray")
    command = [sys.executable, "-m", "locexp.train", *words]
    sweep = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: len([*workplace.glob("multirun/*/*/*/checkpoint.npz")]) >= 2)
        family = {sweep.pid, *(child.pid for child in psutil.Process(sweep.pid).children(recursive=True))}
        ports = [one.laddr for one in psutil.net_connections("tcp") if one.status == "LISTEN" and one.pid in family]
        out = sweep.communicate(timeout=280)[0].decode()
    finally:
        sweep.kill()
    assert sweep.returncode == 0, out
    assert len(ports) > 3
    assert {port.ip.removeprefix("::ffff:") for port in ports} == {"127.0.0.1"}
