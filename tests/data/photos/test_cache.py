"""The second command finds its photos on their canvas: for the same contents, whatever the files are called."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from locexp.data.arrays import RawData
from locexp.data.photos import cache as cache_module
from locexp.data.photos import decode
from locexp.errors import UserError
from tests.data.photos.folders import Folder, drawn, marked


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are decoded, as they are."""
    names: list[str] = []
    pixels = decode.pixels

    def counting(path: Path, *arguments: object) -> decode.Pixels:
        names.append(path.name)
        return pixels(path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(decode, "pixels", counting)
    return names


@pytest.fixture
def filled(folder: Folder) -> Folder:
    for index in range(3):
        folder.add(f"{index}.jpg", marked(), image=drawn((64, 48 + index), (200, 40 * index, 40)))
    folder.add("bad.jpg", marked(), image=b"bad")
    return folder


def same(one: RawData, other: RawData) -> bool:
    placements = [raw.annotations["train"].placement for raw in (one, other)]
    assert placements[0] is not None
    assert placements[1] is not None
    return (
        np.array_equal(one.train_images, other.train_images)
        and np.array_equal(one.annotations["train"].boxes, other.annotations["train"].boxes)
        and np.array_equal(placements[0].scale, placements[1].scale)
        and np.array_equal(placements[0].sizes, placements[1].sizes)
        and (one.notes, one.problems) == (other.notes, other.problems)
    )


def test_photos_are_decoded_once(filled: Folder, decoded: list[str], cache: Path) -> None:
    first = filled.read(size="auto")
    assert sorted(decoded) == ["0.jpg", "1.jpg", "2.jpg"]
    decoded.clear()
    assert same(filled.read(size="auto"), first)
    for path in filled.path.iterdir():
        os.utime(path, (0, 0))
    assert same(filled.read(size="auto"), first)
    assert decoded == []
    assert len(list(cache.glob("*.npz"))) == 1


def test_moved_files_and_other_boxes_are_not_decoded_again(filled: Folder, decoded: list[str], tmp_path: Path) -> None:
    filled.read()
    decoded.clear()
    moved = Folder(tmp_path / "elsewhere")
    for image in filled.images:
        moved.add(image.path.name, marked("dog", (0, 0, 9, 9)), image=image.path.read_bytes())
    raw = moved.read()
    assert (raw.class_names, decoded) == (("dog",), [])


@pytest.mark.parametrize("change", [{"size": [40, 32]}, {"resize": "stretch"}, {"channels": 1}])
def test_what_is_asked_for_is_part_of_the_key(filled: Folder, decoded: list[str], change: dict[str, Any]) -> None:
    filled.read()
    decoded.clear()
    filled.read(**change)
    assert len(decoded) == 3


def test_a_file_with_other_content_is_seen_whatever_its_time_and_size(filled: Folder, decoded: list[str]) -> None:
    before = filled.read()
    path = filled.path / "0.jpg"
    kept, content = path.stat(), path.read_bytes()
    changed = (filled.path / "1.jpg").read_bytes()
    length = max(len(content), len(changed))
    path.write_bytes(content.ljust(length, b"\0"))
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    filled.read()
    path.write_bytes(changed.ljust(length, b"\0"))
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    after = filled.read()
    assert not np.array_equal(before.train_images[0], after.train_images[0])


@pytest.mark.parametrize("damage", ["truncated", "empty", "pickled", "other arrays"])
def test_a_damaged_entry_is_made_anew(filled: Folder, decoded: list[str], cache: Path, damage: str) -> None:
    first = filled.read()
    (entry,) = cache.glob("*.npz")
    whole = entry.read_bytes()
    if damage == "truncated":
        entry.write_bytes(whole[: len(whole) // 2])
    elif damage == "empty":
        entry.write_bytes(b"")
    elif damage == "pickled":
        np.savez(entry, **{name: np.array([{}]) for name in np.load(entry).files})  # type: ignore[arg-type]
    else:
        kept = dict(np.load(entry))
        np.savez(entry, **(kept | {"images": kept["images"][:1]}))
    decoded.clear()
    assert same(filled.read(), first)
    assert len(decoded) == 3
    decoded.clear()
    assert same(filled.read(), first)
    assert decoded == []


def test_a_cache_that_cannot_be_written_is_none(filled: Folder, cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder would be", encoding="utf-8")
    assert len(filled.read().train_images) == 3
    assert cache.read_text(encoding="utf-8") == "a file where the folder would be"


def test_old_entries_go_when_there_are_too_many(filled: Folder, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for age, side in ((30, 32), (20, 40), (10, 48)):
        before = set(cache.glob("*.npz"))
        filled.read(size=[side, side])
        (made,) = set(cache.glob("*.npz")) - before
        os.utime(made, (os.stat(made).st_mtime - age, os.stat(made).st_mtime - age))
    filled.read(size=[32, 32])  # used just now: the oldest is the next
    sizes = sorted(path.stat().st_size for path in cache.glob("*.npz"))
    monkeypatch.setattr(cache_module, "MOST_BYTES", sizes[0] + sizes[2] + 20_000)
    filled.read(size=[56, 48])
    kept = sorted(np.load(path)["images"].shape[1:3] for path in cache.glob("*.npz"))
    assert kept == [(32, 32), (48, 56)]
    assert not list(cache.glob("*partial*"))


def test_a_file_that_may_be_readable_the_next_time_is_tried_again(
    filled: Folder, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(decode, "_eight_bits", lambda image: (_ for _ in ()).throw(MemoryError))
        patch.setattr("locexp.data.photos.problems.MOST_LEFT_OUT", 1)
        with pytest.raises(Exception, match="no photo of the part to train on"):
            filled.read()
    assert len(filled.read().train_images) == 3
    shutil.rmtree(cache)


def test_a_photo_that_breaks_off_is_the_same_problem_from_the_cache(filled: Folder, cache: Path) -> None:
    """What else is wrong with it, as the box that leaves it, is not said of a photo that is left out."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    del filled.images[-1]  # bad.jpg: more than a third would be left out
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, "PNG")
    filled.add("z.png", marked(box=(-9, 0, 40, 32)), image=whole.getvalue()[:-2000])
    made = filled.read()
    assert len(list(cache.glob("*.npz"))) == 1
    assert made.problems == filled.read().problems
    assert [problem.action for problem in made.problems if problem.file == "z.png"] == ["left out"]


def test_an_entry_that_memory_has_no_room_for_is_not_loaded(filled: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    filled.read()
    free = mock.Mock(return_value=mock.Mock(available=3000))
    monkeypatch.setattr("psutil.virtual_memory", free)
    with pytest.raises(UserError, match="free memory"):
        filled.read()
