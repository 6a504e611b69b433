"""``bbox=annotated``: boxes that came with the data, and photos to train on that are new in every epoch."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from locexp.bbox.annotated import AnnotatedBoxes
from locexp.bbox.annotations import Annotations
from locexp.bbox.clutter import Clutter
from locexp.bbox.draws import example_key
from locexp.bbox.fixed import Fixed
from locexp.bbox.generated import Generated
from locexp.bbox.geometry import iou, to_pixels
from locexp.bbox.given import compose, fresh_scenes
from locexp.bbox.interpolation import UNIT, remapped
from locexp.bbox.jitter import Jitter
from locexp.bbox.scatter import Scatter
from locexp.bbox.scenes import Scenes
from locexp.bbox.tight import Tight
from locexp.bbox.windows import Limits, windows
from locexp.configuration.compose import composing
from locexp.data.arrays import sha256
from locexp.errors import ImagesError, UserError
from locexp.evaluation.metrics import baselines
from locexp.evaluation.scenes import ceiling, describe
from locexp.run.training_data import load_training_data
from tests.conftest import TINY, only_run, train_here

WIDTH, HEIGHT = 80, 64
OFF: dict[str, Any] = dict.fromkeys(("crop", "pad", "stretch", "rotate", "flip", "brightness", "contrast", "grey"), 0.0)
COLOUR = np.array([250, 20, 40], np.uint8)


def drawn(count: int, outline: str = "rectangle", seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw a red object on each of ``count`` green grounds: uint8 (n, 64, 80, 3), and its box in whole pixels.

    A pixel that an ellipse covers in part is a mixture.
    """
    random = np.random.default_rng(seed)
    sides = random.integers(10, 45, (count, 2))
    corners = random.integers(0, np.array([WIDTH, HEIGHT]) - sides + 1)
    boxes = np.concatenate([corners, corners + sides], axis=1)
    images = np.empty((count, HEIGHT, WIDTH, 3), np.uint8)
    images[...] = random.integers(0, 90, (count, HEIGHT, WIDTH, 1)) * np.array([0, 1, 0], np.uint8)
    y, x = (np.mgrid[: 4 * HEIGHT, : 4 * WIDTH] + 0.5) / 4
    for image, (x1, y1, x2, y2) in zip(images, boxes.tolist(), strict=True):
        across, down = (2 * x - x1 - x2) / (x2 - x1), (2 * y - y1 - y2) / (y2 - y1)
        inside = np.maximum(abs(across), abs(down)) < 1 if outline == "rectangle" else across**2 + down**2 < 1
        share = inside.reshape(HEIGHT, 4, WIDTH, 4).mean(axis=(1, 3))[..., None]
        image[...] = np.rint(image * (1 - share) + COLOUR * share)
    return images, boxes.astype(float)


def found(images: np.ndarray) -> np.ndarray:
    """Return the boxes of the red objects, by brute force: float64 (n, 4)."""
    boxes = []
    for image in images:
        rows, columns = np.nonzero(image[:, :, 0].astype(int) >= 125)
        boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    return np.array(boxes, float)


def composed(images: np.ndarray, boxes: np.ndarray, split: str = "train", epoch: int = 0, **keys: Any) -> Scenes:
    strategy = AnnotatedBoxes(**({"fresh": True, "augment": 1.0} | OFF | keys))
    return strategy.compose(images, split=split, scene_seed=3, epoch=epoch, annotations=Annotations(boxes))


def pixels(scenes: Scenes) -> np.ndarray:
    return to_pixels(scenes.boxes, WIDTH, HEIGHT)


def test_without_further_keys_images_and_boxes_are_those_that_came() -> None:
    images, boxes = drawn(20)
    scenes = AnnotatedBoxes().compose(images, split="train", scene_seed=0, annotations=Annotations(boxes * 0.97 + 0.6))
    assert scenes.images is images
    assert scenes.boxes.dtype == np.float32
    np.testing.assert_allclose(pixels(scenes), boxes * 0.97 + 0.6, atol=1e-5)
    assert scenes.clean_boxes is None


