"""Strategies of the user's own: an object, or any function."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locexp.bbox.given import check_scenes, strategy_of
from locexp.bbox.scenes import Scenes
from locexp.bbox.tight import Tight
from locexp.errors import UserError
from tests.conftest import TINY, only_run, train_here

OWN = """
import numpy as np
from locexp.bbox.scenes import Scenes

def corner(images, *, split, scene_seed, size=10):
    boxes = np.tile(np.float32([0, 0, size / 28, size / 28]), (len(images), 1))
    boxes[::2, 2] /= 2
    return Scenes(images, boxes)

class Nothing:
    pass
"""
IMAGES, BOXES = np.zeros((3, 28, 28), np.uint8), np.zeros((3, 4), np.float32)


@pytest.mark.slow
def test_a_function_is_a_strategy(workplace: Path, float32: None) -> None:
    (workplace / "own.py").write_text(OWN)
    (workplace / "conf" / "bbox").mkdir(parents=True)
    yaml = "_target_: own.corner\n_partial_: true\nsize: 8\n"
    (workplace / "conf" / "bbox" / "corner.yaml").write_text(yaml)
    assert train_here("--config-dir", "conf", *TINY, "bbox=corner") == 0
    metrics = json.loads((only_run(workplace) / "run.json").read_text())["metrics"]
    assert metrics["scenes/width_max"] == pytest.approx(8)
    assert metrics["scenes/width_min"] == pytest.approx(4)
    assert train_here("--config-dir", "conf", *TINY, "bbox=corner", "+bbox.sise=3") == 2
    (workplace / "conf" / "bbox" / "corner.yaml").write_text("_target_: own.Nothing\n")
    assert train_here("--config-dir", "conf", *TINY, "bbox=corner") == 2


def test_what_is_no_strategy_is_refused() -> None:
    made = Tight()
    assert strategy_of(made) is made
    with pytest.raises(UserError, match=r"gives a int; expected an object with compose"):
        strategy_of(3)


@pytest.mark.parametrize(
    ("scenes", "message"),
    [
        ((IMAGES, BOXES), "compose gives a tuple"),
        (
            Scenes(IMAGES / 255, BOXES),
            r"the test images are float64 \(3, 28, 28\); expected uint8 \(3, height, width\)",
        ),
        (Scenes(IMAGES[:2], BOXES), r"expected uint8 \(3, height"),
        (Scenes(IMAGES, BOXES[:, :3]), r"the test boxes have shape \(3, 3\); expected \(3, 4\)"),
        (Scenes(IMAGES, BOXES * np.nan), "are not all finite"),
        (Scenes(IMAGES, BOXES, clean_boxes=BOXES[:1]), r"clean boxes have shape \(1, 4\)"),
        (Scenes(IMAGES, BOXES, covered=BOXES), r"covered of the test scenes has shape \(3, 4\); expected \(3,\)"),
    ],
)
def test_what_are_no_scenes_is_refused(scenes: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_scenes(scenes, "test", 3)
