"""``bbox=tight``: the box of the ink."""

from __future__ import annotations

import numpy as np

from locexp.bbox.scenes import Scenes
from locexp.boxes import ink_boxes, normalise
from locexp.errors import UserError


class Tight:
    """The smallest half-open box that holds every pixel above a threshold.

    Args:
        threshold: a pixel is ink when its value is above this, 0 to 254.
        margin: pixels added on every side, cut at the border of the image, >= 0.

    Raises:
        UserError: out of range.
    """

    def __init__(self, threshold: int = 0, margin: int = 0) -> None:
        if not 0 <= threshold <= 254:
            raise UserError(f"bbox.threshold={threshold}: expected a whole number from 0 to 254.")
        if margin < 0:
            raise UserError(f"bbox.margin={margin}: expected a whole number >= 0.")
        self.threshold = threshold
        self.margin = margin

    def compose(self, images: np.ndarray, *, split: str, scene_seed: int) -> Scenes:
        """Box the ink of every image; raises :class:`UserError` if an image has none."""
        height, width = images.shape[1:]
        boxes = ink_boxes(images, self.threshold)
        blank = np.flatnonzero(boxes[:, 2] <= boxes[:, 0])
        if len(blank):
            raise UserError(
                f"bbox.threshold={self.threshold}: {len(blank)} of {len(images)} {split} images (the first is number "
                f"{blank[0]}) have no pixel above it, so they have no box; lower it or remove the images."
            )
        boxes = boxes + np.array([-self.margin, -self.margin, self.margin, self.margin])
        boxes = np.clip(boxes, 0, [width, height, width, height])
        return Scenes(images, normalise(boxes, width, height).astype(np.float32))
