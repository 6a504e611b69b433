"""A run, end to end: its files, its MLflow run, its saved model."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from locexp.tracking.mlflow_internals import use_store
from tests.conftest import TINY, locexp, only_run, train_here

WORDS = (
    "data=mnist_5k",
    "data.limit=600",
    "trainer.epochs=2",
    "loss.bbox_weight=20",
    "seed=3",
    "trainer.save_h5=extra.h5",
)


@dataclass
class Finished:
    """A finished run and what was seen of it."""

    directory: Path
    record: dict[str, Any]
    screen: str
    client: Any
    run: Any
    artifacts: Path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, quick_stores: None) -> Finished:
    import contextlib
    import io

    from mlflow import MlflowClient

    place = tmp_path_factory.mktemp("place")
    before = Path.cwd()
    os.chdir(place)
    screen = io.StringIO()
    try:
        with contextlib.redirect_stdout(screen):
            assert train_here(*WORDS) == 0
    finally:
        os.chdir(before)
    directory = only_run(place)
    record = json.loads((directory / "run.json").read_text())
    client = MlflowClient(f"sqlite:///{place}/mlruns/mlflow.db")
    run = client.get_run(record["run_id"])
    artifacts = place / "mlruns" / "artifacts" / record["run_id"] / "artifacts"
    return Finished(directory, record, screen.getvalue(), client, run, artifacts)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_status_name_and_parameters(finished: Finished) -> None:
    info, data = finished.run.info, finished.run.data
    assert info.status == "FINISHED"
    assert finished.client.get_experiment(info.experiment_id).name == "locexp"
    assert info.run_name.startswith("data=mnist_5k limit=600")
    assert info.run_name.endswith("seed=3")
    assert "bbox_weight=20" in info.run_name
    assert data.params["loss.bbox_weight"] == "20.0"
    assert data.params["model.filters"] == "[32, 64]"
    assert data.params["trainer.epochs"] == "2"
    assert data.tags["seed"] == "3"
    assert data.tags["constant_targets"] == "false"
    assert len(data.tags["config_hash"]) == 16
    assert "loss.bbox_weight=20" in data.tags["overrides"]
    assert info.end_time > info.start_time


def test_metrics_in_mlflow_equal_those_on_file(finished: Finished) -> None:
    logged = finished.run.data.metrics
    for name, value in finished.record["metrics"].items():
        assert logged[name] == pytest.approx(value), name
    history = [json.loads(line) for line in (finished.directory / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in history] == [1, 2]
    for name in ("train/loss", "train/accuracy", "val/mean_iou", "val/loc_acc_50", "time/images_per_second"):
        steps = finished.client.get_metric_history(finished.record["run_id"], name)
        assert [(metric.step, metric.value) for metric in steps] == [(row["epoch"], row[name]) for row in history]
    for row in history:
        for part in ("train", "val"):
            expected = row[f"{part}/classification_loss"] + 20 * row[f"{part}/bbox_loss"]
            assert row[f"{part}/loss"] == pytest.approx(expected, rel=1e-6)
    best = finished.record["metrics"]["best/epoch"]
    assert finished.record["metrics"]["best/mean_iou"] == history[int(best) - 1]["val/mean_iou"]


def test_baseline_and_skill_come_from_the_training_boxes(finished: Finished) -> None:
    metrics = finished.record["metrics"]
    assert metrics["floor/mean_iou"] == pytest.approx(0.72, abs=0.02)
    expected = (metrics["test/mean_iou"] - metrics["floor/mean_iou"]) / (1 - metrics["floor/mean_iou"])
    assert metrics["skill/mean_iou"] == pytest.approx(expected)


def test_predictions_on_file_give_the_logged_metrics(finished: Finished) -> None:
    """The CSV, read back and measured here, says the same as MLflow; its tables agree."""
    table = rows(finished.directory / "tables" / "predictions.csv")
    assert len(table) == 500
    columns = {name: np.array([float(row[name]) for row in table]) for name in table[0]}
    truth, said = (
        np.stack([columns[f"{kind}_{side}"] for side in ("x1", "y1", "x2", "y2")]) for kind in ("true", "predicted")
    )
    right = columns["label"] == columns["predicted"]
    width = np.minimum(truth[2], said[2]) - np.maximum(truth[0], said[0])
    height = np.minimum(truth[3], said[3]) - np.maximum(truth[1], said[1])
    shared = np.clip(width, 0, None) * np.clip(height, 0, None)
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (truth, said)]
    iou = shared / (area[0] + area[1] - shared)
    metrics = finished.record["metrics"]
    assert metrics["test/accuracy"] == right.mean()
    assert metrics["test/mean_iou"] == pytest.approx(iou.mean(), abs=1e-4)
    assert metrics["test/loc_acc_50"] == pytest.approx((right & (iou >= 0.5)).mean(), abs=0.0021)
    (four,) = rows(finished.directory / "tables" / "four_way.csv")
    assert sum(float(value) for value in four.values()) == pytest.approx(1)
    per_class = rows(finished.directory / "tables" / "per_class.csv")
    assert [int(row["class"]) for row in per_class] == list(range(10))
    assert sum(float(row["accuracy"]) * int(row["count"]) for row in per_class) == pytest.approx(right.sum(), abs=0.01)
    matrix = rows(finished.directory / "tables" / "confusion_matrix.csv")
    assert sum(int(row[row["true / predicted"]]) for row in matrix) == right.sum()


def test_calibration_and_groups_on_file_give_the_logged_metrics(finished: Finished) -> None:
    tables = finished.directory / "tables"
    examples = rows(tables / "predictions.csv")
    confidence = np.array([float(row["confidence"]) for row in examples])
    right = np.array([row["label"] == row["predicted"] for row in examples])
    bins = np.minimum((confidence * 15).astype(int), 14)
    gaps = [abs(np.sum(confidence[bins == place]) - np.sum(right[bins == place])) for place in range(15)]
    metrics = finished.record["metrics"]
    assert metrics["test/ece"] == pytest.approx(sum(gaps) / 500, abs=1e-5)
    assert 0 < metrics["test/ece_if_calibrated"] < 0.1
    counts = np.bincount(np.minimum((confidence * 20).astype(int), 19))
    assert metrics["test/d_ece_50_coverage"] == pytest.approx(counts[counts >= 8].sum() / 500)
    diagrams = rows(tables / "reliability.csv")
    for event in ("accuracy", "loc_acc_50", "loc_acc_75"):
        mine = [row for row in diagrams if row["event"] == event]
        happened = sum(int(row["count"]) * float(row["share"]) for row in mine)
        assert happened / 500 == pytest.approx(metrics[f"test/{event}"], abs=1e-5)
    for name in ("iou_by_size", "iou_by_position"):
        groups = [row for row in rows(tables / f"{name}.csv") if row["count"] != "0"]
        total = sum(int(row["count"]) * float(row["mean_iou"]) for row in groups)
        assert sum(int(row["count"]) for row in groups) == 500
        assert total / 500 == pytest.approx(metrics["test/mean_iou"], abs=1e-5)


def test_pictures_are_there_and_not_blank(finished: Finished) -> None:
    names = {path.name for path in (finished.directory / "pictures").iterdir()}
    assert names == {
        "scenes.png",
        "sample.png",
        "gallery_random.png",
        "worst_cases.png",
        "iou_groups.png",
        "reliability.png",
        "learning_curves.png",
        "confusion_matrix.png",
        "samples.webp",
        "samples.csv",
    }
    for name in names - {"samples.webp", "samples.csv"}:
        pixels = matplotlib.image.imread(finished.directory / "pictures" / name)
        assert min(pixels.shape[:2]) > 300
        assert pixels[..., :3].std() > 0.05, name


def test_the_sample_picture_shows_the_predicted_box_in_red(finished: Finished) -> None:
    pixels = matplotlib.image.imread(finished.directory / "pictures" / "sample.png")[..., :3]
    red = (pixels[..., 0] > 0.7) & (pixels[..., 1] < 0.35) & (pixels[..., 2] < 0.35)
    ys, xs = np.nonzero(red)
    first = rows(finished.directory / "tables" / "predictions.csv")[0]
    box = {side: float(first[f"predicted_{side}"]) for side in ("x1", "y1", "x2", "y2")}
    scale = (xs.max() - xs.min()) / (box["x2"] - box["x1"])
    assert (ys.max() - ys.min()) / (box["y2"] - box["y1"]) == pytest.approx(scale, rel=0.05)
    assert f"Predicted digit: {first['predicted']}" in finished.screen


def test_the_bytes_of_a_run_and_its_artifacts_are_on_the_disk_once(finished: Finished) -> None:
    """But for the files that go on being written, or edited in place."""
    shared = [path for path in finished.artifacts.rglob("*") if path.is_file() and path.stat().st_nlink > 1]
    whole = [path for name in ("pictures", "tables") for path in (finished.directory / name).iterdir()]
    assert len(shared) == len([*whole, *finished.directory.glob("*.h5")])
    for path in shared:
        assert path.samefile(finished.directory / path.relative_to(finished.artifacts))
    (model,) = finished.artifacts.parents[1].glob("models/*/artifacts/data/model.keras")
    assert model.samefile(finished.directory / "model.keras")


def test_artifacts_are_the_files_of_the_run(finished: Finished) -> None:
    paths = [path for path in finished.directory.rglob("*") if path.is_file() and path.name != "model.keras"]
    for path in paths:
        stored = finished.artifacts / path.relative_to(finished.directory)
        assert stored.is_file(), path.name
        if path.name not in ("run.json", "train.log"):  # these two go on for a moment
            assert stored.read_bytes() == path.read_bytes(), path.name
    assert {"resolved.yaml", "overrides.yaml"} <= {path.name for path in (finished.artifacts / "config").iterdir()}
    assert "loss.bbox_weight=20" in (finished.artifacts / "config" / "overrides.yaml").read_text()


def test_the_data_set_is_there_with_its_full_digest(finished: Finished) -> None:
    from locexp.data.mnist_5k import load
    from locexp.data.split import split

    data = split(load(), validation=0.1, split_seed=0, limit=600)
    digest = hashlib.sha256()
    for part in (data.train, data.validation, data.test):
        for array in (part.images, part.labels):
            digest.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    (used,) = finished.run.inputs.dataset_inputs
    assert used.dataset.name == "mnist_5k"
    assert json.loads(used.dataset.profile)["sha256"] == digest.hexdigest()
    assert used.dataset.digest == digest.hexdigest()[:36]
    assert finished.run.data.tags["data_digest"] == digest.hexdigest()
    assert json.loads(used.dataset.profile)["train"] == 600


PLAIN_KERAS = """
import json, sys
import keras, numpy as np
assert "locexp" not in sys.modules
data = np.load(sys.argv[1])
for path in sys.argv[2:]:
    model = keras.models.load_model(path)
    said = model.predict(data["images"][..., None], verbose=0)
    assert not any(name.startswith("locexp") for name in sys.modules)
    print(json.dumps({
        "accuracy": float((said["classification"].argmax(1) == data["labels"]).mean()),
        "bbox_loss": float(((said["bbox"] - data["boxes"]) ** 2).mean()),
    }))
