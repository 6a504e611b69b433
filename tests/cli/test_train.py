"""The real command: refusals leave nothing, endings have the right status, and lost results can be logged later."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import TINY, Server, door_here, locexp, only_run, train_here, wait_until


def everything(place: Path) -> list[str]:
    return sorted(str(path.relative_to(place)) for path in place.rglob("*"))


LOOKS = """
import sys
from locexp.cli.train import train_command
status = train_command(sys.argv[1:])
from mlflow.utils import requirements_utils
imported = [name for name in ("jax", "sklearn") if name in sys.modules]
print("looked up:", status, requirements_utils._MODULES_TO_PACKAGES, imported)
"""


def test_a_run_imports_no_library_in_vain_and_reads_no_list_of_packages(workplace: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LOOKS, *TINY], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.splitlines()[-1] == "looked up: 0 None []"
    assert list(workplace.glob("mlruns/**/requirements.txt"))  # of the model, which was saved nevertheless


REFUSED: list[tuple[list[str], str]] = [
    (["loss.bbox_wieght=1"], "Did you mean 'bbox_weight'?"),
    (["--multirun", "loss.bbox_weight=0.1,-1"], "loss.bbox_weight=-1.0: expected"),
    (["--multirun", "trainer.epochs=1", "data=mnst"], "Did you mean 'mnist'?"),
    (["--cfg", "job", "data=mnst"], "Did you mean 'mnist'?"),
    (["model=null"], "model=null: expected one of attention, backbone, cnn, cnn_small"),
    (["--multirun", "seed=1,2", "hydra/sweeper=basic"], "hydra/sweeper: locexp runs sweeps itself"),
    (["--cfg", "job", "bbox=3"], "bbox=3: expected one of annotated, clutter, fixed, jitter, scatter, tight."),
    (["--config-dir", "nowhere"], "--config-dir nowhere: there is no such folder"),
    (["tracking.uri=http://127.0.0.1:9"], "tracking.uri=http://127.0.0.1:9: [Errno 111] Connection refused"),
    (
        ["tracking.uri=postgresql://me:secret@127.0.0.1:9/x"],
        "postgresql://***@127.0.0.1:9/x: holds a password",
    ),
    (["tracking.uri=sqlite://x.db"], "tracking.uri=sqlite://x.db: expected three slashes"),
    (["tracking.uri='http://'"], "tracking.uri=http://: expected an address with a host"),
    (["tracking.uri=http://foo:bar:baz"], "tracking.uri=http://foo:bar:baz: expected an address with a host"),
    (["data=mnist_5k", "bbox=fixed", "bbox.box=[1,2,3,40]"], "leaves the canvas of 28x28"),
    (["data=mnist_5k", "data.limit=5000"], "data.limit=5000: there are only 4000 training examples"),
    (["data=file", "data.path=bad.npz"], "data.path="),
    (["hydra.run.dir=/proc/x"], "hydra.run.dir=/proc/x: cannot be written"),
    (["hydra.run.dir=used"], "hydra.run.dir=used: holds a run already"),
    (["tracking.uri=/proc/no/where"], "cannot be written"),
    (["tracking.uri=broken"], "is not a database"),
    (["tracking.uri=http://me:secret@127.0.0.1:9"], "holds a password"),
    (["--resolve"], "--resolve: goes with --cfg job, or with --help."),
    (["--package", "data"], "--package data: goes with --cfg job."),
    (["--package"], "argument --package/-p: expected one argument."),
    (["--experimental-rerun", "nowhere"], "--experimental-rerun: continue a run with trainer.resume=FOLDER"),
    (["--info", "bogus"], "argument --info/-i: invalid choice: 'bogus'"),
    (["--info", "seed=1"], "argument --info/-i: invalid choice: 'seed=1'"),
    (["-sc", "install=tcsh"], "--shell-completion: expected install=bash or uninstall=bash beside it"),
    (["--shell-completion"], "--shell-completion: expected install=bash or uninstall=bash beside it"),
    (["-cn"], "argument --config-name/-cn: expected one argument."),
    (["-cp"], "argument --config-path/-cp: expected one argument."),
    (["-cd"], "argument --config-dir/-cd: expected one argument."),
    (["-cn", "nope"], "nope: there is no such configuration file."),
    (["-cp", "x"], "--config-path: locexp has its own primary configuration"),
    (["--cfg"], "argument --cfg/-c: expected one argument."),
    (["--cfg", "bogus"], "argument --cfg/-c: invalid choice: 'bogus'"),
    (["--cfg", "job", "--info"], "--cfg, --info: give one of them."),
    (["--cfg", "job", "--multirun", "seed=1,2"], "--cfg, --multirun: give one of them."),
    (["--run", "--multirun"], "--run, --multirun: give one of them."),
    (["--multirun", "seed=1,2", "sweep.presume_dead=true"], "sweep.presume_dead=true: goes with sweep.resume"),
    (["--cfg", "job", "--resolve", "seed=${foo}"], "seed=${foo}: interpolation key 'foo' not found."),
    (
        ["--cfg", "job", "hydra.searchpath=[nowhere]"],
        "hydra.searchpath: provider=hydra.searchpath in command-line, path",
    ),
    (
        ["hydra.searchpath=[nowhere]"],
        "hydra.searchpath: provider=hydra.searchpath in command-line, path=nowhere is not",
    ),
    (["--multi-run", "seed=1,2"], "unrecognized arguments: --multi-run. Did you mean '--multirun'?"),
    (["--epochs=3"], "unrecognized arguments: --epochs=3."),
    (["-h", "x="], "x=: unknown key; allowed: bbox, data"),
    ([""], "'': cannot be read as KEY=VALUE"),
    (["--multirun", "trainer.threads=1,2"], "trainer.threads: TensorFlow takes one value in a process"),
]
ANSWERED = [
    (["--help"], 0),
    (["--cfg", "job"], 0),
    (["--cfg", "job", "--resolve"], 0),
    (["--cfg", "job", "--package", "data"], 0),
    (["--cfg", "job", "--package", "nope"], 2),
    (["--info", "config"], 0),
    (["loss.bbox_weight=x"], 2),
    (["data=file"], 2),
]

COMMANDS = """
import contextlib, io, json, os, sys
from pathlib import Path
from locexp.cli.train import train_command
place, answers = Path.cwd(), []
for words in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    before = sorted(map(str, place.rglob("*")))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = train_command(words)
        except SystemExit as ended:
            status = ended.code
    answers.append({
        "status": status,
        "out": out.getvalue(),
        "err": err.getvalue(),
        "written": sorted({*map(str, place.rglob("*"))} ^ {*before}),
        "heavy": [name for name in ("tensorflow", "keras", "mlflow", "matplotlib") if name in sys.modules],
    })