@pytest.mark.parametrize(
    "keys",
    [
        {"crop": 0.5},
        {"pad": 0.5},
        {"stretch": 0.4},
        {"crop": 0.6, "pad": 0.3, "stretch": 0.2, "flip": 0.5},
        {"rotate": 20.0, "outline": "rectangle"},
        {"rotate": 20.0, "outline": "ellipse"},
        {"rotate": 12.0, "outline": "ellipse", "crop": 0.4, "pad": 0.3, "stretch": 0.2, "flip": 0.5},
    ],
)
def test_boxes_are_those_of_what_is_seen(keys: dict[str, Any]) -> None:
    """Within a pixel on every side: half a one by which pixels are whole, and the object's soft edge."""
    images, boxes = drawn(150, keys.get("outline", "rectangle"))
    scenes = composed(images, boxes, **keys)
    assert np.abs(pixels(scenes) - found(scenes.images)).max() <= 1
    assert (scenes.images != images).any(axis=(1, 2, 3)).mean() > 0.9
    moved = np.abs(pixels(scenes) - boxes).max(axis=1)
    assert np.median(moved) > 1.5


def test_flips_and_whole_photos_are_exact() -> None:
    images, boxes = drawn(400)
    scenes = composed(images, boxes, flip=0.3)
    mirrored = (scenes.images == images[:, :, ::-1]).all(axis=(1, 2, 3))
    same = (scenes.images == images).all(axis=(1, 2, 3))
    assert (mirrored ^ same).all()
    assert mirrored.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 400))
    expected = np.where(
        mirrored[:, None], np.array([WIDTH, 0, WIDTH, 0]) + boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1], boxes
    )
    np.testing.assert_allclose(pixels(scenes), expected, atol=1e-5)


def test_boxes_stay_whole_on_the_canvas_whatever_is_cut_off() -> None:
    """Of boxes as wide as the photo, in its corners, or hardly there, the whole is seen; so nothing of it was cut."""
    boxes = np.array([[0, 0, 80, 64], [0, 0, 3, 64], [70, 60, 80, 64], [0, 0, 1, 1], [40, 30, 40.5, 30.5]] * 100)
    images = np.full((len(boxes), HEIGHT, WIDTH, 3), 90, np.uint8)
    for outline in ("rectangle", "ellipse"):
        limits = Limits(crop=0.9, pad=0.0, stretch=0.5, rotate=45.0, flip=0.5, is_rectangle=outline == "rectangle")
        made = windows(example_key(0, "train", np.arange(len(boxes)), 0), boxes, (WIDTH, HEIGHT), limits)
        assert (made.boxes >= 0).all()
        assert (made.boxes <= np.array([WIDTH, HEIGHT] * 2)).all()
        # its corners, or points of its ellipse, where the map that the pixels are taken through puts them
        angles = np.linspace(0, 2 * np.pi, 721)[:-1]
        ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        ring = ring / np.abs(ring).max(axis=1, keepdims=True) if outline == "rectangle" else ring
        middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
        points = middle[:, None] + half[:, None] * ring - np.array([WIDTH, HEIGHT]) / 2
        seen = np.linalg.solve(made.maps[:, None] / UNIT, (points - made.places[:, None] / UNIT)[..., None])[..., 0]
        seen = seen + np.array([WIDTH, HEIGHT]) / 2
        np.testing.assert_allclose(made.boxes[:, :2], seen.min(axis=1), atol=0.02)
        np.testing.assert_allclose(made.boxes[:, 2:], seen.max(axis=1), atol=0.02)
    assert composed(images, boxes, crop=0.9).boxes.max() <= 1


