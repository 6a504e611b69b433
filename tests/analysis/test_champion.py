"""``compare.register``: which run's model it is, and that others load it by its name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locexp.errors import UserError
from locexp.records.record import RunRecord
from locexp.tracking.mlflow_internals import use_store
from locexp.tracking.server import free_port
from tests.analysis.test_compare_command import Bench, compare
from tests.conftest import PORTS, TINY, train_here
from tests.models.networks import tiny

CHOSEN, SEEDS = (1.0, 100.0), range(4)


@pytest.fixture
def bench(workplace: Path) -> Bench:
    return Bench(workplace)


def logged(bench: Bench, run_id: str) -> Any:
    """Log a model of a run, and return it."""
    from locexp.tracking.models import log_model

    model = tiny("cnn")
    log_model(bench.client, run_id, RunRecord("x", dataset={"classes": 10}), model, 1, bench.place)
    return model


def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)


def test_the_best_run_of_the_chosen_setting_is_the_champion(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    import mlflow

    runs = {seed: bench.child(CHOSEN, seed) for seed in SEEDS}
    for seed in SEEDS:
        bench.child((1.0, 0.5), seed)
    # By hand: of the seeds of the chosen setting, the one with the largest val/loc_acc_75.
    validated = {seed: bench.client.get_run(run).data.metrics["kept/loc_acc_75"] for seed, run in runs.items()}
    best = max(validated, key=lambda seed: validated[seed])
    with pytest.raises(UserError, match=f"compare.register=signs: run bbox_weight=100 seed={best} .*has no model"):
        compare("compare.metric=loc_acc_75", "compare.register=signs")
    assert not (bench.place / "sweep-day-time").exists()
    model = logged(bench, runs[best])
    lines = compare("compare.metric=loc_acc_75", "compare.register=signs")
    assert lines[-1].startswith(f"Model    models:/signs@champion is version 1: run bbox_weight=100 seed={best} ")
    assert lines[-1].endswith(
        f"with loc_acc_75 {validated[best]:.4f} on validation, the best of 4 seeds of the chosen setting"
    )
    version = bench.client.get_model_version_by_alias("signs", "champion")
    assert (version.version, version.run_id) == (1, runs[best])
    assert f"seed={best}" in version.description
    assert "day-time" in version.description
    use_store(f"sqlite:///{bench.place}/mlruns/mlflow.db")
    predicted = mlflow.pyfunc.load_model("models:/signs@champion").predict(pixels())
    for name, values in model.predict(pixels() / 255.0, verbose=0).items():
        np.testing.assert_allclose(predicted[name], values, atol=1e-6)
    again = compare("compare.metric=loc_acc_75", "compare.register=signs")
    assert again[-1].startswith("Model    models:/signs@champion is version 2: ")
    assert bench.client.get_model_version_by_alias("signs", "champion").version == 2
    assert not capsys.readouterr().err


def test_a_folder_has_no_registry(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="compare.register=signs: cannot be combined with a folder, .* MLflow; give"):
        compare(str(tmp_path), "compare.register=signs")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_real_sweep_is_registered_and_served(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``mlflow models serve`` finds it by its alias, and answers for pixels over HTTP as the saved network does."""
    import keras

    words = [word for word in TINY if not word.startswith("seed=")]
    assert train_here("--multirun", *words, "loss.bbox_weight=0.5,8", "seed=0,1") == 0
    line = compare("compare.register=the digits")[-1]
    directory = next(
        path.parent
        for path in (workplace / "multirun").rglob("run.json")
        if json.loads(path.read_text())["run_id"] in line
    )
    model = keras.models.load_model(directory / "model.keras")
    port = free_port(None, PORTS)
    command = f"models serve --env-manager local --port {port} --host 127.0.0.1 -m"
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *command.split(), "models:/the digits@champion"],
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": f"sqlite:///{workplace}/mlruns/mlflow.db",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        start_new_session=True,
    )
    try:
        for key, images in (("inputs", pixels()), ("instances", pixels().astype(float))):
            body = json.dumps({key: images.tolist()}).encode()
            answer = _asked(f"http://127.0.0.1:{port}/invocations", body, process)
            for name, values in model.predict(images, verbose=0).items():
                np.testing.assert_allclose(answer[name], values, atol=1e-5)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _asked(url: str, body: bytes, process: subprocess.Popen[bytes]) -> dict[str, list[list[float]]]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    for _ in range(240):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                predictions: dict[str, list[list[float]]] = json.loads(answer.read())["predictions"]
                return predictions
        except OSError:
            assert process.poll() is None
            time.sleep(0.5)
    raise AssertionError("no answer")