"""


@pytest.mark.slow
def test_plain_keras_reproduces_the_logged_metrics_without_locexp(finished: Finished, tmp_path: Path) -> None:
    from locexp.bbox.geometry import ink_boxes
    from locexp.data.mnist_5k import load
    from locexp.data.split import split

    test = split(load(), validation=0.1, split_seed=0, limit=600).test
    np.savez(tmp_path / "test.npz", images=test.images, labels=test.labels, boxes=ink_boxes(test.images) / 28)
    saved = [str(finished.directory / name) for name in ("model.keras", "extra.h5")]
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_KERAS, str(tmp_path / "test.npz"), *saved],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    for path, line in zip(saved, done.stdout.splitlines()[-2:], strict=True):
        computed = json.loads(line)
        assert computed["accuracy"] == finished.record["metrics"]["test/accuracy"], path
        assert computed["bbox_loss"] == pytest.approx(finished.record["metrics"]["test/bbox_loss"], rel=1e-5), path


def test_the_logged_model_predicts_both_heads_by_name(finished: Finished) -> None:
    import mlflow

    use_store(f"sqlite:///{finished.directory.parents[2]}/mlruns/mlflow.db")
    address = f"runs:/{finished.record['run_id']}/model"
    model = mlflow.pyfunc.load_model(address)
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
    said = model.predict(images)
    assert {name: np.asarray(value).shape for name, value in said.items()} == {
        "classification": (3, 10),
        "bbox": (3, 4),
    }
    np.testing.assert_allclose(np.asarray(said["classification"]).sum(axis=1), 1, rtol=1e-5)
    details = mlflow.models.get_model_info(address)
    assert details.signature.inputs is None
    assert [entry.name for entry in details.signature.outputs.inputs] == ["classification", "bbox"]
    assert details.saved_input_example_info is not None
    requirements = Path(mlflow.pyfunc.get_model_dependencies(address)).read_text(encoding="utf-8").split()
    assert {line.split("==")[0] for line in requirements} >= {"tensorflow", "keras", "numpy"}
    assert all("==" in line for line in requirements)


@pytest.fixture(scope="module")
def served(finished: Finished) -> Any:
    """The logged model, as ``mlflow models serve`` loads it."""
    import mlflow

    use_store(f"sqlite:///{finished.directory.parents[2]}/mlruns/mlflow.db")
    return mlflow.pyfunc.load_model(f"runs:/{finished.record['run_id']}/model")


@pytest.fixture(scope="module")
def expected(finished: Finished) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Some digits, uint8 (5, 28, 28), and what plain Keras says of them."""
    import keras

    from locexp.data.bundled import bundled_digits

    images = bundled_digits()[0][::1000]
    model = keras.models.load_model(finished.directory / "model.keras")
    return images, model.predict(images[..., None], verbose=0)


