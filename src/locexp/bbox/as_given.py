"""What strategies have in common whose scenes are the images as they come, but for noise."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from locexp.bbox.draws import Key
from locexp.bbox.generated import Generated
from locexp.bbox.scenes import Scenes


@dataclass(frozen=True)
class Boxed:
    """Images (uint8 (n, height, width)) and their boxes (n, 4)."""

    images: np.ndarray
    boxes: np.ndarray


class AsGiven(Generated):
    """A strategy that only says where the box is. See :class:`locexp.bbox.generated.Generated` for the arguments."""

    @abstractmethod
    def boxes(self, images: np.ndarray, split: str) -> np.ndarray:
        """Return normalised boxes, float32 (n, 4); raises :class:`UserError`."""

    def prepare(self, images: np.ndarray, split: str) -> Boxed:
        """Return images and boxes."""
        return Boxed(images, self.boxes(images, split))

    def scene_pixels(self, source: Boxed) -> int:
        """Return how many pixels an image has."""
        return int(source.images.shape[1] * source.images.shape[2])

    def recipe(self, source: Boxed, indices: np.ndarray, key: Key, split: str) -> Scenes:
        """Pick images and boxes; see :meth:`locexp.bbox.generated.Generated.recipe`."""
        return Scenes(source.images[indices], source.boxes[indices])

    def compose(self, images: np.ndarray, *, split: str, scene_seed: int, epoch: int = 0) -> Scenes:
        """Make the scenes of a split; where they stay as they come, its images are handed on, not copied."""
        if self.noise is None and not self.is_warped(split):
            return Scenes(images, self.boxes(images, split))
        return super().compose(images, split=split, scene_seed=scene_seed, epoch=epoch)