print(json.dumps(answers))
"""
"""Gives commands in one fresh process, and tells of each what it did: a process for each takes half a second."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each of the commands above did, by its words; among files that some of them are given."""
    place = tmp_path_factory.mktemp("answers")
    (place / "bad.npz").write_bytes(b"PK\x03\x04 half")
    (place / "broken").mkdir()
    (place / "broken" / "mlflow.db").write_bytes(b"no database at all " * 100)
    (place / "used").mkdir()
    (place / "used" / "run.json").write_text("{}")
    commands = [words for words, _ in (*REFUSED, *ANSWERED)]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        cwd=place,
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stderr == ""
    return {" ".join(words): answer for words, answer in zip(commands, json.loads(done.stdout), strict=True)}


@pytest.mark.parametrize(
    ("words", "message"), REFUSED, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_input_exits_2_with_one_line_and_writes_nothing(
    answers: dict[str, dict[str, Any]], words: list[str], message: str
) -> None:
    answer = answers[" ".join(words)]
    assert answer["status"] == 2, answer["err"]
    (line,) = answer["err"].strip().splitlines()
    assert message in line
    assert line.startswith("error: ")
    assert answer["out"] == ""
    assert answer["written"] == []
    assert answer["heavy"] == []


@pytest.mark.parametrize(("words", "status"), ANSWERED)
def test_answers_before_anything_heavy_is_imported(
    answers: dict[str, dict[str, Any]], words: list[str], status: int
) -> None:
    answer = answers[" ".join(words)]
    assert (answer["status"], answer["heavy"], answer["written"]) == (status, [], [])


def test_the_command_itself_refuses_with_one_line(workplace: Path) -> None:
    """Its exit status and its streams, in a process of its own."""
    done = locexp("train", "loss.bbox_wieght=1", cwd=workplace)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert "Did you mean 'bbox_weight'?" in line
    assert everything(workplace) == []


def test_help_names_groups_keys_and_examples(workplace: Path) -> None:
    text = locexp("train", "--help", cwd=workplace).stdout
    for words in (
        "data: coco, fashion_mnist, file, mnist, mnist_5k, table, voc, yolo",
        "bbox_weight: 0.5",
        "python -m locexp.ui",
        "143 SIGTERM",
    ):
        assert words in text
    assert everything(workplace) == []


def test_divergence_fails_the_run_and_says_at_which_step(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mlflow import MlflowClient

    assert train_here(*TINY, "optimizer=sgd", "optimizer.learning_rate=1e9") == 1
    message = capsys.readouterr().err
    assert "not finite at step" in message
    assert "Try a smaller optimizer.learning_rate" in message
    record = json.loads((only_run(workplace) / "run.json").read_text())
    assert (record["status"], record["logged"]) == ("FAILED", True)
    run = MlflowClient(f"sqlite:///{workplace}/mlruns/mlflow.db").get_run(record["run_id"])
    assert run.info.status == "FAILED"
    assert "not finite" in run.data.tags["error"]


def test_an_exception_fails_the_run(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mlflow import MlflowClient

    (workplace / "mine.py").write_text(
        "import keras\n"
        "class Clumsy(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        raise ZeroDivisionError('ouch')\n"
    )
    assert train_here(*TINY, "+trainer.callbacks.mine={_target_: mine.Clumsy}") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line == "failed: trainer.callbacks: Clumsy failed in on_epoch_end: ZeroDivisionError: ouch"
    assert "ZeroDivisionError: ouch" in (only_run(workplace) / "train.log").read_text()
    record = json.loads((only_run(workplace) / "run.json").read_text())
    assert record["status"] == "FAILED"
    assert "Clumsy failed in on_epoch_end: ZeroDivisionError: ouch" in record["error"]
    assert MlflowClient(f"sqlite:///{workplace}/mlruns/mlflow.db").get_run(record["run_id"]).info.status == "FAILED"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["+trainer.callbacks.t={_target_: keras.callbacks.TerminateOnNaN}"], "TerminateOnNaN has batch hooks"),
        (["+trainer.callbacks.t={_target_: keras.callbacks.EarlyStoping}"], "no callable 'EarlyStoping'"),
        (["+optimizer.params.momentm=1"], "momentm"),
        (["optimizer._target_=keras.layers.Dense", "+optimizer.params.units=3"], "Dense refuses its arguments"),
        (["model._target_=mine.unsafe"], "cannot be saved as .keras and loaded again"),
        (["model._target_=mine.one_head"], "expected a functional Keras model with outputs"),
        (["model.filters=[4,4,4,4,4]"], "leave nothing of an image"),
        (["model._target_=mine.logits"], "classification is not probabilities: for one image its 10 values run from"),
        (["model._target_=mine.eleven"], "tells 11 classes apart, but the data have 10"),
        (["model._target_=mine.broken"], "model: broken failed with ZeroDivisionError (division by zero)"),
        (["loss.bbox_loss=mine.mean_loss"], "loss.bbox_loss=mine.mean_loss: gives shape () for two boxes"),
        (["loss.bbox_loss=mine.nan_loss"], "gives [nan, nan] for two boxes; expected finite numbers"),
        (["loss.bbox_loss=mine.crooked_loss"], "crooked_loss: failed with IndexError"),
        (["+trainer.callbacks.t={_target_: keras.callbacks.EarlyStopping}"], "monitor=val_loss; expected one of val/"),
        (
            ["+trainer.callbacks.t={_target_: keras.callbacks.ReduceLROnPlateau, monitor: val_acuracy}"],
            "Did you mean 'val/accuracy'?",
        ),
        (
            [
                "+trainer.callbacks.t={_target_: keras.callbacks.LambdaCallback, "
                "on_train_batch_end: {_target_: mine.one_head, _partial_: true}}"
            ],
            "LambdaCallback has batch hooks (on_train_batch_end)",
        ),
        (["--multirun", "loss.bbox_loss=mse,mine.mean_loss"], "loss.bbox_loss=mine.mean_loss: gives shape ()"),
        (
            ["model._target_=mine.logits", "+model.activation=softmax", "--multirun", "loss/weighting=fixed,mgda"],
            "Mgda weighs the gradients of layers that both heads share, and this network has none",
        ),
    ],
)
def test_what_keras_must_judge_is_refused_before_training(
    workplace: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "mine.py").write_text(
        "import keras\n"
        "def unsafe(input_shape, num_classes, **keys):\n"
        "    x = keras.Input(input_shape)\n"
        "    y = keras.layers.Flatten()(keras.layers.Lambda(lambda t: t * 2)(x))\n"
        "    return keras.Model(x, {'classification': keras.layers.Dense(num_classes, 'softmax')(y),"
        " 'bbox': keras.layers.Dense(4)(y)})\n"
        "def one_head(input_shape, num_classes, **keys):\n"
        "    x = keras.Input(input_shape)\n"
        "    return keras.Model(x, keras.layers.Dense(4)(keras.layers.Flatten()(x)))\n"
        "def logits(input_shape, num_classes, activation=None, **keys):\n"
        "    x = keras.Input(input_shape)\n"
        "    y = keras.layers.Flatten()(x)\n"
        "    return keras.Model(x, {'classification': keras.layers.Dense(num_classes, activation)(y),"
        " 'bbox': keras.layers.Dense(4)(y)})\n"
        "def eleven(input_shape, num_classes, **keys):\n"
        "    return logits(input_shape, num_classes + 1, 'softmax')\n"
        "def broken(input_shape, num_classes, **keys):\n"
        "    return 1 / 0\n"
        "def mean_loss(y_true, y_pred):\n"
        "    return keras.ops.mean(y_true - y_pred)\n"
        "def nan_loss(y_true, y_pred):\n"
        "    return keras.ops.sum(keras.ops.sqrt(-1 - y_true), axis=-1)\n"
        "def crooked_loss(y_true, y_pred):\n"
        "    return [][0]\n"
    )
    tiny = [word for word in TINY if not word.startswith("model.") or not words[0].startswith("model.")]
    assert train_here(*tiny, *words) == 2
    assert message in capsys.readouterr().err
    assert not (workplace / "multirun").exists()
    assert not (workplace / "mlruns").exists()


