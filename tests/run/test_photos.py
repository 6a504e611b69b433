"""Photos of one's own, with names, boxes, files and a place on the canvas: what a run leaves is in their terms."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import yaml

from locexp.configuration.compose import composing
from locexp.run.training_data import load_training_data
from tests.conftest import TINY, only_run, train_here

LOADER = """
import numpy as np

from locexp.bbox.annotations import Annotations, Placement
from locexp.bbox.geometry import normalise
from locexp.bbox.scenes import Scenes
from locexp.data.arrays import RawData

NAMES = ('red, "bright"', "<script>alert(1)</script>", "x" * 200, "猫\\nwith a line", "Äpfel")
SIZES = np.array([(64, 48), (100, 48), (48, 48), (33, 70), (320, 240)])
COUNTS = (24, 12, 8, 6, 10)
WIDTH, HEIGHT = 32, 24


def part(name, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(5), COUNTS))
    sizes = SIZES[rng.integers(0, 5, len(labels))]
    corner = rng.uniform(0, 0.4, (len(labels), 2))
    originals = np.concatenate([corner, corner + rng.uniform(0.3, 0.6, corner.shape)], axis=1) * np.tile(sizes, 2)
    inside = np.maximum(1, np.rint(sizes * np.min([WIDTH, HEIGHT] / sizes, axis=1)[:, None])).astype(int)
    placement = Placement(sizes, inside / sizes, ([WIDTH, HEIGHT] - inside) // 2)
    boxes = originals * np.tile(placement.scale, 2) + np.tile(placement.offset, 2)
    images = np.full((len(labels), HEIGHT, WIDTH, 3), 114, np.uint8)
    for image, label, (x1, y1, x2, y2) in zip(images, labels, boxes.round().astype(int)):
        image[y1:y2, x1:x2] = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)][label]
    files = np.array([f"{name}/photo {number}.jpg" for number in range(len(labels))])
    np.savez(f"{name}.npz", boxes=originals, sizes=sizes, labels=labels, files=files)
    return images, labels, Annotations(boxes, files, None, placement)


def load(source="auto", path=None):
    train, test = part("train", 0), part("test", 1)
    return RawData(
        "mine", "file", *train[:2], *test[:2],
        annotations={"train": train[2], "test": test[2]}, class_names=NAMES, resize="letterbox",
    )


class Given:
    def __init__(self, shift: int = 0) -> None:
        self.shift = shift

    def compose(self, images, *, split, scene_seed, annotations):
        boxes = normalise(annotations.boxes + [self.shift, 0, self.shift, 0], WIDTH, HEIGHT)
        return Scenes(np.roll(images, self.shift, axis=2), boxes.astype(np.float32))
"""
NAMES = ('red, "bright"', "<script>alert(1)</script>", "x" * 200, "猫\nwith a line", "Äpfel")
SIDES = ("x1", "y1", "x2", "y2")


@dataclass(frozen=True)
class Finished:
    directory: Path
    screen: str
    record: dict[str, Any]
    originals: Any
    """Boxes in pixels of the original photos, their sizes, labels and files, as the loader has them."""

    def table(self, name: str) -> list[dict[str, str]]:
        text = (self.directory / "tables" / f"{name}.csv").read_bytes().decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def boxes(self, whose: str) -> np.ndarray:
        return np.array([[float(row[f"{whose}_{side}"]) for side in SIDES] for row in self.table("predictions")])


@pytest.fixture
def own_photos(workplace: Path) -> tuple[str, ...]:
    """A module and a configuration of one's own in the current directory; the overrides that choose them."""
    (workplace / "own_photos.py").write_text(LOADER)
    for group, text in {
        "data": "_target_: own_photos.load\nsource: auto\npath: null\nlimit: null\nvalidation: 0.2\nsplit_seed: 0\n",
        "bbox": "_target_: own_photos.Given\nshift: 0\nscene_seed: 0\n",
    }.items():
        (workplace / "conf" / group).mkdir(parents=True)
        (workplace / "conf" / group / "own_photos.yaml").write_text(text)
    return "data=own_photos", "bbox=own_photos"


