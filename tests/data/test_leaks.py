"""Images in two parts: planted copies are found, images that only look alike are not; what is done about them."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from locexp.bbox.annotations import Annotations, Placement
from locexp.data.arrays import Dataset, RawData, Split, sha256
from locexp.data.copies import Images, find_copies
from locexp.data.leaks import checked_for_leaks, summary
from locexp.data.split import split
from locexp.errors import UserError
from locexp.plots.leaks import page
from locexp.records.leaks import write_leaks
from tests.conftest import TINY, train_here

SIZE = 200


def photo(seed: int) -> Image.Image:
    """Something like a photo: a ground of its own texture and light, with shapes on it."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(40, 170, (5, 5, 3), dtype=np.uint8)).resize(
        (SIZE, SIZE), Image.Resampling.BICUBIC
    )
    fine = Image.fromarray(rng.integers(0, 200, (SIZE, SIZE, 3), dtype=np.uint8)).filter(ImageFilter.GaussianBlur(3))
    picture = Image.blend(coarse, fine, 0.3)
    draw = ImageDraw.Draw(picture)
    for _ in range(4):
        x, y, width, height = rng.uniform([0, 0, 20, 20], [150, 150, 80, 80])
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape((x, y, x + width, y + height), fill=tuple(rng.integers(20, 200, 3).tolist()))
    return picture


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "same": lambda picture: picture,
    "JPEG": lambda picture: jpeg(picture, 40),
    "half size": lambda picture: picture.resize((SIZE // 2, SIZE // 2), Image.Resampling.BILINEAR),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.25),
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.75),
    "contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(0.8),
    "crop at one corner": lambda picture: picture.crop((10, 10, SIZE, SIZE)),
    "crop all around": lambda picture: picture.crop((10, 9, SIZE - 8, SIZE - 10)),
    "crop at one side": lambda picture: picture.crop((0, 0, SIZE - 10, SIZE)),
    "grey": lambda picture: picture.convert("L").convert("RGB"),
}


def arrays(pictures: list[Image.Image], size: int = 96, *, grey: bool = False) -> np.ndarray:
    mode = "L" if grey else "RGB"
    return np.stack([np.asarray(one.convert(mode).resize((size, size), Image.Resampling.BILINEAR)) for one in pictures])


def part(images: np.ndarray, name: str = "x", *, named: bool = False) -> Split:
    annotations = None
    if named:
        files = np.array([f"{name}/{number}.jpg" for number in range(len(images))])
        annotations = Annotations(np.zeros((len(images), 4)), files=files)
    return Split(images, np.arange(len(images)) % 2, np.arange(len(images)), name, annotations)


