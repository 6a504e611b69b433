"""Which images a command means."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from locexp.prediction.output import picture_paths
from locexp.prediction.sources import Collected, Source, collect


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of photos, which is the current one, with others among them."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.PNG", "below/a.jpg", "below/deep er/c[1].webp", ".hidden/d.jpg", "below/.e.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(path)
    (tmp_path / "photos" / "labels.txt").touch()
    return tmp_path


def files(collected: Collected) -> list[str]:
    return [source.file for source in collected.sources]


ALL = ["photos/a.jpg", "photos/b.PNG", "photos/below/a.jpg", "photos/below/deep er/c[1].webp"]


def test_a_folder_has_all_images_below_it(place: Path) -> None:
    found = collect(["photos"])
    assert files(found) == ALL
    assert found.notes == ["photos: 1 file without the suffix of an image left out."]
    assert not found.failures


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("photos/*", [*ALL[:2], "photos/labels.txt"]),
        ("photos/**/*.jpg", [ALL[0], ALL[2]]),
        ("photos/below/deep er/c[1].webp", ALL[3:]),  # a file of this name is that file
        ("photos/**/c*", ALL[3:]),
    ],
)
def test_patterns_are_expanded(place: Path, pattern: str, expected: list[str]) -> None:
    assert files(collect([pattern])) == expected


def test_an_image_counts_once(place: Path) -> None:
    assert files(collect(["photos/b.PNG", "photos", "photos/*.jpg"])) == [ALL[1], ALL[0], *ALL[2:]]


def test_what_names_no_image_is_told(place: Path) -> None:
    (place / "empty").mkdir()
    found = collect(["photos/a.jpg", "none.jpg", "x/*.jpg", "empty"])
    assert files(found) == ["photos/a.jpg"]
    assert [(one.file, one.why) for one in found.failures] == [
        ("none.jpg", "there is no such file"),
        ("x/*.jpg", "no file matches"),
        ("empty", "this folder holds no image"),
    ]


def test_pictures_that_were_left_in_the_folder_are_not_taken(place: Path) -> None:
    assert files(collect(["photos"], place / "photos" / "below")) == ALL[:2]


def test_names_that_are_not_utf8(place: Path) -> None:
    name = os.fsdecode(b"photos/\xff.jpg")
    os.rename("photos/a.jpg", name)
    assert name in files(collect(["photos"]))
    assert files(collect([name])) == [name]


def test_pictures_never_share_a_name(place: Path) -> None:
    sources = collect(["photos/below", "photos/a.jpg", "photos/b.PNG"]).sources
    sources += [
        Source("x/A.jpeg", sources[-1].place.with_name("A")),
        Source("a-2.jpg", sources[-1].place.with_name("a-2")),
    ]
    found = [str(path.relative_to("out")) for path in picture_paths(Path("out"), sources)]
    assert found == ["a.jpg", "deep er/c[1].png", "a-2.jpg", "b.png", "A-3.jpg", "a-2-2.jpg"]


@pytest.mark.parametrize(
    ("array", "count", "shape"),
    [
        (np.zeros((3, 5, 7), np.uint8), 3, (5, 7)),
        (np.zeros((3, 5, 7, 1), np.uint8), 3, (5, 7)),
        (np.arange(210, dtype=np.uint8).reshape(2, 5, 7, 3), 2, (5, 7, 3)),
        (np.zeros((5, 7), np.uint8), 1, (5, 7)),
        (np.arange(105, dtype=np.uint8).reshape(5, 7, 3), 1, (5, 7, 3)),
        (np.linspace(0, 1, 105).reshape(3, 5, 7), 3, (5, 7)),
    ],
)
def test_arrays(place: Path, array: np.ndarray, count: int, shape: tuple[int, ...]) -> None:
    np.save("x.npy", array)
    found = collect(["x.npy"])
    assert not found.failures
    assert [source.index for source in found.sources] == list(range(count))
    for source in found.sources:
        assert source.image is not None
        assert (source.image.shape, source.image.dtype) == (shape, np.uint8)
    assert [str(path) for path in picture_paths(Path("out"), found.sources)][:1] == ["out/x-0.png"]


def test_of_an_archive_the_images_to_test_on(place: Path) -> None:
    x = np.arange(4, dtype=np.uint8).reshape(4, 1, 1)
    np.savez("x.npz", x_train=x, y_train=x[:, 0, 0], x_test=x[:2], y_test=x[:2, 0, 0])
    found = collect(["x.npz"])
    assert len(found.sources) == 2
    assert found.notes[0].endswith("the images are those of x_test.")
    np.savez("one.npz", anything=x)
    assert len(collect(["one.npz"]).sources) == 4


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (lambda: np.save("x.npy", np.array([{}], object), allow_pickle=True), "pickled objects"),
        (lambda: Path("x.npy").write_bytes(b"\x93NUMPY nothing"), "truncated or corrupt"),
        (lambda: np.save("x.npy", np.full((2, 4, 4), np.nan)), "NaN"),
        (lambda: np.save("x.npy", np.zeros((0, 3, 3), np.uint8)), "expected"),
        (lambda: np.savez("x.npz", a=np.zeros((1, 2, 2)), b=np.zeros((1, 2, 2))), "expected one array"),
        (lambda: np.save("x.npy", np.array(["a"])), "expected"),
    ],
)
def test_an_array_that_cannot_be_used_is_told(place: Path, save: object, message: str) -> None:
    assert callable(save)
    save()
    (failure,) = collect([str(next(Path().glob("x.np*")))]).failures
    assert message in failure.why
    assert not failure.why.startswith(("array", "x."))
