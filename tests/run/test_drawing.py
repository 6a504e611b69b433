"""Pictures drawn by another process are those that this one draws, and none is lost with it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from locexp.evaluation.metrics import Predictions
from locexp.plots.mosaic import Mosaic, rows_of
from locexp.run.drawing import Drawer, Pictures, draw_here

CANVAS = (28, 28)
HISTORY = [
    {
        "epoch": float(epoch),
        "weights/classification": 1.0,
        "weights/bbox": 0.5,
        **{
            f"{part}/{name}": 0.1 * epoch
            for part in ("train", "val")
            for name in ("accuracy", "mean_iou", "loc_acc_50", "classification_loss", "bbox_loss", "center_error_px")
        },
    }
    for epoch in (1, 2)
]


def _asked(directory: Path) -> Pictures:
    random = np.random.default_rng(0)
    count = 30
    truth = np.sort(random.random((count, 2, 2)), axis=1).reshape(count, 4)
    test = Predictions(
        probabilities=random.dirichlet(np.ones(10), count),
        boxes=np.clip(truth + random.normal(0, 0.05, truth.shape), 0, 1),
        labels=random.integers(0, 10, count),
        truth=truth,
        classification_loss=random.random(count),
        bbox_loss=random.random(count),
        canvas=CANVAS,
    )
    return Pictures(directory, random.integers(0, 255, (count, 28, 28), np.uint8), test, HISTORY, 2, 0.5)


def _contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("processes", [1, 2])
def test_other_processes_draw_the_same_pictures(processes: int, tmp_path: Path) -> None:
    here, *others = (tmp_path / name for name in ("here", "first", "second", "third"))
    missing = draw_here(_asked(here)).result()
    with Drawer(processes) as drawer:
        drawn = [drawer.draw(_asked(directory)) for directory in others]
        assert [future.result(60) for future in drawn] == [missing] * 3
    ended = [artist.process.returncode for artist in drawer.artists if artist.process is not None]
    assert ended == [0] * processes
    assert len(_contents(here)) >= 5
    for directory in others:
        assert _contents(directory) == _contents(here)


def test_what_goes_wrong_there_is_raised_here_and_the_next_is_drawn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with Drawer() as drawer:
        failed, drawn = drawer.draw(_asked(tmp_path / "file")), drawer.draw(_asked(tmp_path / "next"))
        with pytest.raises(RuntimeError, match="could not be drawn: FileExistsError"):
            failed.result(60)
        assert "Traceback" in caplog.text
        drawn.result(60)
    assert (tmp_path / "next" / "sample.png").is_file()


def test_ctrl_c_is_not_for_the_process_that_draws(tmp_path: Path) -> None:
    with Drawer() as drawer:
        (process,) = [artist.process for artist in drawer.artists]
        assert process is not None
        assert os.getpgid(process.pid) != os.getpgid(0)  # a terminal's Ctrl-C goes to a whole group
        drawer.draw(_asked(tmp_path)).result(60)


def test_a_process_that_is_killed_is_replaced_by_this_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Drawer() as drawer, caplog.at_level(logging.WARNING):
        drawer.draw(_asked(tmp_path / "before")).result(60)
        (artist,) = drawer.artists
        assert artist.process is not None
        artist.process.kill()
        drawer.draw(_asked(tmp_path / "after")).result(60)
        assert artist.process is None
    assert "drawn by this one" in caplog.text
    assert _contents(tmp_path / "after") == _contents(tmp_path / "before")


def test_boxes_are_drawn_on_the_edges_of_their_pixels() -> None:
    images = np.zeros((3, 14, 14), np.uint8)
    images[:, 3:7, 2:9] = 200
    mosaic = Mosaic(images, "three", rows=[("", 2), ("below", 1)], caption_lines=1)
    mosaic.outline(2, (2, 3, 9, 7), "#ff0000", width=1)
    page = np.asarray(mosaic.page).astype(int)
    red = np.argwhere((page == (255, 0, 0)).all(axis=2))
    bright = np.argwhere((page == 200).all(axis=2))
    # The third image is the first of the second row; its bright pixels are all that is left of 4 x 7 enlarged ones.
    last = bright[bright[:, 0] >= red[:, 0].min()]
    scale = 196 // 14
    assert (red.max(axis=0) - red.min(axis=0)).tolist() == [4 * scale, 7 * scale]
    assert np.abs(red.min(axis=0) - last.min(axis=0)).max() <= 1


def test_a_page_of_one_image_is_wide_enough_for_its_title() -> None:
    title = "The 1 most confident mistakes on the test images"
    mosaic = Mosaic(np.zeros((1, 28, 28), np.uint8), title, rows=rows_of(1, 6), caption_lines=2)
    dark = np.argwhere(np.asarray(mosaic.page.convert("L"))[:30] < 128)
    assert dark[:, 1].min() > 0
    assert dark[:, 1].max() < mosaic.page.width - 1
    assert mosaic.page.width > 300


def test_a_page_without_any_image_still_says_so() -> None:
    mosaic = Mosaic(np.zeros((0, 28, 28), np.uint8), "empty", rows=[("none of 5", 0)], caption_lines=2)
    assert (np.asarray(mosaic.page.convert("L")) < 128).any()


def test_rows_hold_all_images_in_order() -> None:
    assert rows_of(7, 3) == [("", 3), ("", 3), ("", 1)]
    assert rows_of(2, 3) == [("", 2)]