def test_windows_are_as_large_as_they_may_be_and_anywhere() -> None:
    boxes = np.tile([38.0, 30, 42, 34], (20_000, 1))
    key = example_key(0, "train", np.arange(20_000), 0)
    made = windows(key, boxes, (WIDTH, HEIGHT), Limits(crop=0.4, pad=0.2, stretch=0.0, rotate=0.0, flip=0.0))
    scale = made.maps[:, 0, 0] / UNIT
    assert (scale.min(), scale.max()) == (pytest.approx(0.6, abs=1e-3), pytest.approx(1.2, abs=1e-3))
    assert scale.mean() == pytest.approx(0.9, abs=0.005)
    np.testing.assert_array_equal(made.maps[:, 1, 1], made.maps[:, 0, 0])
    part = (
        made.places[scale < 0.62] / UNIT
    )  # windows of .6: 16 and 12.8 pixels to either side, up to the photo's border
    assert np.abs(part).max(axis=0) == pytest.approx([16, 12.8], rel=0.05)
    assert np.abs(part).mean(axis=0) == pytest.approx([8, 6.4], rel=0.1)
    turned = windows(key, boxes, (WIDTH, HEIGHT), Limits(crop=0, pad=0, stretch=0, rotate=15, flip=0)).maps / UNIT
    angle = np.degrees(np.arctan2(turned[:, 0, 1], turned[:, 0, 0]))
    assert np.abs(angle).max() == pytest.approx(15, abs=0.02)
    assert angle.mean() == pytest.approx(0, abs=0.3)
    assert angle.std() == pytest.approx(15 / np.sqrt(3), rel=0.02)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_those_of_bilinear_interpolation(channels: int) -> None:
    """Against scipy in double precision, on smooth photos, with the median of the border beyond it."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = [128 + 120 * np.sin(x / 9 + n) * np.cos(y / 11 - n / 2) for n in range(30 * channels)]
    images = np.stack(waves).astype(np.uint8).reshape(30, channels, HEIGHT, WIDTH).transpose(0, 2, 3, 1)
    limits = Limits(crop=0.3, pad=0.5, stretch=0.2, rotate=30.0, flip=0.5)
    key = example_key(0, "train", np.arange(30), 0)
    seen = windows(key, np.tile([20.0, 20, 60, 50], (30, 1)), (WIDTH, HEIGHT), limits)
    made = remapped(images if channels == 3 else images[..., 0], seen.maps, seen.places).reshape(images.shape)
    middle = np.array([HEIGHT, WIDTH]) / 2 - 0.5
    for image, drawn_image, matrix, place in zip(images, made, seen.maps / UNIT, seen.places / UNIT, strict=True):
        rows_first = matrix[::-1, ::-1]
        offset = middle + place[::-1] - rows_first @ middle
        for channel in range(channels):
            one = image[..., channel]
            fill = np.percentile(np.concatenate([one[0], one[-1], one[:, 0], one[:, -1]]), 50, method="higher")
            expected = affine_transform(
                one.astype(float), rows_first, offset, order=1, mode="grid-constant", cval=float(fill)
            )
            assert np.abs(drawn_image[..., channel] - expected).max() < 1.2  # rounded twice, and 1/256 pixel


def test_grey_photos_are_treated_as_coloured_ones() -> None:
    images, boxes = drawn(50)
    keys: dict[str, Any] = {"crop": 0.4, "rotate": 10.0, "brightness": 0.2, "contrast": 0.3, "noise": "gaussian"}
    grey = images[..., 1]
    one, three = (composed(some, boxes, **keys) for some in (grey, np.repeat(grey[..., None], 3, axis=3)))
    assert one.images.shape == grey.shape
    np.testing.assert_array_equal(three.images, np.repeat(one.images[..., None], 3, axis=3))
    np.testing.assert_array_equal(three.boxes, one.boxes)


def test_brightness_contrast_and_grey() -> None:
    random = np.random.default_rng(0)
    images, boxes = random.integers(90, 160, (2000, 8, 8, 3)).astype(np.uint8), np.tile([1.0, 1, 7, 7], (2000, 1))
    before = images.reshape(2000, -1).astype(float)
    lighter = composed(images, boxes, brightness=0.2).images.reshape(2000, -1)
    change = (lighter - before).mean(axis=1)
    np.testing.assert_allclose(lighter - before, np.tile(change[:, None], 192), atol=0.51)
    assert (change.min(), change.max()) == (pytest.approx(-51, abs=1), pytest.approx(51, abs=1))
    assert change.std() == pytest.approx(51 / np.sqrt(3), rel=0.05)
    starker = composed(images, boxes, contrast=0.5).images.reshape(2000, -1)
    factor = starker.std(axis=1) / before.std(axis=1)
    assert (factor.min(), factor.max()) == (pytest.approx(1 / 1.5, abs=0.01), pytest.approx(1.5, abs=0.01))
    assert np.median(factor) == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(starker.mean(axis=1), before.mean(axis=1), atol=1)
    grey = composed(images, boxes, grey=0.25).images
    changed = (grey != images).any(axis=(1, 2, 3))
    assert changed.mean() == pytest.approx(0.25, abs=4 * np.sqrt(0.1875 / 2000))
    assert (grey[changed] == grey[changed][..., :1]).all()
    luminance = images[changed] @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey[changed][..., 0] - luminance).max() < 1


def test_only_photos_to_train_on_are_augmented() -> None:
    images, boxes = drawn(30)
    for split in ("validation", "test"):
        scenes = AnnotatedBoxes(fresh=True, augment=1.0, flip=0.5).compose(
            images, split=split, scene_seed=0, annotations=Annotations(boxes)
        )
        assert scenes.images is images
        np.testing.assert_array_equal(
            scenes.boxes,
            AnnotatedBoxes().compose(images, split=split, scene_seed=0, annotations=Annotations(boxes)).boxes,
        )


def test_epochs_differ_and_a_scene_depends_on_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    images, boxes = drawn(60)
    keys: dict[str, Any] = {"crop": 0.4, "rotate": 10.0, "brightness": 0.2, "jitter": 2.0}
    first, later = (composed(images, boxes, epoch=epoch, **keys) for epoch in (0, 1))
    assert (first.images != later.images).any(axis=(1, 2, 3)).all()
    assert (first.boxes != later.boxes).any(axis=1).all()
    for pixels_at_once in (1, 3 * WIDTH * HEIGHT * 3, 2**26):
        monkeypatch.setattr("locexp.bbox.generated.BLOCK_PIXELS", pixels_at_once)
        monkeypatch.setattr("locexp.bbox.interpolation.PIXELS_AT_ONCE", pixels_at_once)
        monkeypatch.setattr("locexp.bbox.exposure.VALUES_AT_ONCE", pixels_at_once)
        again = composed(images, boxes, epoch=1, **keys)
        np.testing.assert_array_equal(again.images, later.images)
        np.testing.assert_array_equal(again.boxes, later.boxes)
    fewer = composed(images[:7], boxes[:7], epoch=1, **keys)
    np.testing.assert_array_equal(fewer.images, later.images[:7])


def test_scenes_of_a_later_epoch_stay_what_they_are(strokes: np.ndarray) -> None:
    """On any machine: a digest that is fixed."""
    colour = np.stack([strokes, 255 - strokes, np.roll(strokes, 9, axis=2)], axis=3)
    strategy = AnnotatedBoxes(fresh=True, augment=1.0, flip=0.5, jitter=1.0, noise="gaussian")
    annotations = Annotations(np.tile([3.25, 5.5, 20.125, 24], (64, 1)))
    scenes = strategy.compose(colour, split="train", scene_seed=0, epoch=4, annotations=annotations)
    assert sha256(scenes.images, scenes.boxes)[:16] == "8747350022f94ec5"


def test_half_an_augmentation_is_half_as_much() -> None:
    boxes = np.tile([38.0, 30, 42, 34], (5000, 1))
    images = np.zeros((5000, HEIGHT, WIDTH), np.uint8)
    wide = pixels(composed(images, boxes, augment=0.5, crop=0.4, pad=0.2))
    factor = (wide[:, 2] - wide[:, 0]) / 4
    assert (factor.min(), factor.max()) == (pytest.approx(1 / 1.1, abs=1e-3), pytest.approx(1 / 0.8, abs=1e-3))


def test_jitter_has_clean_boxes_and_a_ceiling() -> None:
    images, boxes = drawn(400)
    for augment in (0.0, 1.0):
        scenes = composed(images, boxes, jitter=4.0, augment=augment, crop=0.4)
        assert scenes.clean_boxes is not None
        off = np.abs(to_pixels(scenes.clean_boxes, WIDTH, HEIGHT) - pixels(scenes))
        assert 3.5 < off.max() <= 4 + 1e-4
        assert ceiling(scenes)["ceiling_mean_iou"] == pytest.approx(iou(scenes.clean_boxes, scenes.boxes).mean())
        assert 0.5 < ceiling(scenes)["ceiling_mean_iou"] < 0.9
    test = composed(images, boxes, split="test", jitter=4.0)
    assert test.clean_boxes is not None
    np.testing.assert_allclose(to_pixels(test.clean_boxes, WIDTH, HEIGHT), boxes, atol=1e-5)
    with pytest.raises(UserError, match=r"bbox.jitter=60.0: is more than the boxes are wide; expected at most"):
        composed(images, boxes, jitter=60)


def test_noise_is_the_same_in_all_channels() -> None:
    images, boxes = np.full((10, HEIGHT, WIDTH, 3), 128, np.uint8), np.tile([1.0, 1, 7, 7], (10, 1))
    for noise in ("gaussian", "salt"):
        made = AnnotatedBoxes(noise=noise).compose(images, split="test", scene_seed=0, annotations=Annotations(boxes))
        assert (made.images == made.images[..., :1]).all()
        assert (made.images != images).any(axis=(1, 2, 3)).all()


REFUSED = {
    "bbox.augment=.5": "bbox.augment=0.5: changes training images anew in every epoch, which bbox.fresh=False forbids",
    "bbox.fresh=true bbox.augment=2": "bbox.augment=2: expected a number from 0 (none) to 1",
    "bbox.crop=.95": "bbox.crop=0.95: expected a number from 0 to 0.9",
    "bbox.pad=-1": "bbox.pad=-1: expected a number from 0 to 1",
    "bbox.rotate=90": "bbox.rotate=90: expected degrees from 0 to 45",
    "bbox.outline=elipse": "bbox.outline=elipse: expected one of ellipse, rectangle. Did you mean 'ellipse'?",
    "bbox.flip=true": "bbox.flip=True: expected a number from 0 to 1, got bool",
    "bbox.gray=.1": "bbox.gray",
    "bbox.jitter=-1": "bbox.jitter=-1: expected a number from 0",
    "bbox.crop=.2": "bbox.crop=.2: does nothing without bbox.augment; give both, or leave it out.",
    "bbox.flip=.5 bbox.fresh=true": "bbox.flip=.5: does nothing without bbox.augment",
}


@pytest.mark.parametrize("words", REFUSED)
def test_refused_before_any_data_is_read(words: str) -> None:
    with composing() as composer, pytest.raises(UserError, match=re.escape(REFUSED[words])):
        composer.compose(["bbox=annotated", *words.split()])


def test_refused_once_the_data_are_known() -> None:
    images, boxes = drawn(4)
    made = AnnotatedBoxes()
    with pytest.raises(UserError, match=r"no boxes came with the train images\. Data with boxes are voc, .*bbox=tight"):
        made.compose(images, split="train", scene_seed=0)
    with pytest.raises(UserError, match=r"boxes of shape \(3, 4\) came with 4 train images; expected \(4, 4\)"):
        made.compose(images, split="train", scene_seed=0, annotations=Annotations(boxes[:3]))
    for wrong in ([5, 5, 5, 9], [9, 5, 5, 9], [np.nan, 5, 5, 9], [-1, 5, 5, 9], [5, 5, 81, 9], [90, 90, 99, 99]):
        some = boxes.copy()
        some[2] = wrong
        with pytest.raises(
            ImagesError, match=r"boxes of 1 of 4 test images \(the first is number 2\) are empty"
        ) as error:
            made.compose(images, split="test", scene_seed=0, annotations=Annotations(some))
        assert error.value.indices == [2]
    made.compose(images, split="test", scene_seed=0, annotations=Annotations(boxes + 1e-4))


def test_the_constant_box_is_that_of_the_data_not_of_what_augmentation_made_of_it() -> None:
    images, boxes = drawn(50)
    for jitter in (0.0, 2.0):
        scenes = composed(images, boxes, crop=0.5, jitter=jitter)
        np.testing.assert_allclose(to_pixels(scenes.unaugmented_boxes, WIDTH, HEIGHT), boxes, atol=1e-5)
        test = composed(images, boxes, split="test")
        facts = describe({"train": scenes, "test": test})
        assert facts["scenes/floor_mean_iou"] == baselines(test.boxes, test.boxes)["mean_iou"]
    assert test.unaugmented_boxes is test.boxes


@pytest.mark.parametrize("strategy", [Tight(), Jitter(), Scatter(), Clutter()])
def test_strategies_that_look_for_ink_refuse_colour(strategy: Generated) -> None:
    images, _ = drawn(5)
    name = type(strategy).__name__.lower()
    with pytest.raises(
        UserError, match=rf"bbox={name}: finds the ink .* the test images are in colour; expected bbox=a"
    ):
        strategy.compose(images, split="test", scene_seed=0)


def test_a_fixed_box_serves_colour_too() -> None:
    images, _ = drawn(5)
    scenes = Fixed((0, 16, 40, 32), noise="salt").compose(images, split="train", scene_seed=0)
    assert scenes.images.shape == images.shape
    np.testing.assert_array_equal(scenes.boxes, np.tile(np.array([0, 0.25, 0.5, 0.5]), (5, 1)))


@pytest.mark.usefixtures("float32")
def test_networks_train_on_the_photos_of_each_epoch() -> None:
    """In colour: the truth that comes back with the predictions is what is composed for that epoch."""
    import keras

    from locexp.models.cnn import build
    from locexp.training.member import Member
    from locexp.training.stack import Stack

    images, boxes = drawn(64)
    annotations = Annotations(boxes)
    strategy = AnnotatedBoxes(fresh=True, augment=1.0)
    first = compose(strategy, images, annotations, split="train", scene_seed=0)
    fresh = fresh_scenes(strategy, images, 0, first, annotations)
    network = build((HEIGHT, WIDTH, 3), 2, filters=[4], dense_units=8)
    member = Member(0, network, keras.optimizers.Adam(), (1.0, 1.0))
    stack = Stack([member], first.images, np.zeros(64, np.int64), first.boxes, fresh=fresh)
    for epoch in (0, 2):
        scenes = strategy.compose(images, split="train", scene_seed=0, epoch=epoch, annotations=annotations)
        (made,) = stack.train_steps(np.arange(64, dtype=np.int32).reshape(1, 2, 32), epoch=epoch)
        np.testing.assert_array_equal(made.truth, scenes.boxes)
    stack.close()


OWN = """
import numpy as np
from locexp.bbox.annotations import Annotations
from locexp.data.arrays import RawData