@pytest.mark.parametrize("axis", [True, False], ids=["one channel", "no channel"])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "uint16", "float16", "float32", "float64", "F order", "list"])
def test_the_logged_model_takes_images_of_any_type(
    served: Any, expected: tuple[np.ndarray, dict[str, np.ndarray]], dtype: str, axis: bool
) -> None:
    """From 0 to 255, as docs/runs.md has it."""
    images, answer = expected
    images = images[..., None] if axis else images
    given: Any
    if dtype == "list":
        given = images.tolist()
    else:
        given = np.asfortranarray(images) if dtype == "F order" else images.astype(dtype)
    said = served.predict(given)
    for name, values in answer.items():
        np.testing.assert_allclose(said[name], values, atol=1e-6)


@pytest.mark.parametrize("key", ["inputs", "instances"])
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_the_logged_model_answers_over_http(
    served: Any, expected: tuple[np.ndarray, dict[str, np.ndarray]], key: str, dtype: str
) -> None:
    """The application of MLflow's scoring server, in this process; its own test starts a real server."""
    from mlflow.pyfunc import scoring_server

    images, answer = expected
    body = json.dumps({key: images.astype(dtype).tolist()})
    answered = scoring_server.invocations(body, "application/json", served, served.metadata.get_input_schema())
    assert answered.status == 200
    said = json.loads(answered.response)["predictions"]
    for name, values in answer.items():
        np.testing.assert_allclose(said[name], values, atol=1e-6)