@pytest.fixture
def finished(workplace: Path, own_photos: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> Finished:
    tiny = [word for word in TINY if not word.startswith("data")]
    assert train_here("--config-dir", "conf", *own_photos, *tiny) == 0
    directory = only_run(workplace)
    record = json.loads((directory / "run.json").read_text())
    return Finished(directory, capsys.readouterr().out, record, np.load(workplace / "test.npz"))


def test_everything_is_told_in_the_terms_of_the_photos(finished: Finished) -> None:
    """The tables, read by the csv module, against the loader's own numbers and arithmetic."""
    rows, originals, metrics = finished.table("predictions"), finished.originals, finished.record["metrics"]
    assert [row["file"] for row in rows] == originals["files"].tolist()
    assert [row["label"] for row in rows] == [NAMES[label] for label in originals["labels"]]
    assert {row["predicted"] for row in rows} <= set(NAMES)
    true, predicted = finished.boxes("true"), finished.boxes("predicted")
    np.testing.assert_allclose(true, originals["boxes"], atol=0.01)

    shift = (predicted[:, :2] + predicted[:, 2:] - true[:, :2] - true[:, 2:]) / 2
    share = np.hypot(*(shift / originals["sizes"]).T)
    np.testing.assert_allclose([float(row["center_error_px"]) for row in rows], np.hypot(*shift.T), rtol=1e-3)
    np.testing.assert_allclose([float(row["center_error_share"]) for row in rows], share, rtol=1e-3)
    assert metrics["test/center_error_share"] == pytest.approx(share.mean(), rel=1e-3)

    # Both axes of a photo are scaled alike but for rounding, so IoU in its own pixels is nearly that on the canvas.
    width, height = (np.minimum(true, predicted)[:, 2:] - np.maximum(true, predicted)[:, :2]).clip(0).T
    area = [np.prod(box[:, 2:] - box[:, :2], axis=1) for box in (true, predicted)]
    overlap = width * height / (area[0] + area[1] - width * height)
    np.testing.assert_allclose([float(row["iou"]) for row in rows], overlap, atol=0.01)

    right = np.array([row["label"] == row["predicted"] for row in rows])
    shares = [np.mean(right[originals["labels"] == label]) for label in range(5)]
    assert metrics["test/accuracy"] == right.mean()
    assert metrics["test/macro_accuracy"] == pytest.approx(np.mean(shares))
    per_class = finished.table("per_class")
    assert [row["class"] for row in per_class] == list(NAMES)
    assert [float(row["accuracy"]) for row in per_class] == pytest.approx(shares, abs=1e-5)
    distances = [share[originals["labels"] == label].mean() for label in range(5)]
    assert [float(row["center_error_share"]) for row in per_class] == pytest.approx(distances, rel=1e-3)

    matrix = finished.table("confusion_matrix")
    assert list(matrix[0]) == ["true / predicted", *NAMES]
    assert [row["true / predicted"] for row in matrix] == list(NAMES)
    for row in matrix:
        for name in NAMES:
            pair = (row["true / predicted"], name)
            assert int(row[name]) == sum((each["label"], each["predicted"]) == pair for each in rows)

    dataset = finished.record["dataset"]
    assert dataset["class_names"] == list(NAMES)
    assert (dataset["classes"], dataset["canvas"], dataset["channels"]) == (5, "32x24", 3)
    assert (dataset["resize"], dataset["ground"]) == ("letterbox", "dark")  # 114 is below the middle

    first = rows[0]["predicted"].replace("\n", "\N{REPLACEMENT CHARACTER}")
    assert f"Predicted class: {first}\n" in finished.screen
    for name in ("macro_accuracy", "center_error_share"):
        assert re.search(rf"^{name} +{metrics[f'test/{name}']:.4f}$", finished.screen, re.M)
    (note,) = [note for note in finished.record["notes"] if "font" in note]
    assert note.startswith("In pictures 1 class goes by number")
    assert "class 3 is 猫" in note

    client = mlflow.MlflowClient(finished.record["tracking_uri"])
    folder = Path(client.download_artifacts(finished.record["run_id"], "model"))
    assert yaml.safe_load((folder / "MLmodel").read_text())["metadata"] == {"class_names": list(NAMES)}


@pytest.mark.parametrize("shift", [0, 2])
def test_only_scenes_that_are_the_photos_have_a_place_in_them(own_photos: tuple[str, ...], shift: int) -> None:
    """A strategy that moves what is in the images leaves the pixels of the canvas as the only ones."""
    with composing("conf") as composer:
        data = load_training_data(composer.compose([*own_photos, f"bbox.shift={shift}"]).cfg)
    for part in ("train", "test"):
        terms = data.terms(part)
        assert terms.class_names == NAMES
        assert (terms.placement is None) is bool(shift)
        files, annotations = terms.files, getattr(data.dataset, part).annotations
        assert files is not None
        assert files.tolist() == annotations.files.tolist()
        expected = annotations.placement.to_original(annotations.boxes)
        if shift:
            expected = annotations.boxes + np.array([shift, 0, shift, 0])
        np.testing.assert_allclose(terms.pixels(data.scenes[part].boxes, data.canvas), expected, atol=0.01)


def test_noise_moves_nothing_and_augmentation_does(own_photos: tuple[str, ...]) -> None:
    with composing("conf") as composer:
        words = ("data=own_photos", "bbox=annotated", "bbox.noise=salt", "bbox.fresh=true", "bbox.augment=1")
        data = load_training_data(composer.compose([*words]).cfg)
    assert not np.array_equal(data.scenes["test"].images, data.dataset.test.images)
    assert data.terms("test").placement is not None
    assert data.terms("train").placement is None