def load(source="auto", path=None):
    random = np.random.default_rng(0)
    images = random.integers(0, 50, (600, 28, 28)).astype(np.uint8)
    labels = np.arange(600) % 3
    corners = random.integers(0, 16, (600, 2))
    for image, label, (x, y) in zip(images, labels, corners):
        image[y : y + 12, x : x + 12] = 100 + 70 * label
    boxes = np.concatenate([corners, corners + 12], axis=1)
    return RawData("squares", "file", images, labels, annotations={"train": Annotations(boxes.astype(float))})
"""
YAML = """
defaults:
  - override /bbox@_global_.bbox: annotated
_target_: own.load
source: auto
path: null
limit: null
validation: 0.1
split_seed: 0
"""
QUICK = (
    "--config-dir",
    "conf",
    "data=squares",
    "trainer.epochs=2",
    "model.filters=[4]",
    "model.dense_units=8",
    "tracking.system_metrics=false",
)


@pytest.fixture
def squares(workplace: Path) -> Path:
    """A workplace with a loader of one's own, whose data bring boxes and choose the strategy."""
    (workplace / "own.py").write_text(OWN)
    (workplace / "conf" / "data").mkdir(parents=True)
    (workplace / "conf" / "data" / "squares.yaml").write_text(YAML)
    (workplace / "conf" / "data" / "unsaid.yaml").write_text(YAML.split("annotated\n")[1])
    return workplace


