"""``loss/weighting=`` through the real command: what a run under a method leaves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import TINY, only_run, train_here


@pytest.mark.slow
def test_what_a_run_under_a_method_leaves(workplace: Path) -> None:
    """Effective weights and gradients by epoch, in files and MLflow, and their picture; not with fixed weights."""
    words = [*TINY, "trainer.epochs=3", "loss/weighting=mgda", "loss.bbox_weight=4"]
    assert train_here(*words) == 0
    directory = only_run(workplace)
    rows = [json.loads(line) for line in (directory / "history.jsonl").read_text().splitlines()]
    for row in rows:
        # mgda's weights sum to 1; the box's is multiplied by the static one.
        assert row["weights/classification"] + row["weights/bbox"] / 4 == pytest.approx(1, abs=1e-5)
        assert row["gradients/norm_ratio"] == pytest.approx(
            row["gradients/bbox_norm"] / row["gradients/classification_norm"]
        )
        assert 0 <= row["gradients/conflicts"] <= 1
        assert -1 <= row["gradients/cosine"] <= 1
        assert row["time/step_ms"] > 0
        static = row["train/classification_loss"] + 4 * row["train/bbox_loss"]
        assert row["train/loss"] == pytest.approx(static)
    record = json.loads((directory / "run.json").read_text())
    for name in ("classification", "bbox"):
        mean = np.mean([row[f"weights/{name}"] for row in rows])
        assert record["metrics"][f"mean_weights/{name}"] == pytest.approx(mean)
    assert record["parameters"]["loss.weighting._target_"] == "locexp.losses.weighting.mgda.Mgda"
    assert (directory / "pictures" / "weighting.png").is_file()
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{workplace}/mlruns/mlflow.db")
    logged = client.get_metric_history(record["run_id"], "gradients/cosine")
    assert [metric.value for metric in logged] == pytest.approx([row["gradients/cosine"] for row in rows])


@pytest.mark.slow
def test_fixed_weights_are_measured_where_that_is_asked_for(workplace: Path) -> None:
    assert train_here(*TINY, "hydra.run.dir=multirun/a/plain") == 0
    assert train_here(*TINY, "hydra.run.dir=multirun/a/measured", "trainer.diagnostic_batches=3") == 0
    rows = {
        name: json.loads((workplace / "multirun" / "a" / name / "history.jsonl").read_text().splitlines()[0])
        for name in ("plain", "measured")
    }
    assert {key for key in rows["plain"] if key.startswith(("weights/", "gradients/"))} == {
        "weights/classification",
        "weights/bbox",
    }
    assert (rows["plain"]["weights/classification"], rows["plain"]["weights/bbox"]) == (1.0, 0.5)
    assert "gradients/cosine" in rows["measured"]
    pictures = workplace / "multirun" / "a"
    assert not (pictures / "plain" / "pictures" / "weighting.png").exists()  # weights that never change
    assert (pictures / "measured" / "pictures" / "weighting.png").is_file()


def test_a_network_without_a_shared_trunk_is_refused_before_anything_is_written(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "apart.py").write_text(
        "def build(input_shape, num_classes):\n"
        "    import keras\n"
        "    image = keras.Input(input_shape)\n"
        "    flat = keras.layers.Flatten()(image)\n"
        "    return keras.Model(image, {\n"
        "        'classification': keras.layers.Dense(num_classes, activation='softmax')(flat),\n"
        "        'bbox': keras.layers.Dense(4, activation='sigmoid')(flat)})\n"
    )
    words = [word for word in TINY if not word.startswith("model.")]
    words += [
        "~model.filters",
        "~model.dense_units",
        "~model.dropout",
        "~model.bbox_head",
        "~model.shared",
        "model._target_=apart.build",
    ]
    assert train_here(*words, "loss/weighting=pcgrad") == 2
    said = capsys.readouterr().err
    assert "Pcgrad weighs the gradients of layers that both heads share, and this network has none" in said
    assert not (workplace / "multirun").exists()
    assert train_here(*words, "loss/weighting=uncertainty") == 0
