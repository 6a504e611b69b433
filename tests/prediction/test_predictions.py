"""What a network says of a photo comes back in the photo's own pixels; drawings are shown as in training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from locexp.prediction.predictions import Prediction, predict
from locexp.prediction.sources import Failure, Source
from locexp.trained.network import Resize, TrainedNetwork
from tests.trained.runs import answer, by_brightness, network

CANVAS = (48, 32)
sides = st.integers(1, 1000)


@pytest.fixture(scope="module")
def constant() -> TrainedNetwork:
    """A network that says what it is told."""
    return TrainedNetwork(network(CANVAS, 3, [0.2, 0.8], [0, 0, 1, 1]), CANVAS, 3, "letterbox", True, ("a", "b"), False)


@pytest.fixture(scope="module")
def brightness() -> TrainedNetwork:
    """A network trained on drawings, light on dark, that tells light images from dark ones."""
    model = network(CANVAS, 1, [0.5, 0.5], [0, 0, 1, 1])
    by_brightness(model)
    return TrainedNetwork(model, CANVAS, 1, "letterbox", False, ("dark", "light"), True)


def said(network: TrainedNetwork, *sources: Source) -> list[Prediction]:
    outcomes = [outcome for block in predict(network, sources) for outcome in block]
    assert not [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    return [outcome for outcome in outcomes if isinstance(outcome, Prediction)]


def source(path: Path) -> Source:
    return Source(str(path), PurePath(path.stem))


class Repeats:
    """Stands in for a Keras model, and answers with the boxes that it is given."""

    layers: tuple[object, ...] = ()

    def __init__(self, boxes: np.ndarray) -> None:
        self._boxes = boxes

    def predict(self, images: np.ndarray, **_: object) -> dict[str, np.ndarray]:
        assert images.shape == (len(self._boxes), CANVAS[1], CANVAS[0], 3)
        return {"classification": np.full((len(images), 2), 0.5, np.float32), "bbox": self._boxes.astype(np.float32)}


def on_canvas(box: np.ndarray, size: tuple[int, int], resize: Resize) -> np.ndarray:
    """Put a box on the canvas, normalised, by the arithmetic of the docs, written down here once more."""
    whole = scaled = np.array(CANVAS)
    if resize == "letterbox":
        factor = min(CANVAS[0] / size[0], CANVAS[1] / size[1])
        scaled = np.maximum(1, [round(size[0] * factor), round(size[1] * factor)])
    offset = (whole - scaled) // 2
    return np.asarray(((box.reshape(2, 2) * scaled / size + offset) / whole).reshape(-1))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), resize=st.sampled_from(["letterbox", "stretch"]), as_files=st.booleans())
def test_a_network_that_repeats_its_target_gives_the_boxes_back(
    tmp_path: Path, data: st.DataObject, resize: Resize, as_files: bool
) -> None:
    sizes = data.draw(st.lists(st.tuples(sides, sides), min_size=1, max_size=5))
    edges = [[sorted(data.draw(st.tuples(st.floats(0, side), st.floats(0, side)))) for side in size] for size in sizes]
    boxes = [np.array([xs[0], ys[0], xs[1], ys[1]]) for xs, ys in edges]
    targets = np.array([on_canvas(box, size, resize) for box, size in zip(boxes, sizes, strict=True)])
    sources = []
    for index, (width, height) in enumerate(sizes):
        image = np.zeros((height, width), np.uint8)
        Image.fromarray(image).save(tmp_path / f"{index}.bmp")
        is_file = as_files and index % 2 == 0  # in one block with arrays
        sources.append(source(tmp_path / f"{index}.bmp") if is_file else Source("x", PurePath("x"), index, image))
    network = TrainedNetwork(Repeats(targets), CANVAS, 3, resize, True, ("a", "b"), False)
    found = said(network, *sources)
    assert [one.size for one in found] == sizes
    for one, box in zip(found, boxes, strict=True):
        assert one.box == pytest.approx(box.tolist(), abs=0.01)


def test_boxes_are_in_pixels_of_the_upright_photo(constant: TrainedNetwork, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 100)).save(tmp_path / "turned.jpg", exif=exif)
    answer(constant.model, [0.2, 0.8], [0, 0, 0.5, 1])
    (found,) = said(replace(constant, resize="stretch"), source(tmp_path / "turned.jpg"))
    assert (found.size, found.box, found.name) == ((100, 300), (0, 0, 50, 300), "b")
    assert found.probability == pytest.approx(0.8, abs=1e-6)


def test_wrong_files_do_not_stop_the_others(constant: TrainedNetwork, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no image")
    (tmp_path / "b.jpg").touch()
    Image.new("L", (9, 9)).save(tmp_path / "c.png")
    sources = [source(tmp_path / name) for name in ("a.jpg", "b.jpg", "none.jpg", "c.png")]
    (outcomes,) = predict(constant, sources)
    assert [type(outcome) for outcome in outcomes] == [Failure, Failure, Failure, Prediction]
    assert [outcome.why for outcome in outcomes if isinstance(outcome, Failure)][1:] == [
        "is empty",
        "there is no such file",
    ]


def test_an_answer_that_is_no_number_is_a_failure(constant: TrainedNetwork) -> None:
    answer(constant.model, [0.5, 0.5], [0, float("nan"), 1, 1])
    (outcomes,) = predict(constant, [Source("x", PurePath("x"), 0, np.zeros((4, 4), np.uint8))])
    assert outcomes == [Failure("x", "the network answers with what is no number")]


def test_blocks_are_bounded_and_in_order(constant: TrainedNetwork) -> None:
    answer(constant.model, [0.5, 0.5], [0, 0, 1, 1])
    image = np.zeros((4, 4), np.uint8)
    blocks = list(predict(constant, [Source("x", PurePath("x"), index, image) for index in range(300)]))
    assert [len(block) for block in blocks] == [128, 128, 44]
    assert [one.source.index for block in blocks for one in block if isinstance(one, Prediction)] == list(range(300))


def drawing(ground: int, ink: int, size: tuple[int, int] = (60, 30)) -> np.ndarray:
    image = np.full(size[::-1], ground, np.uint8)
    image[10:20, 20:26] = ink
    return image


@pytest.mark.parametrize(
    ("image", "inverted"),
    [
        (drawing(0, 255), False),
        (drawing(255, 0), True),
        (drawing(200, 20), True),
        (drawing(114, 0), True),  # black on what was transparent
        (drawing(140, 255), False),  # chalk
        (np.full((9, 9), 255, np.uint8), False),  # an empty page has no ink
        (drawing(255, 0, (30, 60)), True),
    ],
)
def test_dark_on_light_drawings_are_inverted(brightness: TrainedNetwork, image: np.ndarray, inverted: bool) -> None:
    before = image.copy()
    (found,) = said(brightness, Source("x", PurePath("x"), 0, image))
    assert found.inverted == inverted
    assert (image == before).all()


@pytest.mark.parametrize("size", [(60, 30), (30, 60), (48, 32)])
def test_a_drawing_is_shown_on_its_own_ground(brightness: TrainedNetwork, size: tuple[int, int]) -> None:
    """Padding that is lighter than the ground would make the image light on the whole."""
    for image in (drawing(10, 200, size), 255 - drawing(10, 200, size)):
        (found,) = said(brightness, Source("x", PurePath("x"), 0, image))
        assert found.name == "dark"
        (found,) = said(replace(brightness, is_light_on_dark=False), Source("x", PurePath("x"), 0, image))
        assert found.name == ("dark" if image[0, 0] == 10 else "light")
        assert not found.inverted


def test_of_photos_only_what_looks_like_paper_is_inverted(brightness: TrainedNetwork) -> None:
    of_photos = replace(brightness, are_photos=True)
    rng = np.random.default_rng(0)
    sky = np.sort(rng.integers(30, 250, (30, 60)), axis=0)[::-1].astype(np.uint8)
    cases = [(drawing(235, 20), True), (drawing(140, 20), False), (sky, False), (drawing(10, 255), False)]
    for image, inverted in cases:
        (found,) = said(of_photos, Source("x", PurePath("x"), 0, image))
        assert found.inverted == inverted


def test_colour_is_brought_to_the_channels_of_the_network(brightness: TrainedNetwork, constant: TrainedNetwork) -> None:
    grey = np.full((32, 48), 200, np.uint8)
    (found,) = said(brightness, Source("x", PurePath("x"), 0, np.repeat(grey[..., np.newaxis], 3, axis=2)))
    assert found.name == "light"
    answer(constant.model, [0.5, 0.5], [0, 0, 1, 1])
    (found,) = said(constant, Source("x", PurePath("x"), 0, grey))
    assert found.size == (48, 32)
