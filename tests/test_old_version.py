"""What version 0.1.0 left, as run folders and as a store, is still compared, resumed and logged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from locexp.configuration.schema import config_hash
from locexp.models.pixels import takes_pixels
from locexp.models.saving import load_model
from locexp.tracking.mlflow_internals import use_store
from tests.conftest import locexp, train_here
from tests.models.networks import tiny
from tests.old_version import expected, unpack

WHOLE, CUT = "2026-11-28-09-48-41-0d2c20", "2026-11-28-09-52-29-2008c6"
FOLDERS = sorted(path.parent.parent for path in (Path(__file__).parent / "fixtures/v0_1").rglob("config/resolved.yaml"))


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, holding all that the old version left; its name is one that must be quoted everywhere."""
    place = tmp_path / "it's old"
    place.mkdir()
    monkeypatch.chdir(place)
    return unpack(place)


def record_of(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "run.json").read_text())
    return found


def timeless(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "timestamp" and not key.startswith("time/")}


SINCE = ("equality", "free", "to_paste")
"""What a comparison says besides what that of version 0.1 did."""


def numbers(text: str) -> Any:
    """Read a comparison to nine digits, for the last bits of a sum depend on the processor, without its sentences."""
    read = json.loads(text, parse_float=lambda number: float(f"{float(number):.9g}"))
    return {name: value for name, value in read.items() if name not in ("answers", "notes", *SINCE)}


@pytest.mark.parametrize("directory", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_its_settings_keep_their_hash(directory: Path) -> None:
    cfg = OmegaConf.load(directory / "config" / "resolved.yaml")
    assert isinstance(cfg, DictConfig)
    assert config_hash(cfg) == record_of(directory)["tags"]["config_hash"]


def test_its_store_is_compared_to_the_same_numbers(left: Path) -> None:
    done = locexp("compare", WHOLE, cwd=left)
    assert done.returncode == 0, done.stderr
    written = (left / "multirun/whole/comparison/comparison.json").read_text()
    assert numbers(written) == numbers(json.dumps(expected()["comparison"]))


def test_its_folder_is_compared_to_the_same_numbers_without_the_store(left: Path) -> None:
    (left / "mlruns").rename(left / "gone")
    done = locexp("compare", "multirun/whole", cwd=left)
    assert done.returncode == 0, done.stderr
    written = (left / "multirun/whole/comparison/comparison.json").read_text()
    assert numbers(written) == numbers(json.dumps(expected()["comparison"]))


def test_its_checkpoint_is_of_the_format_that_is_read() -> None:
    from locexp.training.checkpoint import CHECKPOINT_FORMAT, read_checkpoint

    path = Path(__file__).parent / "fixtures/v0_1/multirun/stopped/checkpoint.npz"
    with np.load(path) as file:
        assert json.loads(str(file["about"]))["format"] == CHECKPOINT_FORMAT
    assert read_checkpoint(path).epoch == 1


def test_its_stopped_run_goes_on_as_if_it_had_not_been_stopped(left: Path) -> None:
    from mlflow import MlflowClient

    directory = left / "multirun/stopped"
    run_id = record_of(directory)["run_id"]
    assert train_here("trainer.resume=multirun/stopped") == 0
    wanted = expected()["undisturbed"]
    rows = [timeless(json.loads(line)) for line in (directory / "history.jsonl").read_text().splitlines()]
    assert rows[0] == wanted["history"][0]
    for row, undisturbed in zip(rows, wanted["history"], strict=True):
        assert row == pytest.approx(undisturbed, rel=0.01, abs=0.01)  # to the digit on the processor it was made on
    record = record_of(directory)
    metrics = timeless(record["metrics"])
    assert 0 < metrics.pop("test/center_error_share") < 0.1  # which 0.1 did not have, nor the next
    assert 0.1 <= metrics.pop("scenes/floor_accuracy") < 0.3
    assert metrics == pytest.approx(wanted["metrics"], rel=0.01, abs=0.01)
    assert (record["status"], record["run_id"], record["logged"]) == ("FINISHED", run_id, True)
    assert not takes_pixels(load_model(directory))  # as it would have been
    stored = MlflowClient(f"sqlite:///{left}/mlruns/mlflow.db").get_run(run_id)
    assert (stored.info.status, stored.data.metrics["test/mean_iou"]) == (
        "FINISHED",
        record["metrics"]["test/mean_iou"],
    )


@pytest.mark.slow
def test_its_sweep_goes_on_with_the_jobs_that_are_missing(left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mlflow import MlflowClient

    directory = left / "multirun/cut"
    kept = {name: record_of(directory / name) for name in ("0", "1")}
    assert train_here("sweep.resume=last", "sweep.presume_dead=true") == 2
    assert "the code has changed since the finished runs" in capsys.readouterr().err
    assert train_here("sweep.resume=last", "sweep.presume_dead=true", "sweep.allow_mixed=true") == 0
    assert "2 have finished before, 2 are missing" in capsys.readouterr().out
    ends = {path.parent.name: record_of(path.parent)["status"] for path in directory.glob("*/run.json")}
    assert ends == {"0": "FINISHED", "1": "FINISHED", "2": "KILLED", "2-2": "FINISHED", "3": "FINISHED"}
    assert {name: record_of(directory / name) for name in kept} == kept
    runs = MlflowClient(f"sqlite:///{left}/mlruns/mlflow.db").search_runs(["1"], f"tags.sweep_id = '{CUT}'")
    assert sorted(run.info.status for run in runs) == ["FINISHED"] * 5 + ["KILLED"]  # the parent is one of them
    settings = json.loads((directory / "comparison/comparison.json").read_text())["settings"]
    assert len(settings) == 2
    # The finished sweep holds the same runs.
    for name, twin in (("2-2", "4"), ("3", "5")):
        metrics, undisturbed = (
            timeless(record_of(path)["metrics"]) for path in (directory / name, left / "multirun/whole" / twin)
        )
        measured_then = {name: metrics[name] for name in undisturbed}  # 0.1 had fewer metrics
        assert measured_then == pytest.approx(undisturbed, rel=0.01, abs=0.01)


@pytest.mark.slow
def test_its_run_that_never_reached_a_store_is_logged(left: Path) -> None:
    import mlflow
    from mlflow import MlflowClient

    model = tiny("cnn")
    model.save(left / "multirun/unlogged/model.keras")
    done = locexp("log", "multirun/unlogged", "--uri", "mlruns", cwd=left)
    assert done.returncode == 0, done.stderr
    record = record_of(left / "multirun/unlogged")
    assert record["logged"] is True
    client = MlflowClient(f"sqlite:///{left}/mlruns/mlflow.db")
    stored = client.get_run(record["run_id"])
    assert stored.info.status == "FINISHED"
    assert {name: stored.data.metrics[name] for name in record["metrics"]} == record["metrics"]
    assert len(client.get_metric_history(record["run_id"], "val/mean_iou")) == 4
    use_store(f"sqlite:///{left}/mlruns/mlflow.db")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
    predicted = mlflow.pyfunc.load_model(f"runs:/{record['run_id']}/model").predict(pixels)
    for name, values in model.predict(pixels / 255.0, verbose=0).items():  # it was trained on 0 to 1
        np.testing.assert_allclose(predicted[name], values, atol=1e-6)
