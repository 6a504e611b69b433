"""A run's sample images, and what the network predicts for them, as files and read again."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from locexp.evaluation.terms import UserTerms
from locexp.plots.samples import IMAGES, LONGEST_SIDE, TABLE, parse_samples, write_samples
from tests.evaluation.cases import numbered, random_predictions

CHOSEN = np.array([1, 4, 7])


def written(folder: Path, images: np.ndarray, terms: UserTerms | None = None) -> tuple[bytes, bytes]:
    write_samples(folder, images, random_predictions(0, 10), terms or numbered(4), CHOSEN)
    return (folder / IMAGES).read_bytes(), (folder / TABLE).read_bytes()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(28, 28), (20, 40), (24, 24, 3)])
def test_small_images_are_kept_to_the_pixel(tmp_path: Path, shape: tuple[int, ...]) -> None:
    images = noise(10, *shape)
    content, table = written(tmp_path, images)
    with Image.open(io.BytesIO(content)) as strip:
        pixels = np.asarray(strip.convert("RGB")).reshape(3, *shape[:2], 3)
    wanted = images[CHOSEN] if len(shape) == 3 else np.repeat(images[CHOSEN][..., None], 3, axis=3)
    np.testing.assert_array_equal(pixels, wanted)
    found = parse_samples(content, table)
    assert found is not None
    assert found.size == (shape[1], shape[0])


def test_large_images_are_made_smaller(tmp_path: Path) -> None:
    content, table = written(tmp_path, noise(10, 200, 400, 3))
    found = parse_samples(content, table)
    assert found is not None
    assert found.size == (LONGEST_SIDE, LONGEST_SIDE // 2)


def test_answers_are_those_of_the_predictions_in_shares_of_the_image(tmp_path: Path) -> None:
    predictions = random_predictions(0, 10)
    names = ("a,b", 'quo"ted', "line\nend", "ünï")
    files = np.array([f"{index}\udcff.png" for index in range(10)])
    found = parse_samples(*written(tmp_path, noise(10, 20, 40), UserTerms(names, files)))
    assert found is not None
    for index, sample in zip(CHOSEN, found.predictions, strict=True):
        assert sample.label == names[predictions.labels[index]]
        assert sample.predicted == names[predictions.probabilities[index].argmax()]
        assert sample.file == f"{index}\\udcff.png"
        np.testing.assert_allclose(sample.truth, predictions.truth[index], rtol=1e-3)
        np.testing.assert_allclose(sample.box, predictions.boxes[index], rtol=1e-3)
        assert sample.confidence == pytest.approx(predictions.probabilities[index].max(), rel=1e-3)
        assert sample.iou == pytest.approx(predictions.iou[index], rel=1e-3)


def test_the_same_images_are_the_same_file_whatever_was_predicted(tmp_path: Path) -> None:
    images = noise(10, 28, 28)
    for seed in (0, 1):
        (tmp_path / str(seed)).mkdir()
        write_samples(tmp_path / str(seed), images, random_predictions(seed, 10), numbered(4), CHOSEN)
    first, second = ((tmp_path / str(seed) / IMAGES).read_bytes() for seed in (0, 1))
    assert first == second
