"""What the environment does to tracking: variables of MLflow, proxies, servers that fail in the middle."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from locexp.errors import UserError
from locexp.records.record import RunRecord
from locexp.tracking.location import check, locate
from locexp.tracking.server import server_environment
from locexp.tracking.tracker import Tracker
from tests.conftest import TINY, Server, locexp, only_run, train_here, wait_until
from tests.tracking.gate import gate


@contextlib.contextmanager
def answering(status: int, experiment: dict[str, str] | None = None) -> Iterator[tuple[str, list[str]]]:
    """Serve on loopback what lists experiments, and one; yields the address, and the credentials that came."""
    credentials: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            credentials.append(self.headers.get("Authorization", ""))
            by_name = "get-by-name" in self.path
            self.send_response(404 if by_name and experiment is None else status)
            self.end_headers()
            self.wfile.write(json.dumps({"experiment": experiment} if by_name else {"experiments": []}).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", credentials
        server.shutdown()


def test_a_server_on_this_machine_is_not_asked_for_at_a_proxy(tmp_path: Path) -> None:
    """Neither by locexp nor by MLflow's client, which both read these variables."""
    code = (
        "import sys; from locexp.tracking.location import check, locate; check(locate(sys.argv[1], None, 'x'));"
        "import requests; print(requests.get(sys.argv[1] + '/experiments').status_code)"
    )
    with answering(200) as (uri, _):
        for given in ({}, {"no_proxy": "example.com"}, {"NO_PROXY": "example.com"}, {"no_proxy": "*"}):
            env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()} | given
            env |= dict.fromkeys(("http_proxy", "HTTP_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
            done = subprocess.run(
                [sys.executable, "-c", code, uri], env=env, capture_output=True, text=True, check=False
            )
            assert (done.returncode, done.stdout) == (0, "200\n"), done.stderr


def test_a_proxy_that_is_in_the_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://me:hunter2@127.0.0.1:9")
    monkeypatch.setattr("urllib.request._opener", None)
    with pytest.raises(UserError, match="through the proxy that http_proxy names") as raised:
        check(locate("http://mlflow.invalid:5000", None, "x"))
    assert "hunter2" not in str(raised.value)
    assert "Start the server" not in str(raised.value)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://a..b", "is not an address"),
        ("http://127.0.0.1:9/a b", "is not an address"),
        ("http://127.0.0.1:9", "Connection refused. Start the server, or leave tracking.uri out"),
    ],
)
def test_what_cannot_be_asked_is_told_from_what_does_not_run(uri: str, message: str) -> None:
    with pytest.raises(UserError) as raised:
        check(locate(uri, None, "x"))
    assert message in str(raised.value)
    assert ("Start the server" in str(raised.value)) == ("Start the server" in message)


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_server_that_answers_is_not_to_be_started(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    with answering(status) as (address, _), pytest.raises(UserError, match=r"\. Check the address, or"):
        check(locate(address, None, "x"))


def test_a_server_that_goes_between_the_probe_and_the_opening_costs_no_run(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = Tracker(locate("http://127.0.0.1:9", None, "x"), workplace, RunRecord(name="one"))
    tracker.start(sampling_seconds=None)
    tracker.wait()
    tracker.check_opened()
    assert "The run goes on; its results are kept in" in caplog.text
    assert not tracker.finish(None)


def test_credentials_reach_the_server_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    with answering(200) as (uri, came):
        check(locate(uri, None, "x"))
        assert set(came) == {"Basic bWU6aHVudGVyMg=="}  # RFC 7617
    with answering(401) as (uri, _), pytest.raises(UserError, match="refuses the user and password") as raised:
        check(locate(uri, None, "x"))
    assert "hunter2" not in str(raised.value)
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    with answering(401) as (uri, _):
        check(locate(uri, None, "x"))  # they may be in a file that MLflow's client reads


def test_an_experiment_that_was_deleted_on_a_server_is_known_before() -> None:
    with answering(200, {"lifecycle_stage": "active", "experiment_id": "7"}) as (uri, _):
        check(locate(uri, None, "x"))
    with answering(200, {"lifecycle_stage": "deleted", "experiment_id": "7"}) as (uri, _):
        with pytest.raises(UserError) as raised:
            check(locate(uri, None, "x"))
        assert f"MLFLOW_TRACKING_URI={uri} {shlex.quote(sys.executable)} -m mlflow experiments restore" in str(
            raised.value
        )
    with answering(500) as (uri, _), pytest.raises(UserError, match=r"it answers 500 Internal Server Error\."):
        check(locate(uri, None, "x"))


VARIABLES = {
    "MLFLOW_TRACKING_URI": "http://me:hunter2@h",
    "MLFLOW_TRACKING_PASSWORD": "hunter2",
    "MLFLOW_TRACKING_TOKEN": "hunter2",
    "MLFLOW_EXPERIMENT_NAME": "mine",
    "MLFLOW_RUN_ID": "0" * 32,
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "true",
}


@pytest.mark.slow
def test_variables_without_effect_are_said_and_secrets_are_not(workplace: Path) -> None:
    done = locexp("train", *TINY, cwd=workplace, env=VARIABLES)
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stdout.splitlines() if line.startswith("note ")]
    assert any("MLFLOW_TRACKING_URI is set but not read: results go to sqlite" in line for line in notes)
    (others,) = [line for line in notes if "MLFLOW_EXPERIMENT_NAME, MLFLOW_RUN_ID, MLFLOW_ENABLE" in line]
    assert "tracking.experiment, trainer.resume, tracking.system_metrics" in others
    assert "hunter2" not in done.stdout + done.stderr
    assert not [path for path in workplace.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    record = json.loads((only_run(workplace) / "run.json").read_text())
    assert (record["experiment"], record["run_id"] == "0" * 32, record["logged"]) == ("locexp", False, True)
    compared = locexp("compare", "list", cwd=workplace, env=VARIABLES)
    assert "MLFLOW_TRACKING_URI is set but not read" in compared.stdout
    assert "hunter2" not in compared.stdout + compared.stderr


def test_workspaces_are_for_servers(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    with pytest.raises(UserError, match="MLFLOW_ENABLE_WORKSPACES is set, but"):
        check(locate(None, None, "x"))


def test_the_server_takes_no_options_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_UVICORN_OPTS", "MLFLOW_HOST", "MLFLOW_SERVER_ALLOWED_HOSTS", "MLFLOW_GUNICORN_OPTS"):
        monkeypatch.setenv(name, "--host 0.0.0.0")
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "http://minio")
    left = {name for name in server_environment() if name.startswith("MLFLOW_")}
    assert left == {"MLFLOW_S3_ENDPOINT_URL", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "MLFLOW_DISABLE_TELEMETRY"}


def test_what_mlflow_would_cut_or_refuse_costs_no_run(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = f"name='{'n' * 9000}'"
    assert train_here(*TINY, long) == 0
    assert "MLflow keeps the beginning alone of 3 values (the run's name, name, overrides)" in capsys.readouterr().out
    record = json.loads((only_run(workplace) / "run.json").read_text())
    assert record["logged"]
    assert len(record["parameters"]["name"]) == len(record["name"]) == 9000


CALLBACK = """
# @package _global_
trainer:
  callbacks:
    "lr (plateau)@x#1":
      _target_: keras.callbacks.ReduceLROnPlateau
"""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hydra.run.dir=multirun/x"], "multirun is a link to nowhere, which is not there"),
        (["--multirun", "seed=1,2", "hydra.sweep.dir=multirun/x"], "multirun is a link to nowhere"),
        (["tracking.uri=mlruns"], "mlruns is a link to gone, which is not there"),
        (["tracking.uri=file:mlruns"], "mlruns is a link to gone, which is not there"),
        (["tracking.uri=in-the-way/x"], "in-the-way: Not a directory"),
        (["tracking.artifact_root=in-the-way"], "in-the-way: Not a directory"),
        ([f"hydra.run.dir={'n' * 300}"], "a name of 300 bytes"),
        (["--multirun", "seed=1,2", f"hydra.sweep.dir={'n' * 300}"], "a name of 300 bytes"),
        ([f"tracking.uri={'n' * 300}"], "a name of 300 bytes"),
        (["hydra.run.dir='s3://bucket/x'"], "is an address; expected the path of a folder"),
        ([f"tracking.experiment={'e' * 600}"], "expected at most 500"),
        (["--config-dir", "cfg", "+mine=callback"], "trainer.callbacks.lr (plateau)@x#1: is not a parameter's name"),
    ],
)
def test_what_would_fail_later_is_said_before(
    workplace: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "multirun").symlink_to("nowhere")
    (workplace / "mlruns").symlink_to("gone")
    (workplace / "in-the-way").touch()
    (workplace / "cfg" / "mine").mkdir(parents=True)
    (workplace / "cfg" / "mine" / "callback.yaml").write_text(CALLBACK)
    before = sorted(workplace.rglob("*"))
    given = [] if any("tracking.uri" in word for word in words) else ["tracking.uri=store"]
    run = [] if any(".dir" in word for word in words) else ["hydra.run.dir=run"]
    assert train_here(*TINY, *words, *given, *run) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert len(line) < 500
    assert sorted(workplace.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["500", "silent", "shut"])
def test_a_server_that_fails_in_the_middle_costs_no_result(
    workplace: Path, server: Server, mode: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder whose name a shell would split: the command that is printed logs the run."""
    from mlflow import MlflowClient

    place = workplace / "it's a place"
    place.mkdir()
    monkeypatch.chdir(place)
    with gate(server.port) as before:

        def fail() -> None:
            wait_until(lambda: any(place.glob("multirun/*/*/history.jsonl")))
            wait_until(lambda: json.loads((only_run(place) / "run.json").read_text())["run_id"] is not None)
            before.set(mode)

        threading.Thread(target=fail, daemon=True).start()
        assert train_here(*TINY, "data.limit=4000", "trainer.epochs=25", f"tracking.uri={before.uri}") == 1
        said = capsys.readouterr()
        directory = only_run(place)
        (command,) = [line for line in said.out.splitlines() if "python -m locexp.log" in line]
        assert "failed: not all results reached the tracking store" in said.err
        record = json.loads((directory / "run.json").read_text())
        assert (record["status"], record["logged"]) == ("FINISHED", False)
        assert (directory / "model.keras").is_file()
        before.set("open")
        done = subprocess.run(
            command.replace("python", sys.executable, 1), shell=True, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        client = MlflowClient(server.uri)
        assert len(client.get_metric_history(record["run_id"], "val/accuracy")) == 25
        assert client.get_run(record["run_id"]).info.status == "FINISHED"


@pytest.mark.slow
def test_a_run_is_there_once_where_the_answer_is_lost_and_the_request_sent_again(
    workplace: Path, server: Server
) -> None:
    from mlflow import MlflowClient

    api = "/api/2.0/mlflow"
    with gate(server.port) as before:
        before.kept = {f"{api}/runs/create", f"{api}/logged-models", f"{api}/runs/outputs"}
        assert train_here(*TINY, f"tracking.uri={before.uri}", "tracking.experiment=lost answers") == 0
        assert before.kept == set()
    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name("lost answers").experiment_id
    (run,) = client.search_runs([experiment])
    assert (run.info.status, run.data.tags["directory"]) == ("FINISHED", str(only_run(workplace)))
    (model,) = client.search_logged_models([experiment])
    assert (model.source_run_id, model.status) == (run.info.run_id, "READY")
    assert [output.model_id for output in run.outputs.model_outputs] == [model.model_id]
