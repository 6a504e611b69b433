"""What every box strategy makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Scenes:
    """Images with their boxes.

    Attributes:
        images: uint8, (n, height, width).
        boxes: float32, (n, 4), half-open xyxy divided by the canvas width and height.
    """

    images: np.ndarray
    boxes: np.ndarray


class Strategy(Protocol):
    """A box strategy: built from the arguments of its YAML file, which it checks itself."""

    def compose(self, images: np.ndarray, *, split: str, scene_seed: int) -> Scenes:
        """Turn images (uint8, (n, height, width)) of ``split`` (train, validation, test) into scenes."""
        ...