def started(place: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "locexp.train", *TINY, "trainer.epochs=5000", *words],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def epochs(place: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in place.glob("multirun/*/*/history.jsonl"))


def tracked(place: Path) -> bool:
    return any(json.loads(path.read_text())["run_id"] for path in place.glob("multirun/*/*/run.json"))


@pytest.mark.parametrize(
    ("sign", "status"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),  # its terminal was closed
    ],
)
def test_an_interrupted_run_is_closed_as_killed_and_keeps_its_best_weights(
    workplace: Path, sign: signal.Signals, status: int
) -> None:
    from mlflow import MlflowClient

    process = started(workplace)
    wait_until(lambda: epochs(workplace) >= 3 and tracked(workplace))
    process.send_signal(sign)
    assert process.wait(60) == status
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    directory = only_run(workplace)
    record = json.loads((directory / "run.json").read_text())
    assert (record["status"], record["logged"]) == ("KILLED", True)
    client = MlflowClient(f"sqlite:///{workplace}/mlruns/mlflow.db")
    assert client.get_run(record["run_id"]).info.status == "KILLED"
    assert len(client.get_metric_history(record["run_id"], "val/accuracy")) == epochs(workplace)
    assert (directory / "model.keras").is_file()


@pytest.mark.slow
def test_a_process_that_is_shot_can_be_logged_later(workplace: Path) -> None:
    from mlflow import MlflowClient

    process = started(workplace)
    wait_until(lambda: epochs(workplace) >= 2 and tracked(workplace))
    directory = only_run(workplace)
    alive = door_here("log", str(directory))
    assert alive.returncode == 2
    assert f"still going on (process {process.pid})" in alive.stderr
    process.kill()
    process.wait()
    done = locexp("log", str(directory), cwd=workplace)
    assert done.returncode == 0, done.stderr
    record = json.loads((directory / "run.json").read_text())
    run = MlflowClient(f"sqlite:///{workplace}/mlruns/mlflow.db").get_run(record["run_id"])
    assert run.info.status == "KILLED"
    assert "is in sqlite" in door_here("log", str(directory)).stdout


