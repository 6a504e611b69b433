"""The recipes of conf/experiment/: each runs, is what its name says, and reaches what it promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locexp.configuration.schema import config_directory
from tests.conftest import train_here

RECIPES = sorted(path.stem for path in (config_directory() / "experiment").glob("*.yaml"))
SHORT = ("data.limit=320", "trainer.epochs=1", "tracking.system_metrics=false", "hydra.run.dir=run")


def record(workplace: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((workplace / "run" / "run.json").read_text())
    return found


def squares(workplace: Path) -> tuple[str, ...]:
    """Overrides for a file of coloured squares with their boxes."""
    random = np.random.default_rng(0)
    images = random.integers(0, 50, (500, 48, 48, 3)).astype(np.uint8)
    corners = random.integers(0, 28, (500, 2))
    labels = np.arange(500) % 3
    for image, label, (x, y) in zip(images, labels, corners, strict=True):
        image[y : y + 20, x : x + 20, label] = 250
    boxes = np.concatenate([corners, corners + 20], axis=1)
    np.savez(workplace / "squares.npz", x_train=images, y_train=labels, boxes_train=boxes)
    return "data=file", "data.path=squares.npz"


@pytest.mark.parametrize(
    "recipe",
    [name if name == "tiny" else pytest.param(name, marks=pytest.mark.slow) for name in sorted({*RECIPES} - {"seed"})],
)
def test_a_recipe_trains_on_its_own_scenes(recipe: str, workplace: Path) -> None:
    data = squares(workplace) if recipe == "photos" else ()
    assert train_here(f"experiment={recipe}", *data, *SHORT) == 0
    parameters = record(workplace)["parameters"]
    strategy = {"photos": "annotated"}.get(recipe, recipe if recipe in ("jitter", "scatter", "clutter") else "tight")
    assert parameters["bbox._target_"].startswith(f"locexp.bbox.{strategy}.{strategy.capitalize()}")
    assert (workplace / "run" / "pictures" / "scenes.png").exists()


def test_a_recipe_gives_way_to_the_command_line(workplace: Path) -> None:
    words = ("experiment=scatter", "bbox=clutter", "bbox.augment=0.5", "model=cnn_small", "trainer.batch_size=64")
    assert train_here(*words, *SHORT) == 0
    parameters = record(workplace)["parameters"]
    assert "Clutter" in parameters["bbox._target_"]
    assert "cnn_small" in parameters["model._target_"]
    assert (float(parameters["bbox.augment"]), int(parameters["trainer.batch_size"])) == (0.5, 64)
    assert float(parameters["loss.bbox_weight"]) == 30


@pytest.mark.slow
def test_the_recipe_for_tight_boxes_passes_the_classic_network_in_a_third_of_its_epochs(workplace: Path) -> None:
    """At box weight 100 and ten epochs the classic network has .961 right with IoU >= .75 and a mean IoU of .890."""
    assert train_here("experiment=tight", "trainer.epochs=10", "hydra.run.dir=run") == 0
    metrics = record(workplace)["metrics"]
    print({name: np.round(metrics[f"test/{name}"], 4) for name in ("accuracy", "mean_iou", "loc_acc_75")})
    assert metrics["test/accuracy"] >= 0.97
    assert metrics["test/mean_iou"] >= 0.90
    assert metrics["test/loc_acc_75"] >= 0.95
