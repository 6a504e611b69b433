"""The store: created once whoever comes first, and served on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from locexp.errors import RunFailedError, UserError
from locexp.tracking.location import check, locate
from locexp.tracking.server import free_port
from tests.conftest import PORTS, TINY, locexp, only_run, train_here, wait_until
from tests.servers import FakeServer

CREATE = """
import sys, time
from pathlib import Path
from locexp.records.record import RunRecord
from locexp.tracking.location import locate
from locexp.tracking import session
Path(f"ready{sys.argv[2]}").touch()
while not Path("go").exists():
    time.sleep(0.001)
made = session.Session(locate(sys.argv[1], None, "together"))
record = RunRecord(name="one", start_time=time.time(), dataset={"name": "d", "sha256": "0" * 64, "source": "file"})
made.start(record)
for step in range(50):
    made.log_epochs([{"epoch": step, "timestamp": time.time(), "val/x": float(step)}])
"""


@pytest.mark.slow
def test_four_processes_that_create_one_store_lose_nothing(workplace: Path) -> None:
    from mlflow import MlflowClient

    processes = [
        subprocess.Popen([sys.executable, "-c", CREATE, "store", str(number)], stderr=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    wait_until(lambda: len(list(workplace.glob("ready*"))) == 4)  # they have imported what they need
    (workplace / "go").touch()
    for process in processes:
        assert process.wait(120) == 0, process.stderr.read() if process.stderr else ""
    client = MlflowClient(f"sqlite:///{workplace}/store/mlflow.db")
    (experiment,) = [found for found in client.search_experiments() if found.name == "together"]
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 4
    for run in runs:
        assert len(client.get_metric_history(run.info.run_id, "val/x")) == 50


def test_locations(workplace: Path) -> None:
    here = locate(None, None, "e")
    assert here.uri == f"sqlite:///{workplace}/mlruns/mlflow.db"
    assert here.artifact_root == f"file://{workplace}/mlruns/artifacts"
    assert locate("a/../b", None, "e").uri == f"sqlite:///{workplace}/b/mlflow.db"
    assert locate("sqlite:///x.db", None, "e").database == workplace / "x.db"
    server = locate("http://127.0.0.1:5000/", None, "e")
    assert (server.uri, server.artifact_root, server.is_server) == ("http://127.0.0.1:5000", None, True)
    assert locate(None, "ftp://host/x", "e").artifact_root == "ftp://host/x"


def test_a_listener_that_says_nothing_is_given_up_within_the_limit() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UserError, match="no answer within 3 s|timed out"):
            check(locate(address, None, "e"))


def test_a_taken_port_is_refused_or_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"--port {port}: is in use"):
            free_port(port)
        assert free_port(None, port) > port


def test_the_ui_refuses_what_is_no_store(workplace: Path) -> None:
    none = locexp("ui", cwd=workplace)
    assert (none.returncode, "holds no store yet" in none.stderr) == (2, True)
    assert none.stdout == ""


@pytest.mark.slow
def test_the_ui_serves_the_store_on_loopback_only_and_its_links_work(workplace: Path) -> None:
    assert train_here(*TINY) == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "locexp.ui"], cwd=workplace, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines: dict[str, str] = {}
    for line in process.stdout:
        name, _, rest = line.partition(" ")
        lines[name] = rest.strip()
        if "stops it" in line:
            break
    assert "compareRunsMode=TABLE" in lines["runs"]
    assert "compareRunsMode=CHART" in lines["charts"]
    assert "workflowType=machine_learning" in lines["runs"]
    found = re.match(r"(http://127\.0\.0\.1:(\d+))/#/experiments/(\d+)/runs", lines["runs"])
    assert found is not None
    base, port, experiment = found.groups()
    run_id = json.loads((only_run(workplace) / "run.json").read_text())["run_id"]
    with urllib.request.urlopen(f"{base}/api/2.0/mlflow/runs/get?run_id={run_id}") as answer:
        run = json.loads(answer.read())["run"]
    assert run["info"]["experiment_id"] == experiment
    with urllib.request.urlopen(f"{base}/get-artifact?path=pictures/sample.png&run_uuid={run_id}") as answer:
        assert answer.read() == (only_run(workplace) / "pictures" / "sample.png").read_bytes()
    children = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
    listening = {
        connection.laddr.ip
        for connection in psutil.net_connections("inet")
        if connection.pid in children and connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not any(psutil.pid_exists(pid) for pid in children)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port))) != 0


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP])
def test_the_ui_ends_with_its_server_whatever_the_locale_and_the_signal(sign: signal.Signals, workplace: Path) -> None:
    assert train_here(*TINY) == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "locexp.ui"],
        cwd=workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
            **{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},  # only ASCII
        },
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first.startswith(b"starting the MLflow UI on sqlite:///")
    assert first.isascii()
    while b"stops it" not in process.stdout.readline():
        assert process.poll() is None
    children = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    assert children
    process.send_signal(sign)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, b"")
    assert not any(psutil.pid_exists(pid) for pid in children)


@pytest.mark.slow
def test_mlflow_serves_both_heads(workplace: Path) -> None:
    """``mlflow models serve --env-manager local`` answers with both heads by name."""
    import time

    assert train_here(*TINY) == 0
    run_id = json.loads((only_run(workplace) / "run.json").read_text())["run_id"]
    port = free_port(None, PORTS)
    command = f"models serve -m runs:/{run_id}/model --env-manager local --port {port} --host 127.0.0.1"
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *command.split()],
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": f"sqlite:///{workplace}/mlruns/mlflow.db",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        start_new_session=True,
    )
    try:
        body = json.dumps({"inputs": [[[[0.0]] * 28] * 28] * 2}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
        )
        predictions: dict[str, list[list[float]]] = {}
        for _ in range(240):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    predictions = json.loads(answer.read())["predictions"]
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.5)
        assert len(predictions["classification"]) == 2
        assert len(predictions["classification"][0]) == 10
        assert len(predictions["bbox"][1]) == 4
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_database_that_another_program_holds_is_named_in_a_line(workplace: Path) -> None:
    from locexp.tracking.session import Session
    from locexp.tracking.store import MlflowStore, store_errors

    location = locate(None, None, "locexp")
    Session(location)
    with contextlib.closing(sqlite3.connect(str(location.database), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        locked = r"cannot be read or written \(database is locked\)"
        with pytest.raises(RunFailedError, match=locked), store_errors(location):
            MlflowStore(location)


def test_a_server_is_asked_for_a_hundred_runs_at_a_time_and_gives_all(tmp_path: Path) -> None:
    """A busy one takes longer for a thousand than it is waited for."""
    from locexp.tracking.store import MlflowStore

    server = FakeServer(tmp_path)
    for number in range(250):
        tags = {"kind": "run", "config_hash": "a", "seed": str(number)}
        server.runs[f"{number:032x}"] = {"status": "FINISHED", "metrics": [], "tags": tags}
    store = MlflowStore(locate(server.uri, None, "x"))
    assert [run.tags["seed"] for run in store.children("s")] == [str(number) for number in range(250)]
    assert len(store.finished(130)) == 130
    assert server.most_searched == 100
    server.close()
