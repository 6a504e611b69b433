"""Scenes that are new in every epoch: what a run hands to training, for locexp's strategies and for a user's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locexp.bbox.given import fresh_scenes
from locexp.bbox.scenes import Scenes
from locexp.configuration.compose import composing
from locexp.errors import RunFailedError, UserError
from locexp.run.training_data import TrainingData, load_training_data
from tests.conftest import TINY, only_run, train_here

OWN = """
import numpy as np
from locexp.bbox.scenes import Scenes

class Rolled:
    '''Digits moved to the right by as many pixels as epochs have passed, and boxes with them.'''

    def __init__(self, fresh, log, fails=None):
        self.fresh, self.log, self.fails = fresh, log, fails

    def compose(self, images, *, split, scene_seed, epoch=0):
        with open(self.log, "a") as file:
            print(split, epoch, file=file)
        if epoch == self.fails:
            raise ValueError("no digits left")
        boxes = np.tile(np.float32([2, 4, 18, 24]) / 28, (len(images), 1))
        boxes[::2, 1] = 0
        boxes[:, ::2] += epoch / 28
        return Scenes(np.roll(images, epoch, axis=2), boxes)

class Frozen:
    fresh = True

    def compose(self, images, *, split, scene_seed):
        return Rolled(False, "log").compose(images, split=split, scene_seed=scene_seed)
"""


def training_data(*words: str) -> TrainingData:
    with composing() as composer:
        return load_training_data(composer.compose(["data=mnist_5k", "data.limit=100", *words]).cfg)


def test_frozen_scenes_are_not_made_again() -> None:
    assert training_data("bbox=scatter").fresh is None
    assert training_data("bbox=tight").fresh is None


def test_epoch_0_is_what_the_run_describes_and_later_ones_are_new() -> None:
    for words in (("bbox=clutter",), ("bbox=jitter",), ("bbox=tight", "bbox.noise=gaussian")):
        made = training_data(*words, "bbox.fresh=true")
        assert made.fresh is not None
        first, later = made.fresh(0), made.fresh(1)
        images, _, truth = made.arrays("train")
        np.testing.assert_array_equal(first.images, images)
        np.testing.assert_array_equal(first.boxes, truth)
        assert (later.images != images).any() or (later.boxes != truth).any(axis=1).all()


def test_the_digests_of_plain_boxes_are_those_of_before_noise_was_an_option() -> None:
    """Runs of earlier versions on the bundled digits stay comparable."""
    assert training_data("bbox=tight").scenes_digest[:16] == "3dd8e89bdc83c831"
    assert training_data("bbox=fixed").scenes_digest[:16] == "7a5409c841f4894f"


def test_training_sees_the_scenes_of_each_epoch() -> None:
    """The truth that comes back with the predictions is what the strategy draws for that epoch, in its order."""
    from locexp.bbox.given import strategy_of
    from locexp.configuration.instantiate import instantiate
    from locexp.run.prepare import prepare
    from locexp.training.stack import Stack

    words = ["data=mnist_5k", "data.limit=64", "bbox=scatter", "bbox.fresh=true", "model.filters=[4]"]
    with composing() as composer:
        cfg = composer.compose(words).cfg
    prepared = prepare(cfg)
    data = prepared.data
    stack = Stack([prepared.member], *data.arrays("train"), fresh=data.fresh)
    order = np.random.default_rng(0).permutation(64).astype(np.int32)
    strategy: Any = strategy_of(instantiate(cfg.bbox, "bbox", skip=("scene_seed",)))
    for epoch in (0, 3):
        scenes = strategy.compose(data.dataset.train.images, split="train", scene_seed=0, epoch=epoch)
        (made,) = stack.train_steps(order.reshape(1, 2, 32), epoch=epoch)
        np.testing.assert_array_equal(made.truth, scenes.boxes[order])
    assert not np.array_equal(made.truth, data.arrays("train")[2][order])


@pytest.mark.slow
def test_a_users_own_strategy_has_fresh_scenes_for_nothing(workplace: Path, float32: None) -> None:
    (workplace / "own.py").write_text(OWN)
    (workplace / "conf" / "bbox").mkdir(parents=True)
    log = workplace / "log"
    yaml = f"_target_: own.Rolled\nfresh: true\nlog: {log}\n"
    (workplace / "conf" / "bbox" / "rolled.yaml").write_text(yaml)
    words = ("--config-dir", "conf", *TINY, "trainer.epochs=3", "bbox=rolled")
    assert train_here(*words) == 0
    asked = log.read_text().splitlines()
    assert asked[:3] == ["train 0", "validation 0", "test 0"]
    assert asked[3:] == ["train 1", "train 2"]
    run = only_run(workplace)
    assert json.loads((run / "run.json").read_text())["metrics"]["scenes/width_max"] == pytest.approx(16)
    assert train_here(*words, "+bbox.fails=2") == 1
    records = [json.loads(path.read_text()) for path in workplace.glob("multirun/*/*/run.json")]
    (failed,) = (record for record in records if record["status"] != "FINISHED")
    assert (failed["status"], failed["error"]) == ("FAILED", "the scenes of epoch=2 failed: no digits left")
    (workplace / "conf" / "bbox" / "rolled.yaml").write_text("_target_: own.Frozen\n")
    assert train_here(*words) == 2


class Growing:
    """A strategy whose canvas grows, which no network can follow."""

    fresh = True

    def compose(self, images: np.ndarray, *, split: str, scene_seed: int, epoch: int = 0) -> Scenes:
        wide = np.pad(images, ((0, 0), (0, 0), (0, epoch)))
        return Scenes(wide, np.zeros((len(images), 4), np.float32))


class Frozen:
    """A strategy that is to make new scenes, but cannot."""

    fresh = True

    def compose(self, images: np.ndarray, *, split: str, scene_seed: int) -> Scenes:
        return Scenes(images, np.zeros((len(images), 4), np.float32))


def test_scenes_of_another_canvas_and_strategies_without_an_epoch_are_refused() -> None:
    images = np.zeros((3, 28, 28), np.uint8)
    first = Frozen().compose(images, split="train", scene_seed=0)
    grown = fresh_scenes(Growing(), images, 0, first)
    assert grown is not None
    assert grown(0).images.shape == (3, 28, 28)
    with pytest.raises(RunFailedError, match=r"epoch=2 failed: .* are \(3, 28, 30\); expected \(3, 28, 28\), as in"):
        grown(2)
    with pytest.raises(UserError, match="compose of Frozen takes no epoch"):
        fresh_scenes(Frozen(), images, 0, first)
