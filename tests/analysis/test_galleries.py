"""What a report shows of test images: each once, the best settings first, and only as much as a page can hold."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from locexp.analysis.galleries import MAX_GALLERIES, read_galleries
from locexp.records.record import RunRecord
from tests.analysis.reports import compared, files_of, report, weight_sweep

MOST = 2_500_000
"""Bytes of a report, as the project promises."""
ROOM = 1_600_000
MANY = tuple(str(weight) for weight in np.geomspace(0.01, 1000, 24).round(4).tolist())


def test_settings_of_one_data_set_share_its_images() -> None:
    galleries = read_galleries(compared(weight_sweep()), files_of(), room=ROOM)
    assert [gallery.setting for gallery in galleries.shown] == [3, 2, 1, 0]  # the best on validation first
    assert [gallery.image_set for gallery in galleries.shown] == [0, 0, 0, 0]
    assert (len(galleries.image_sets), galleries.missing) == (1, [])
    assert len({tuple(gallery.samples.predictions) for gallery in galleries.shown if gallery.samples}) == 4


def test_settings_with_other_images_have_their_own() -> None:
    galleries = read_galleries(compared(weight_sweep()), files_of(sets=2), room=ROOM)
    assert [gallery.image_set for gallery in galleries.shown] == [0, 1, 0, 1]
    assert len(galleries.image_sets) == 2


def test_an_old_run_still_shows_its_picture() -> None:
    """Of locexp 0.1, with no samples; beside newer ones."""

    def read(record: RunRecord, path: str) -> bytes | None:
        if record.tags["sweep_job"] != "3":
            return files_of()(record, path)
        return b"a picture" if path == "pictures/gallery_random.png" else None

    first, *others = read_galleries(compared(weight_sweep()), read, room=ROOM).shown
    assert (first.picture, first.samples, first.image_set) == (b"a picture", None, None)
    assert all(other.samples is not None for other in others)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("samples.csv", b""),
        ("samples.csv", b"index,file\n0,\n"),
        ("samples.csv", b"\xff\xfe"),
        ("samples.webp", b"GIF89a"),
        ("samples.webp", b""),
    ],
)
def test_files_that_cannot_be_read_are_said_to_be_missing(name: str, content: bytes) -> None:
    def read(record: RunRecord, path: str) -> bytes | None:
        return content if path.endswith(name) else files_of()(record, path)

    galleries = read_galleries(compared(weight_sweep(("1", "2"))), read, room=ROOM)
    assert galleries.shown == []
    assert galleries.missing == ["There is no gallery of: bbox_weight=2, bbox_weight=1."]


def test_pictures_that_are_too_large_together_are_left_out_the_worst_first() -> None:
    def read(record: RunRecord, path: str) -> bytes | None:
        return bytes(500_000) if path.endswith(".png") else None

    galleries = read_galleries(compared(weight_sweep()), read, room=ROOM)
    assert [gallery.setting for gallery in galleries.shown] == [3, 2]
    assert galleries.missing == [
        "Galleries are shown for the 2 settings best on validation; those of the other 2 are with their runs."
    ]


def test_there_are_at_most_so_many_galleries() -> None:
    weights = [str(weight) for weight in range(1, MAX_GALLERIES + 3)]
    galleries = read_galleries(compared(weight_sweep(weights, seeds=1)), files_of(), room=ROOM)
    assert len(galleries.shown) == MAX_GALLERIES
    assert "those of the other 2 are with their runs" in galleries.missing[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["digits", "photos", "photos of several sets", "old pictures"])
def test_a_report_of_144_runs_is_small(tmp_path: Path, kind: str) -> None:
    """24 settings of six seeds, with a gallery of 24 images each."""
    read = files_of(epochs=50, count=24)
    if kind == "old pictures":
        noise = np.random.default_rng(0).integers(0, 256, (150, 170, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(noise).save(stream, "PNG")

        def read(record: RunRecord, path: str) -> bytes | None:
            is_sample = path.startswith("pictures/samples")
            return stream.getvalue() if path.endswith(".png") else None if is_sample else files_of()(record, path)

    elif kind != "digits":
        read = files_of(epochs=50, count=24, side=96, channels=3, sets=8 if "several" in kind else 1)
    page = report(tmp_path, weight_sweep(MANY, seeds=6), default=f"w{MANY[5]}", read=read)
    assert page.stat().st_size <= MOST
    if kind == "digits":
        assert page.read_text(encoding="utf-8").count('class="tile') == 24 * 24


@pytest.mark.slow
def test_galleries_give_way_to_what_else_is_on_the_page(tmp_path: Path) -> None:
    """400 settings of 60 epochs, with photos for a gallery each."""
    weights = [f"{weight:.5g}" for weight in np.geomspace(1e-3, 1e3, 400)]
    read = files_of(epochs=60, count=24, side=96, channels=3, sets=24)
    page = report(tmp_path, weight_sweep(weights, seeds=1), default=f"w{weights[5]}", read=read)
    assert 0.75 * MOST < page.stat().st_size <= MOST
    assert 'class="tile' in page.read_text(encoding="utf-8")
