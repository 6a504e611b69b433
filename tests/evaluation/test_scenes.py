"""The facts that a run logs of its scenes, their page, and what a run leaves."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from locexp.bbox.clutter import Clutter
from locexp.bbox.scenes import Scenes
from locexp.evaluation.metrics import Predictions
from locexp.evaluation.scenes import against_clean, describe
from locexp.plots.scenes import page
from tests.conftest import TINY, only_run, train_here
from tests.evaluation.cases import numbered


def scenes(boxes: list[list[float]], **more: np.ndarray) -> Scenes:
    return Scenes(np.zeros((len(boxes), 10, 20), np.uint8), np.array(boxes, np.float32), **more)


def test_facts_of_plain_scenes() -> None:
    train = scenes([[0, 0, 0.1, 0.2], [0, 0, 0.2, 0.6], [0, 0, 0.3, 1.0]])
    facts = describe({"train": train, "test": scenes([[0, 0, 0.4, 0.6]])})
    assert facts["scenes/width_min"] == pytest.approx(2)
    assert facts["scenes/width_median"] == pytest.approx(4)
    assert facts["scenes/height_q95"] == pytest.approx(9.6)
    assert facts["scenes/floor_mean_iou"] == pytest.approx(0.5)  # the mean box has half the width
    assert facts["scenes/floor_centered_mean_iou"] == pytest.approx(0.5)
    assert not {"scenes/clipped", "scenes/covered", "scenes/ceiling_mean_iou"} & set(facts)


def test_facts_of_hard_scenes() -> None:
    boxes = [[0.0, 0, 0.5, 0.5]] * 4
    clean = np.array([[0, 0, 0.5, 0.5], [0, 0, 0.4, 0.5], [0, 0, 0.25, 0.5], [0, 0, 0.5, 0.2]], np.float32)
    covered = np.array([0, 0.5, 0, 0.1], np.float32)
    hard = scenes(boxes, clean_boxes=clean, clipped=np.array([True, False, False, False]), covered=covered)
    facts = describe({"train": replace(hard, clean_boxes=None), "test": replace(hard, clipped=None, covered=None)})
    assert facts["scenes/clipped"] == 0.25
    assert facts["scenes/covered"] == 0.5
    assert facts["scenes/covered_ink"] == pytest.approx(0.15)
    assert facts["scenes/ceiling_mean_iou"] == pytest.approx((1 + 0.8 + 0.5 + 0.4) / 4)
    assert facts["scenes/ceiling_loc_acc_75"] == 0.5
    assert facts["scenes/ceiling_loc_acc_50"] == 0.75


def test_predictions_are_measured_against_clean_boxes() -> None:
    one = np.zeros(2)
    noisy, clean = np.array([[0.0, 0, 0.5, 0.5]] * 2), np.array([[0, 0, 0.5, 0.25], [0, 0, 1, 0.5]], np.float32)
    said = Predictions(np.eye(2), clean.astype(float), np.array([0, 0]), noisy, one, one, (20, 10))
    found = against_clean(said, scenes([[0, 0, 0.5, 0.5]] * 2, clean_boxes=clean))
    assert found["test/clean_mean_iou"] == 1
    assert found["test/clean_loc_acc_75"] == 0.5  # the second class is wrong
    assert against_clean(said, scenes([[0, 0, 0.5, 0.5]] * 2)) == {}


def test_the_page_shows_every_pixel_and_the_box(digits: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = (part[:64] for part in digits)
    made = Clutter().compose(images, split="train", scene_seed=0)
    figure = page(made, labels, numbered(10), np.arange(5), "five")
    figure.set_dpi(120)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    axes = figure.axes[0]
    (width,) = {round(abs(side)) for side in np.diff(axes.transData.transform([(0, 0), (1, 0)])[:, 0])}
    assert width >= 8
    green = (pixels[..., 1] > pixels[..., 0] + 60) & (pixels[..., 1] > pixels[..., 2] + 60)
    lines = axes.collections[0].get_paths()
    assert len(lines) == 5
    for line in lines:  # the middle of each side is green
        corners = axes.transData.transform(line.vertices)
        for start, end in itertools.pairwise(corners):
            x, y = (start + end) / 2
            row, column = int(pixels.shape[0] - y), int(x)
            assert green[row - 3 : row + 4, column - 3 : column + 4].any()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("bbox=jitter", "bbox.pixels=2"), {"scenes/ceiling_mean_iou", "test/clean_mean_iou"}),
        (
            ("bbox=clutter", "bbox.canvas=[40,36]", "bbox.overhang=.2", "bbox.noise=salt"),
            {"scenes/clipped", "scenes/covered", "scenes/floor_mean_iou", "scenes/width_median"},
        ),
    ],
)
def test_a_run_logs_facts_and_shows_scenes_before_it_trains(
    workplace: Path, float32: None, words: tuple[str, ...], names: set[str]
) -> None:
    assert train_here(*TINY, *words) == 0
    directory = only_run(workplace)
    record = json.loads((directory / "run.json").read_text())
    assert names <= set(record["metrics"])
    first_epoch = min(path.stat().st_mtime for path in directory.glob("history*"))
    assert (directory / "pictures" / "scenes.png").stat().st_mtime < first_epoch
