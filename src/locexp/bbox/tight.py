"""``bbox=tight``: the box of the ink."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge

from locexp.bbox.as_given import AsGiven, Boxed
from locexp.bbox.draws import Key
from locexp.bbox.generated import normalised
from locexp.bbox.geometry import Threshold, ink_boxes, normalise
from locexp.bbox.noise import Noise, NoiseLevel
from locexp.bbox.resampling import STEPS, drawn_boxes
from locexp.bbox.scenes import Scenes
from locexp.bbox.warping import Augment, partly_sharp, shifts, warped, warps
from locexp.bounds import checked
from locexp.errors import ImagesError

Margin = Annotated[int, Ge(0)]


class Tight(AsGiven):
    """The smallest half-open box that holds every pixel above a threshold.

    Args:
        threshold: a pixel is ink when its value is above this, 0 to 254.
        margin: pixels added on every side, cut at the border of the image, >= 0.
        noise, noise_level, fresh, augment: see :class:`locexp.bbox.generated.Generated`.

    Raises:
        UserError: out of range.
    """

    @checked("bbox")
    def __init__(
        self,
        threshold: Threshold = 0,
        margin: Margin = 0,
        noise: Noise = None,
        noise_level: NoiseLevel = 0.1,
        fresh: bool = False,
        augment: Augment = 0.0,
    ) -> None:
        super().__init__(noise, noise_level, fresh, augment)
        self.threshold = threshold
        self.margin = margin

    def pixel_boxes(self, images: np.ndarray, split: str) -> np.ndarray:
        """Box the ink of every image: int64 (n, 4) pixels; raises :class:`UserError` if an image has none."""
        height, width = images.shape[1:]
        boxes = ink_boxes(images, self.threshold)
        blank = np.flatnonzero(boxes[:, 2] <= boxes[:, 0])
        if len(blank):
            raise ImagesError(
                f"bbox.threshold={self.threshold}: {len(blank)} of {len(images)} {split} images ({{which}}) have no "
                "pixel above it, so they have no box; lower it or remove the images.",
                blank.tolist(),
            )
        boxes = boxes + np.array([-self.margin, -self.margin, self.margin, self.margin])
        return np.asarray(np.clip(boxes, 0, [width, height, width, height]))

    def boxes(self, images: np.ndarray, split: str) -> np.ndarray:
        """Return the same boxes normalised: float32 (n, 4)."""
        height, width = images.shape[1:]
        return normalise(self.pixel_boxes(images, split), width, height).astype(np.float32)

    def recipe(self, source: Boxed, indices: np.ndarray, key: Key, split: str) -> Scenes:
        """Pick images, warp those to train on, and box what is drawn."""
        if not self.is_warped(split):
            return super().recipe(source, indices, key, split)
        images = source.images[indices]
        canvas = int(source.images.shape[2]), int(source.images.shape[1])
        corner = np.zeros((len(indices), 2), np.int32)
        box = drawn_boxes(images, corner, 0).astype(np.int64)
        warp, moves = partly_sharp(key, warps(key, self.augment), shifts(key, self.augment))
        centers = (box[:, :2] + box[:, 2:]) * (STEPS // 2)
        # The ink stays on the image, as far as there is room for it.
        half = warp.extents(box[:, 2:] - box[:, :2]) >> 3
        whole = np.array(canvas) * STEPS
        half = np.minimum(half, whole // 2)
        drawn = np.minimum(np.maximum(centers + moves, half), whole - half)
        images = warped(images, warp, centers, drawn, canvas)
        boxes = drawn_boxes(images, corner, self.threshold)
        if self.margin:
            grown = boxes + np.array([-1, -1, 1, 1], np.int32) * np.int32(self.margin)
            boxes = np.clip(grown, np.int32(0), np.array(canvas * 2, np.int32))
        return Scenes(images, normalised(boxes, canvas))