def test_log_refuses_what_is_no_run(workplace: Path) -> None:
    (workplace / "run.json").write_text("{}")
    for words, message in ((["nowhere"], "holds no run.json"), (["."], "cannot be read")):
        done = door_here("log", *words)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    command = locexp("log", *words, cwd=workplace)
    assert (command.returncode, command.stdout, command.stderr) == (2, "", done.stderr)


def test_log_ends_with_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def interrupted(directory: str, *_: object) -> None:
        begun.append(directory)
        raise KeyboardInterrupt

    monkeypatch.setattr("locexp.tracking.relog.relog", interrupted)
    assert door_here("log", "first", "second").returncode == 130
    assert begun == ["first"]


def test_a_store_that_cannot_be_opened_fails_the_run(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Something answers as an MLflow server does, so the run starts; but it can do nothing else."""
    with half_a_server() as uri:
        assert train_here(*TINY, "trainer.epochs=500", f"tracking.uri={uri}") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"failed: tracking.uri={uri}: cannot be opened (")
    assert json.loads((only_run(workplace) / "run.json").read_text())["status"] == "FAILED"


@contextlib.contextmanager
def half_a_server() -> Iterator[str]:
    """Serve what lists experiments, and nothing else, on loopback; yields the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = "experiments/search" in self.path
            body = b'{"experiments": []}' if found else b'{"error_code": "INTERNAL_ERROR", "message": "out of order"}'
            self.send_response(200 if found else 501)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
def test_a_lost_server_costs_no_result(workplace: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """The server is shot after the first epochs; training goes on; the files are logged when it is back."""
    from mlflow import MlflowClient

    def shoot() -> None:
        wait_until(lambda: epochs(workplace) >= 2 and tracked(workplace))
        server.stop()

    gunman = threading.Thread(target=shoot)
    gunman.start()
    status = train_here(*TINY, "data.limit=4000", "trainer.epochs=25", f"tracking.uri={server.uri}")
    gunman.join()
    said = capsys.readouterr()
    assert status == 1
    directory = only_run(workplace)
    assert f"python -m locexp.log {directory}" in said.out
    assert "failed: not all results reached" in said.err
    assert f"tracking stopped (API request to {server.uri}" in said.err  # the cause depends on the moment of the shot
    record = json.loads((directory / "run.json").read_text())
    assert (record["status"], record["logged"], epochs(workplace)) == ("FINISHED", False, 25)
    assert (directory / "model.keras").is_file()
    refused = door_here("log", str(directory))
    assert (refused.returncode, "Connection refused" in refused.stderr) == (2, True)
    server.start()
    done = door_here("log", str(directory))
    assert done.returncode == 0, done.stderr
    client = MlflowClient(server.uri)
    run = client.get_run(record["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["test/accuracy"] == pytest.approx(record["metrics"]["test/accuracy"])
    assert len(client.get_metric_history(record["run_id"], "val/accuracy")) == 25
    assert {file.path for file in client.list_artifacts(record["run_id"])} >= {"config", "pictures", "tables"}
    assert run.outputs.model_outputs


@pytest.mark.slow
def test_a_moved_store_and_a_deleted_experiment_are_noticed(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow import MlflowClient

    assert train_here(*TINY, "tracking.uri=here") == 0
    (workplace / "here").rename(workplace / "there")
    assert train_here(*TINY, "tracking.uri=there") == 2
    assert "was the folder moved?" in capsys.readouterr().err
    assert train_here(*TINY, "tracking.uri=there", "tracking.experiment=next") == 0
    client = MlflowClient(f"sqlite:///{workplace}/there/mlflow.db")
    client.delete_experiment(client.get_experiment_by_name("next").experiment_id)
    assert train_here(*TINY, "tracking.uri=there", "tracking.experiment=next") == 2
    assert "was deleted in this store" in capsys.readouterr().err


def test_an_address_in_the_environment_is_not_followed_in_silence(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert train_here(*TINY) == 0
    assert f"results go to sqlite:///{workplace}/mlruns/mlflow.db" in capsys.readouterr().out


def test_artifacts_elsewhere(workplace: Path) -> None:
    assert (
        train_here(*TINY, "tracking.uri=sqlite:///db/x.db", "tracking.artifact_root=art", "tracking.experiment=e") == 0
    )
    record: dict[str, Any] = json.loads((only_run(workplace) / "run.json").read_text())
    assert (workplace / "art" / record["run_id"] / "artifacts" / "pictures" / "sample.png").is_file()
    assert (workplace / "db" / "x.db").is_file()
    assert not (workplace / "mlruns").exists()


@pytest.mark.slow
def test_a_sweep_runs_every_combination(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert train_here(*TINY, "--multirun", "loss.bbox_weight=1,100", "seed=0,1") == 0
    assert "MLFLOW_TRACKING_URI" not in os.environ  # one job must not tell the next, or a later command, where to log
    records = [json.loads(path.read_text()) for path in workplace.glob("multirun/*/*/*/run.json")]
    assert sorted((record["parameters"]["loss.bbox_weight"], record["tags"]["seed"]) for record in records) == [
        ("1.0", "0"),
        ("1.0", "1"),
        ("100.0", "0"),
        ("100.0", "1"),
    ]
    client = MlflowClient(f"sqlite:///{workplace}/mlruns/mlflow.db")
    assert {client.get_run(record["run_id"]).info.status for record in records} == {"FINISHED"}
    assert len({record["tags"]["config_hash"] for record in records}) == 2
    assert len({record["tags"]["scenes_digest"] for record in records}) == 1


@pytest.mark.slow
def test_a_diverged_job_of_a_sweep_does_not_hide_the_others(workplace: Path) -> None:
    words = ("--multirun", "optimizer=sgd", "optimizer.learning_rate=1e9,0.01")
    assert train_here(*TINY, *words) == 1
    records = [json.loads(path.read_text()) for path in workplace.glob("multirun/*/*/*/run.json")]
    assert sorted(record["status"] for record in records) == ["FAILED", "FINISHED"]


@pytest.mark.slow
def test_results_do_not_depend_on_the_current_directory(workplace: Path) -> None:
    """Relative paths are those of the caller; nothing is left in the checkout."""
    images = np.random.default_rng(0).integers(0, 256, (200, 28, 28), dtype=np.uint8)
    np.savez(workplace / "mine.npz", x_train=images, y_train=np.arange(200) % 10)
    done = locexp(
        "train", "data=file", "data.path=mine.npz", "trainer.epochs=1", "tracking.system_metrics=false", cwd=workplace
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert {path.name for path in workplace.iterdir()} == {"mine.npz", "multirun", "mlruns"}
