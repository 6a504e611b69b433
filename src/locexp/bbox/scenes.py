"""What every box strategy makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Scenes:
    """Images with their boxes. All but these two may be left out.

    Attributes:
        images: uint8, (n, height, width), or in colour (n, height, width, 3).
        boxes: float32, (n, 4), half-open xyxy divided by the canvas width and height.
        clean_boxes: where ``boxes`` have label noise, the boxes without it: float32, (n, 4).
        clipped: whether some of the digit's ink lies beyond the canvas: bool, (n,).
        covered: the share of the digit's drawn ink under distractors: float32 in [0, 1], (n,).
        plain_boxes: where images were augmented, the boxes before that: float32, (n, 4).
    """

    images: np.ndarray
    boxes: np.ndarray
    clean_boxes: np.ndarray | None = None
    clipped: np.ndarray | None = None
    covered: np.ndarray | None = None
    plain_boxes: np.ndarray | None = None

    @property
    def unaugmented_boxes(self) -> np.ndarray:
        """The boxes of the data, whatever was done to them to train on: what a constant answer is the mean of."""
        return self.boxes if self.plain_boxes is None else self.plain_boxes


class Strategy(Protocol):
    """A box strategy: built from the arguments of its YAML file, which it checks itself.

    Where ``compose`` has a keyword ``annotations``, it also gets what came with the images
    (:class:`locexp.bbox.annotations.Annotations`), or ``None`` where nothing did.
    """

    def compose(self, images: np.ndarray, *, split: str, scene_seed: int) -> Scenes:
        """Turn images (uint8, (n, height, width[, 3])) of ``split`` (train, validation, test) into scenes."""
        ...


class FreshStrategy(Strategy, Protocol):
    """A strategy that can also make new training scenes in every epoch.

    Attributes:
        fresh: whether it should.
    """

    fresh: bool

    def compose(self, images: np.ndarray, *, split: str, scene_seed: int, epoch: int = 0) -> Scenes:
        """Turn images into the scenes of an epoch (from 0), all of one canvas.

        It is called on a thread while the epoch before trains, so it must depend on its arguments alone.
        """
        ...
