"""Bad keys of the strategies: what was given and what is allowed, before anything is written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from locexp.bbox.clutter import Clutter
from locexp.bbox.jitter import Jitter
from locexp.bbox.scatter import Scatter
from locexp.configuration.compose import composing
from locexp.errors import UserError
from tests.conftest import TINY, train_here

REFUSED = {
    "bbox=scatter bbox.canvas=[64]": "bbox.canvas=[64]: expected [width, height] in pixels, each from 8 to 1024",
    "bbox=scatter bbox.canvas=[64,7]": "bbox.canvas=[64, 7]: expected",
    "bbox=scatter bbox.canvas=[64,2000]": "each from 8 to 1024",
    "bbox=scatter bbox.canvas=[64,32.5]": "[width, height] in pixels, each from 8 to 1024, but item 2 is 32.5.",
    "bbox=scatter bbox.scale=[0,1]": "bbox.scale=[0, 1]: expected [lowest, highest], 0.1 <= lowest",
    "bbox=scatter bbox.scale=[-1,1]": "bbox.scale=[-1, 1]: expected",
    "bbox=scatter bbox.scale=[1.5,.5]": "bbox.scale=[1.5, 0.5]: expected [lowest, highest]",
    "bbox=scatter bbox.scale=[1,2,3]": "expected [lowest, highest]",
    "bbox=scatter bbox.scale=[1,11]": "highest <= 10",
    "bbox=scatter bbox.overhang=.6": "bbox.overhang=0.6: expected a number from 0 to 0.5",
    "bbox=scatter bbox.overhang=-.1": "bbox.overhang=-0.1: expected",
    "bbox=scatter bbox.threshold=255": "bbox.threshold=255: expected a whole number from 0 to 254",
    "bbox=scatter bbox.fresh=maybe": "bbox.fresh=maybe: expected true or false",
    "bbox=scatter bbox.scene_seed=-1": "bbox.scene_seed=-1: expected",
    "bbox=scatter bbox.distractors=4": "bbox.distractors",
    "bbox=clutter bbox.distractors=-1": "bbox.distractors=-1: expected a whole number from 0 to 1000",
    "bbox=clutter bbox.distractor_size=0": "bbox.distractor_size=0: expected a whole number from 1 to 60",
    "bbox=clutter bbox.distractor_size=61": "bbox.distractor_size=61: expected",
    "bbox=jitter bbox.pixels=-1": "bbox.pixels=-1: expected a number from 0",
    "bbox=scatter bbox.fresh=true bbox.augment=1.5": "bbox.augment=1.5: expected a number from 0 (none) to 1",
    "bbox=clutter bbox.fresh=true bbox.augment=-.1": "bbox.augment=-0.1: expected",
    "bbox=tight bbox.augment=1": "expected bbox.fresh=true beside it",
    "bbox=tight bbox.noise=gauss": "bbox.noise=gauss: expected one of gaussian, salt, or null. Did you mean",
    "bbox=tight bbox.noise_level=-.1": "bbox.noise_level=-0.1: expected a number from 0 to 1",
    "bbox=fixed bbox.noise_level=1.1": "bbox.noise_level=1.1: expected a number from 0 to 1",
    "bbox=jitter bbox.noise=salt bbox.noise_level=nan": "bbox.noise_level=nan: expected",
}


@pytest.mark.parametrize("words", REFUSED)
def test_refused_before_any_data_is_read(words: str) -> None:
    with composing() as composer, pytest.raises(UserError, match=re.escape(REFUSED[words])):
        composer.compose(words.split())


@pytest.mark.parametrize("name", ["fixed", "tight", "jitter", "scatter", "clutter"])
def test_the_files_as_they_stand_are_accepted(name: str) -> None:
    with composing() as composer:
        cfg = composer.compose([f"bbox={name}"]).cfg
    assert (cfg.bbox.noise, cfg.bbox.fresh, cfg.bbox.scene_seed) == (None, False, 0)


def compose(made: Scatter | Jitter, images: np.ndarray) -> None:
    made.compose(images, split="train", scene_seed=0)


def test_refused_once_the_images_are_known(strokes: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"image of 28x28 pixels at the largest scale.*canvas of 40x64.*at most 1.413,"):
        compose(Scatter(canvas=(40, 64)), strokes)
    compose(Scatter(canvas=(40, 64), scale=(0.5, 1.413)), strokes)
    with pytest.raises(UserError, match=r"canvas of 20x20.*at most 0.714,"):
        compose(Scatter(canvas=(20, 20)), strokes)
    with pytest.raises(UserError, match=r"nothing is left of 57 of 64 train digits .* expected a higher lowest scale"):
        compose(Scatter(scale=(0.1, 0.1)), np.minimum(strokes, 1))
    with pytest.raises(UserError, match=r"bbox.distractor_size=29: expected at most 28"):
        compose(Clutter(distractor_size=29), strokes)
    with pytest.raises(UserError, match=r"bbox.distractors=4: .* only one train image"):
        compose(Clutter(), strokes[:1])
    with pytest.raises(UserError, match=r"bbox.pixels=9: is more than the boxes are wide; expected at most"):
        compose(Jitter(9), strokes)
    with pytest.raises(UserError, match=r"bbox: 1 of 64 train images \(the first is number 9\) is all 0"):
        compose(Scatter(), np.where(np.arange(64)[:, None, None] == 9, 0, strokes).astype(np.uint8))


def test_the_command_ends_with_status_2_and_writes_nothing(workplace: Path) -> None:
    assert train_here(*TINY, "bbox=scatter", "bbox.canvas=[30,30]") == 2
    assert not list(workplace.iterdir())