def found(first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
    copies = find_copies(Images(part(first)), Images(part(second)))
    return list(zip(copies.first.tolist(), copies.second.tolist(), strict=True))


PHOTOS = [photo(seed) for seed in range(60)]


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("grey", [False, True])
def test_planted_copies_are_found_and_nothing_else(kind: str, grey: bool) -> None:
    others = [COPIES[kind](one) for one in PHOTOS[20:30]] + [photo(seed) for seed in range(100, 115)]
    pairs = found(arrays(PHOTOS, grey=grey), arrays(others, grey=grey))
    assert pairs == [(number, number - 20) for number in range(20, 30)]


def test_the_order_of_the_parts_does_not_matter() -> None:
    few, many = arrays([COPIES["crop all around"](one) for one in PHOTOS[:5]]), arrays(PHOTOS)
    assert found(few, many) == found(many, few) == [(number, number) for number in range(5)]


def test_one_scene_with_the_object_elsewhere_is_no_copy() -> None:
    """As of a hand before one wall: most of two images is the same, but not what they show."""
    scenes = []
    for number in range(12):
        scene = PHOTOS[0].copy()
        x, y = 20 + 45 * (number % 4), 20 + 55 * (number // 4)
        ImageDraw.Draw(scene).ellipse((x, y, x + 40, y + 40), fill=(250, 220, 200))
        scenes.append(scene)
    assert found(arrays(scenes[:6]), arrays(scenes[6:])) == []


def test_digits_of_one_class_are_no_copies(digits: tuple[np.ndarray, np.ndarray]) -> None:
    images = np.stack(
        [np.asarray(Image.fromarray(one).resize((64, 64), Image.Resampling.BILINEAR)) for one in digits[0][:1200]]
    )
    assert found(images[:1000], images[1000:]) == []


def test_every_copy_of_an_image_is_found() -> None:
    """More of them than there are candidates at first."""
    copies = [jpeg(PHOTOS[3], quality) for quality in range(40, 90)]
    pairs = found(arrays([*copies, *PHOTOS[10:]]), arrays([PHOTOS[3]]))
    assert pairs == [(number, 0) for number in range(50)]


def test_photos_are_compared_where_they_lie_on_the_canvas() -> None:
    """Letterboxed, a crop has other bars than the whole; the bars are no part of the photos."""

    def boxed(picture: Image.Image) -> tuple[np.ndarray, list[int], list[float], list[int]]:
        scale = 96 / max(picture.size)
        size = [round(side * scale) for side in picture.size]
        left, top = (96 - size[0]) // 2, (96 - size[1]) // 2
        canvas = np.full((96, 96, 3), 128, np.uint8)
        canvas[top : top + size[1], left : left + size[0]] = np.asarray(picture.resize((size[0], size[1])))
        scales = [size[0] / picture.width, size[1] / picture.height]
        return canvas, list(picture.size), scales, [left, top]

    def split_of(pictures: list[Image.Image]) -> Split:
        images, sizes, scales, offsets = (np.array(one) for one in zip(*map(boxed, pictures), strict=True))
        annotations = Annotations(np.zeros((len(images), 4)), placement=Placement(sizes, scales, offsets))
        return dataclasses.replace(part(images), annotations=annotations)

    wide = [one.crop((0, 0, 200, 130)) for one in PHOTOS[:20]]
    crops = [one.crop((2, 6, 192, 124)) for one in wide[:5]]
    copies = find_copies(Images(split_of(wide)), Images(split_of(crops)))
    assert copies.first.tolist() == copies.second.tolist() == [0, 1, 2, 3, 4]


def test_small_images_are_copies_if_they_are_equal() -> None:
    small = arrays(PHOTOS, 28)
    nearly = small[:4].copy()
    nearly[:, 3, 3] ^= 1
    assert found(small, np.concatenate([small[7:9], nearly])) == [(7, 0), (8, 1)]


@pytest.mark.parametrize("size", [8, 64])
def test_images_of_one_colour_say_nothing(size: int) -> None:
    images = np.repeat(np.arange(0, 250, 10, dtype=np.uint8), size * size).reshape(-1, size, size)
    assert found(images, images) == []


@pytest.mark.parametrize("size", [12, 96])
def test_what_most_images_are_is_no_copy(size: int) -> None:
    """As where all that was drawn is one rectangle; the others are compared as ever."""
    images = arrays(PHOTOS, size)
    one, other = np.repeat(images[:1], 40, axis=0), images[1:20]
    assert found(one, one[:9]) == []
    assert found(np.concatenate([one, other]), np.concatenate([one[:5], images[5:8]])) == [(44, 5), (45, 6), (46, 7)]


def dataset(train: np.ndarray, validation: np.ndarray, test: np.ndarray, *, named: bool = True) -> Dataset:
    parts = {"train": train, "validation": validation, "test": test}
    one, two, three = (part(images, name, named=named) for name, images in parts.items())
    return Dataset("mine", "file", one, two, three, 2, "before", class_names=("a", "b"))


def leaky(*, named: bool = True) -> Dataset:
    """Images 0 to 2 to train on are tested on, 3 and 4 validate; 5 is in all three parts, and 50 in the two others."""
    images = arrays(PHOTOS)
    other = np.concatenate
    validation, test = images[[3, 4, 5, 50, 51, 52]], images[[0, 1, 2, 5, 50, 53]]
    return dataset(other([images[:30]]), validation, test, named=named)


def test_a_warning_counts_and_changes_nothing() -> None:
    before = leaky()
    after = checked_for_leaks(before, "warn")
    assert dataclasses.replace(after, notes=(), leaks=None) == dataclasses.replace(before, notes=(), leaks=None)
    assert after.leaks is not None
    pairs = {(leak.part, leak.file, leak.other_part, leak.other_file) for leak in after.leaks}
    assert pairs == {
        *(("train", f"train/{n}.jpg", "test", f"test/{n}.jpg") for n in range(3)),
        ("train", "train/5.jpg", "test", "test/3.jpg"),
        ("validation", "validation/2.jpg", "test", "test/3.jpg"),
        ("validation", "validation/3.jpg", "test", "test/4.jpg"),
        *(("train", f"train/{n}.jpg", "validation", f"validation/{n - 3}.jpg") for n in (3, 4, 5)),
    }
    assert {leak.difference for leak in after.leaks} == {0.0}
    assert sorted(note[:40] for note in after.notes) == [
        "2 of 6 test images (33.3%) are among the",
        "3 of 6 validation images (50.0%) are amo",
        "4 of 6 test images (66.7%) are among the",
    ]
    assert summary(after.leaks) == ("4 test images in train, 2 test images in validation, 3 validation images in train")


def test_dropping_leaves_the_test_part_whole() -> None:
    before = leaky()
    after = checked_for_leaks(before, "drop")
    assert after.test is before.test
    assert after.validation.indices.tolist() == [0, 1, 4, 5]
    assert after.train.indices.tolist() == list(range(6, 30))
    assert after.digest == sha256(
        *(array for one in (after.train, after.validation, after.test) for array in (one.images, one.labels))
    )
    assert [note[:50] for note in after.notes] == [
        "data.leaks=drop: 2 of 6 validation images are left",
        "data.leaks=drop: 6 of 30 train images are left out",
    ]
    again = checked_for_leaks(after, "refuse")
    assert again.leaks == ()


def test_refusing_names_the_first_pairs() -> None:
    with pytest.raises(
        UserError,
        match=r"^data.leaks=refuse: images are in two parts \(train and test, .* nearly so: "
        r"train/0.jpg = test/0.jpg, train/1.jpg = test/1.jpg, train/2.jpg = test/2.jpg and 6 more pairs",
    ):
        checked_for_leaks(leaky(), "refuse")
    with pytest.raises(UserError, match="image 0 of train = image 0 of test"):
        checked_for_leaks(leaky(named=False), "refuse")


def test_a_class_that_only_leaks_cannot_be_dropped() -> None:
    images = arrays(PHOTOS)
    data = dataset(images[:2], images[2:8], np.concatenate([images[1:2], images[10:14]]))
    with pytest.raises(UserError, match="data.leaks=drop: leaves no training image of class b; all of them are in"):
        checked_for_leaks(data, "drop")
    with pytest.raises(UserError, match="data.leaks=drop: leaves no image in train"):
        checked_for_leaks(dataset(images[:2], images[2:8], images[:5]), "drop")


def test_a_class_that_validation_loses_is_said() -> None:
    images = arrays(PHOTOS)
    data = dataset(images[:8], images[20:22], images[[30, 21, 31]])  # the validation part's only one of class b
    after = checked_for_leaks(data, "drop")
    assert after.validation.labels.tolist() == [0]
    assert after.notes[-1].startswith("The validation part has no example of class b, so")


def test_copies_in_one_part_are_no_leak() -> None:
    images = arrays(PHOTOS)
    data = dataset(np.concatenate([images[:10], images[:10]]), images[20:24], images[[30, 30, 31]])
    assert checked_for_leaks(data, "refuse").leaks == ()


def test_where_the_test_part_validates_it_is_compared_once() -> None:
    images = arrays(PHOTOS)
    raw = RawData("mine", "file", images[:20], np.arange(20) % 2, images[10:30], np.arange(20) % 2)
    data = split(raw, validation="test", split_seed=0)
    after = checked_for_leaks(data, "drop")
    assert after.leaks is not None
    assert len(after.leaks) == 10
    assert len(after.train) == 10
    assert after.validation is after.test


def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(UserError, match="data.leaks=ignore: is not one of warn, drop, refuse"):
        checked_for_leaks(leaky(), "ignore")


@pytest.mark.parametrize("grey", [False, True])
def test_a_page_shows_pairs_and_a_table_lists_them(grey: bool, tmp_path: Path) -> None:
    images = arrays(PHOTOS, grey=grey)
    leaks = checked_for_leaks(dataset(images[:40], images[40:45], images[:30]), "warn").leaks
    assert leaks is not None
    assert sum(leak.images is not None for leak in leaks) == 24
    shown = page(leaks)
    assert min(shown.size) > 500
    write_leaks(tmp_path / "tables", leaks)
    with (tmp_path / "tables" / "leaks.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert rows[7]["file"] == "train/7.jpg"
    assert rows[7]["other_file"] == "test/7.jpg"
    write_leaks(tmp_path / "none", ())
    assert not (tmp_path / "none").exists()


def test_a_run_says_so_and_leaves_a_table_and_a_picture(
    workplace: Path, digits: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = digits
    np.savez("mine.npz", x_train=images[:400], y_train=labels[:400], x_test=images[390:450], y_test=labels[390:450])
    words = [word for word in TINY if not word.startswith("data")]
    assert train_here("data=file", "data.path=mine.npz", "hydra.run.dir=run", *words) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "10 of 60 test images (16.7%) are among the images to" in said
    assert (workplace / "run" / "pictures" / "leaks.png").stat().st_size > 1000
    assert len((workplace / "run" / "tables" / "leaks.csv").read_text().splitlines()) == 11
    assert train_here("data=file", "data.path=mine.npz", "data.leaks=refuse", "hydra.run.dir=other", *words) == 2
    assert not (workplace / "other").exists()
