"""What the tests share: a quiet TensorFlow, tiny real data, and the command run in this process."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from absl import logging as absl_logging

from locexp.tracking.location import answers, locate
from locexp.tracking.mlflow_internals import LEAN_SERVER
from locexp.tracking.server import free_port, server_command

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine may take long over any example
hypothesis.settings.load_profile("untimed")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.pop("MLFLOW_TRACKING_URI", None)  # where whoever runs the tests keeps results
# Hydra closes every log handler when it sets its own up, and absl's closes the stream that was stderr when it was
# imported, unless that is the real one: under pytest it would be the file into which pytest captures.
absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background by a shell: commands would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

PORTS = 5300 + 100 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""The first of a hundred ports that no other worker looks at: a free one is not taken before it is used."""
TINY = (
    "data=mnist_5k",
    "data.limit=320",
    "trainer.epochs=1",
    "model.filters=[4]",
    "model.dense_units=8",
    "tracking.system_metrics=false",
)
"""Overrides for a run that trains for well under a second."""


_began = time.monotonic()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, help="tests are skipped that would begin after so many")


def pytest_runtest_setup(item: pytest.Item) -> None:
    minutes = item.config.getoption("--minutes")
    if minutes is not None and time.monotonic() - _began > 60 * minutes:
        pytest.skip(f"no time is left: --minutes={minutes:g}")


def tiny_without(key: str) -> tuple[str, ...]:
    """Return :data:`TINY` without a key that is swept: one that is both fixed and swept is refused."""
    return tuple(word for word in TINY if not word.startswith(f"{key}="))


@pytest.fixture(autouse=True)
def variable_is_left_alone() -> Iterator[None]:
    """MLflow's ``set_tracking_uri`` sets a variable that later commands would report: tests call ``use_store``."""
    yield
    assert "MLFLOW_TRACKING_URI" not in os.environ


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """The bundled digits, shuffled: uint8 (5000, 28, 28) and int64 (5000,)."""
    from locexp.data.bundled import bundled_digits

    images, labels = bundled_digits()
    order = np.random.default_rng(0).permutation(len(labels))
    return images[order], labels[order]


@pytest.fixture(scope="session")
def quick_stores() -> Iterator[None]:
    """MLflow's migrations, which take a second of a new store, are run once: further stores are copies of the first.

    Only of those that are created in this process: what a command creates in its own is created as always.
    """
    from mlflow.store.db import utils

    created = sqlite3.connect(":memory:", check_same_thread=False)
    migrate = utils._initialize_tables

    def copy(engine: Any) -> None:
        if engine.dialect.name != "sqlite":
            migrate(engine)
            return
        if not created.execute("SELECT * FROM sqlite_master").fetchall():
            migrate(engine)
            with contextlib.closing(engine.raw_connection()) as connection:
                connection.driver_connection.backup(created)
            return
        with contextlib.closing(engine.raw_connection()) as connection:
            created.backup(connection.driver_connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "_initialize_tables", copy)
        yield
    created.close()


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_stores: None) -> Iterator[Path]:
    """An empty current directory to import from; the modules that a test takes from it go with the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No network and an empty Keras cache; returns the cache's folder."""
    home = tmp_path_factory.mktemp("keras")
    monkeypatch.setenv("KERAS_HOME", str(home))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setattr("urllib.request._opener", None)  # urlopen keeps the proxies of its first call
    return home / "datasets"


@pytest.fixture
def float32() -> Iterator[None]:
    """Keras in float32 before and after."""
    from locexp.system.tensorflow import start_tensorflow

    start_tensorflow()
    yield
    start_tensorflow()


def train_here(*words: str) -> int:
    """Run ``python -m locexp.train`` in this process; returns its exit status."""
    from locexp.cli.train import train_command

    return train_command(words)


def locexp(door: str, *words: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a real command, ``python -m locexp.DOOR WORDS``, to its end."""
    return subprocess.run(
        [sys.executable, "-m", f"locexp.{door}", *words],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def door_here(door: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``locexp.DOOR``'s ``main`` in this process, as :func:`locexp` does in one of its own: 5 s sooner."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", [door, *words])
        try:
            importlib.import_module(f"locexp.{door}").main()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return subprocess.CompletedProcess([door, *words], status, out.getvalue(), err.getvalue())


STOP_UNLESS_AGAIN = """
import keras
from pathlib import Path

class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1 and not Path("again").exists():
            raise KeyboardInterrupt
"""
"""A module whose callback stops a run after its first epoch, but where a file of this name is."""


def only_run(place: Path) -> Path:
    """Return the directory of the one run under ``place``/multirun."""
    (record,) = place.glob("multirun/*/*/run.json")
    return record.parent


def wait_until(holds: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


class Server:
    """An MLflow server on loopback that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.location = locate(str(folder / "store"), None, "locexp")
        (folder / "store").mkdir()
        self.port = free_port(None, PORTS)
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            server_command(self.location, self.port),
            env={**os.environ, **LEAN_SERVER},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(lambda: answers(locate(self.uri, None, "locexp")))

    def stop(self) -> None:
        if self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server"))
    made.start()
    yield made
    made.stop()