@pytest.mark.slow
def test_data_with_boxes_choose_the_strategy_unless_another_is_asked_for(squares: Path) -> None:
    with composing("conf") as composer:
        chosen, explicit = (composer.compose(["data=squares", *more]) for more in ([], ["bbox=annotated"]))
        assert chosen.cfg.bbox._target_ == "locexp.bbox.annotated.AnnotatedBoxes"
        assert chosen.config_hash == explicit.config_hash
        assert composer.compose(["data=squares", "bbox.jitter=2"]).cfg.bbox.jitter == 2
        for name in ("voc", "coco", "yolo", "table"):
            assert composer.compose([f"data={name}", "data.path=."]).cfg.bbox == explicit.cfg.bbox
        for words, expected in {
            ("data=squares", "bbox=fixed"): "Fixed",
            ("data=squares", "experiment=scatter"): "Scatter",
            ("experiment=scatter", "data=squares"): "Scatter",
            ("data=mnist_5k",): "Tight",
        }.items():
            assert composer.compose(words).cfg.bbox._target_.rpartition(".")[2] == expected
        notes = [
            load_training_data(composer.compose(["data=squares", *more]).cfg).notes for more in ([], ["bbox=fixed"])
        ]
        assert not any("Boxes came" in note for note in notes[0])
        assert "Boxes came with the data, and are not used; bbox=annotated learns them." in notes[1]
        unsaid = load_training_data(composer.compose(["data=unsaid", "bbox.threshold=60"]).cfg).notes
        assert "Boxes came with the data, and are not used; bbox=annotated learns them." in unsaid


@pytest.mark.slow
def test_a_run_on_boxes_that_came_with_the_data(squares: Path, float32: None) -> None:
    assert train_here(*QUICK, "bbox.fresh=true", "bbox.augment=1", "bbox.flip=.5") == 0
    record = json.loads((only_run(squares) / "run.json").read_text())
    assert record["status"] == "FINISHED"
    assert record["parameters"]["bbox.augment"] == "1"
    assert record["metrics"]["scenes/width_max"] > 12.5  # enlarged
    with composing("conf") as composer:
        plain = load_training_data(composer.compose(["data=squares"]).cfg)
    assert record["metrics"]["floor/mean_iou"] == pytest.approx(plain.baselines["mean_iou"])


def test_boxes_are_asked_of_data_that_have_none(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_here(*TINY, "bbox=annotated") == 2
    assert (
        "bbox=annotated: no boxes came with the train images. Data with boxes are voc, coco" in capsys.readouterr().err
    )
    assert not list(workplace.iterdir())