@pytest.mark.parametrize("high", [0, 1])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_dark_image_is_not_taken_for_fractions(served: Any, high: int, dtype: type) -> None:
    noise: np.ndarray = np.random.default_rng(0).integers(0, high + 1, (2, 28, 28)).astype(dtype)
    assert np.isfinite(served.predict(noise)["bbox"]).all()


def test_mlflow_loads_the_keras_model_itself(
    finished: Finished, expected: tuple[np.ndarray, dict[str, np.ndarray]]
) -> None:
    import mlflow

    use_store(f"sqlite:///{finished.directory.parents[2]}/mlruns/mlflow.db")
    model = mlflow.tensorflow.load_model(f"runs:/{finished.record['run_id']}/model")
    images, answer = expected
    for name, values in model.predict(images[..., None], verbose=0).items():
        np.testing.assert_allclose(values, answer[name], atol=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.full((1, 28, 28), 65535, np.uint16), "uint16 images run from 0 to 65535; expected 0 to 255"),
        (np.full((1, 28, 28), 300.0), "float64 images run from 0 to 300; expected 0 to 255"),
        (np.full((1, 28, 28), -1), "int64 images run from -1 to 0; expected 0 to 255"),
        (np.full((1, 28, 28), np.nan), "expected 0 to 255"),
        (np.linspace(0, 1, 784).reshape(1, 28, 28), r"run from 0 to 1; this model takes 0 to 255\. Multiply fractions"),
        (np.linspace(-0.42, 1, 784).reshape(1, 28, 28), "run from -0.42 to 1; this model takes 0 to 255"),
        (np.linspace(0, 1.1, 784).reshape(1, 28, 28), "run from 0 to 1.1; this model takes"),
        (np.zeros((28, 28)), r"shape \(28, 28\); expected \(n, 28, 28, 1\)"),
        (np.zeros((1, 28, 28, 3)), r"shape \(1, 28, 28, 3\); expected \(n, 28, 28, 1\)"),
    ],
)
def test_values_that_a_model_does_not_take_are_refused(served: Any, values: np.ndarray, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        served.predict(values)


def test_the_page_of_the_model_has_the_final_metrics_and_the_parameters(finished: Finished) -> None:
    (output,) = finished.run.outputs.model_outputs
    model = finished.client.get_logged_model(output.model_id)
    assert (model.name, str(model.status), model.source_run_id) == ("model", "READY", finished.record["run_id"])
    assert output.step == finished.record["metrics"]["epochs"]
    shown = {metric.key: metric.value for metric in model.metrics}
    assert shown["test/accuracy"] == finished.record["metrics"]["test/accuracy"]
    assert not any(name.startswith("train/") for name in shown)  # the run has those, by epoch
    assert model.params["loss.bbox_weight"] == finished.run.data.params["loss.bbox_weight"]


def test_system_metrics_are_sampled_however_short_the_run(finished: Finished) -> None:
    used = finished.run.data.metrics
    assert 0 <= used["system/cpu_utilization_percentage"] <= 100
    assert 0 < used["system/system_memory_usage_percentage"] <= 100


def test_the_screen_says_what_matters(finished: Finished) -> None:
    screen = finished.screen
    assert "600 to train, 500 to validate, 500 to test" in screen
    assert "epoch 2/2" in screen
    assert f"{finished.record['metrics']['test/accuracy']:.4f}" in screen
    assert "python -m locexp.ui" in screen
    assert f"/runs/{finished.record['run_id']}" in screen
    assert "trivial" not in screen


@pytest.mark.slow
def test_same_seed_same_metrics_other_seed_others(workplace: Path) -> None:
    results = []
    for seed in (5, 5, 6):
        assert train_here(*TINY, "trainer.deterministic=true", f"seed={seed}") == 0
        newest = max(workplace.glob("multirun/*/*/run.json"), key=lambda path: path.stat().st_mtime)
        record = json.loads(newest.read_text())
        values = {name: value for name, value in record["metrics"].items() if not name.startswith("time/")}
        results.append((values, record["tags"]["config_hash"], record["tags"]["data_digest"]))
    first, again, other = results
    assert first == again
    assert first[0] != other[0]
    assert first[1:] == other[1:]


@pytest.mark.slow
def test_the_seed_experiment_does_what_the_classic_script_does(
    workplace: Path, offline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_here("experiment=seed", "data.limit=640", "trainer.epochs=2", "tracking.system_metrics=false") == 0
    screen = capsys.readouterr().out
    directory = only_run(workplace)
    record = json.loads((directory / "run.json").read_text())
    assert "bundled 5,000 digits instead of 70,000" in screen
    assert "localization is trivial here" in screen
    assert "The test set is the validation set here" in screen
    assert record["tags"]["constant_targets"] == "true"
    assert record["tags"]["validation_is_test"] == "true"
    assert record["metrics"]["kept/epoch"] == 2
    assert "skill/mean_iou" not in record["metrics"]
    assert any("all true boxes of the test images are the same" in note for note in record["notes"])
    assert not (directory / "pictures" / "iou_groups.png").exists()
    _check_fractions(directory, record)
    first = rows(directory / "tables" / "predictions.csv")[0]
    assert [float(first[f"true_{side}"]) for side in ("x1", "y1", "x2", "y2")] == pytest.approx([6, 6, 22, 22])
    assert f"Predicted digit: {first['predicted']}" in screen


def _check_fractions(directory: Path, record: dict[str, Any]) -> None:
    """The script's network takes 0 to 1; that in MLflow takes 0 to 255, as all there do."""
    import keras
    import mlflow

    from locexp.data.bundled import bundled_digits

    digits = bundled_digits()[0][:5]
    use_store(f"sqlite:///{directory.parents[2]}/mlruns/mlflow.db")
    expected = mlflow.pyfunc.load_model(f"runs:/{record['run_id']}/model").predict(digits)
    for name in ("model.keras", "multi_output_mnist_model.h5"):
        model = keras.models.load_model(directory / name, compile=False)
        for head, values in model.predict(digits[..., None] / 255.0, verbose=0).items():
            np.testing.assert_allclose(values, expected[head], atol=1e-6)


def test_mixed_precision_and_cosine_and_other_losses_run(workplace: Path) -> None:
    words = (
        "trainer.precision=mixed_bfloat16",
        "optimizer=adamw",
        "optimizer.schedule=cosine",
        "loss.bbox_loss=smooth_l1",
    )
    assert train_here(*TINY, *words, "loss.bbox_loss_params.delta_px=2", "bbox.margin=1") == 0
    metrics = json.loads((only_run(workplace) / "run.json").read_text())["metrics"]
    assert np.isfinite(metrics["test/bbox_loss"])


def test_own_images_of_another_size(workplace: Path) -> None:
    rng = np.random.default_rng(0)
    images = np.zeros((400, 20, 32), np.uint8)
    labels = rng.integers(0, 3, 400)
    for image, label in zip(images, labels, strict=True):
        x, y = rng.integers(0, 20), rng.integers(0, 12)
        image[y : y + 5, x : x + 3 + 3 * label] = 200
    np.savez(workplace / "bars.npz", x_train=images, y_train=labels)
    words = (
        "data=file",
        "data.path=bars.npz",
        "model.filters=[4]",
        "trainer.epochs=1",
        "tracking.system_metrics=false",
    )
    assert train_here(*words) == 0
    record = json.loads((only_run(workplace) / "run.json").read_text())
    assert record["dataset"] | {"name": "bars", "source": "file", "canvas": "32x20", "classes": 3} == record["dataset"]
    assert (record["dataset"]["train"], record["dataset"]["validation"], record["dataset"]["test"]) == (320, 40, 40)


@pytest.mark.slow
@pytest.mark.parametrize("then", ["raise ValueError('Flatten.call() failed')", "pass"])
def test_a_signal_that_comes_out_as_another_error_or_not_at_all_stops_a_run(workplace: Path, then: str) -> None:
    (workplace / "shot.py").write_text(
        "import keras, os, signal, time\n"
        "class Shot(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        try:\n"
        "            os.kill(os.getpid(), signal.SIGTERM)\n"
        "            time.sleep(1)\n"
        "        except BaseException:\n"
        f"            {then}\n"
    )
    words = ("data=mnist_5k", "data.limit=320", "trainer.epochs=3", "+trainer.callbacks={shot: {_target_: shot.Shot}}")
    done = locexp("train", *words, cwd=workplace)
    assert done.returncode == 143, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (record,) = (json.loads(path.read_text()) for path in workplace.glob("multirun/*/*/run.json"))
    assert (record["status"], record["error"]) == ("KILLED", "interrupted")
    assert record["metrics"]["epochs"] < 3
