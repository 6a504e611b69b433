"""``bbox=tight``: the box of the ink."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Ge

from locexp.bbox.draws import RandomKey
from locexp.bbox.generated import Generated
from locexp.bbox.geometry import Threshold, ink_boxes, normalise
from locexp.bbox.noise import Noise, NoiseLevel
from locexp.bbox.resampling import STEPS, drawn_boxes
from locexp.bbox.scenes import Scenes
from locexp.bbox.warping import Augment, partly_sharp, shifts, warped, warps
from locexp.bounds import checked
from locexp.errors import ImagesError, verb

Margin = Annotated[int, Ge(0)]


class Tight(Generated):
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
        boxes = ink_boxes(images, self.threshold)
        blank = np.flatnonzero(boxes[:, 2] <= boxes[:, 0])
        if len(blank):
            have, they_have = verb(len(blank), "has", "have"), verb(len(blank), "it has", "they have")
            raise ImagesError(
                f"bbox.threshold={self.threshold}: {len(blank)} of {len(images)} {split} images ({{which}}) {have} no "
                f"pixel above it, so {they_have} no box; lower it or remove the {verb(len(blank), 'image', 'images')}.",
                blank.tolist(),
            )
        return self._with_margin(boxes, images)

    def _with_margin(self, boxes: np.ndarray, images: np.ndarray) -> np.ndarray:
        grown = boxes + np.array([-1, -1, 1, 1]) * self.margin
        return np.asarray(np.clip(grown, 0, images.shape[:0:-1] * 2))

    def prepare(self, images: np.ndarray, split: str) -> Any:
        """Box the ink; raises :class:`UserError` if an image has none."""
        boxes = normalise(self.pixel_boxes(images, split), *images.shape[:0:-1])
        return Scenes(images, boxes.astype(np.float32))

    def recipe(self, source: Any, indices: np.ndarray, key: RandomKey, split: str) -> Scenes:
        """Pick images, warp those to train on, and box what is drawn."""
        if not self.is_warped(split):
            return super().recipe(source, indices, key, split)
        images = source.images[indices]
        canvas = images.shape[2], images.shape[1]
        box = ink_boxes(images)
        warp, moves = partly_sharp(key, warps(key, self.augment), shifts(key, self.augment))
        centers = (box[:, :2] + box[:, 2:]) * (STEPS // 2)
        # The ink stays on the image, as far as there is room for it.
        whole = np.array(canvas) * STEPS
        half = np.minimum(warp.extents(box[:, 2:] - box[:, :2]) >> 3, whole // 2)
        drawn = np.clip(centers + moves, half, whole - half)
        images = warped(images, warp, centers, drawn, canvas)
        boxes = drawn_boxes(images, np.zeros((len(images), 2), np.int64), self.threshold)
        boxes = normalise(self._with_margin(boxes, images), *canvas)
        return Scenes(images, boxes.astype(np.float32))
