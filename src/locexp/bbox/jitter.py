"""``bbox=jitter``: tight boxes with label noise."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Interval, doc

from locexp.bbox.as_given import Boxed
from locexp.bbox.draws import JITTER, Key, below, draws
from locexp.bbox.generated import Generated, normalised
from locexp.bbox.geometry import Threshold
from locexp.bbox.noise import Noise, NoiseLevel
from locexp.bbox.scenes import Scenes
from locexp.bbox.tight import Margin, Tight
from locexp.bounds import checked
from locexp.errors import UserError

UNITS = 256
"""Steps of a pixel in which boxes move."""

Pixels = Annotated[float, Interval(ge=0, le=1024), doc("a number from 0 to the width of a box")]


class Jitter(Tight):
    """Tight boxes whose four sides are each moved by a uniform number of pixels, as a careless labeller would.

    Boxes stay on the canvas and at least a pixel wide and high: a side moves by (side - 1)/2 at most. The scenes have
    the clean boxes too, and evaluation shows both.

    Args:
        pixels: how far a side moves at most, >= 0 and no more than the (median) shorter side of the boxes.
        threshold, margin, noise, noise_level, fresh: see :class:`locexp.bbox.tight.Tight`.

    Raises:
        UserError: out of range.
    """

    @checked("bbox")
    def __init__(
        self,
        pixels: Pixels = 1.0,
        threshold: Threshold = 0,
        margin: Margin = 0,
        noise: Noise = None,
        noise_level: NoiseLevel = 0.1,
        fresh: bool = False,
    ) -> None:
        super().__init__(threshold, margin, noise, noise_level, fresh)
        self.pixels = pixels

    def prepare(self, images: np.ndarray, split: str) -> Boxed:
        """Box the ink, in whole pixels; raises :class:`UserError` if the jitter is larger than the boxes."""
        boxes = self.pixel_boxes(images, split)
        shorter = float(np.median((boxes[:, 2:] - boxes[:, :2]).min(axis=1)))
        if self.pixels > shorter:
            raise UserError(
                f"bbox.pixels={self.pixels}: is more than the boxes are wide; expected at most {shorter:g}, the median "
                f"of the shorter sides of the {split} boxes."
            )
        return Boxed(images, boxes.astype(np.int32))

    def compose(self, images: np.ndarray, *, split: str, scene_seed: int, epoch: int = 0) -> Scenes:
        """Make the scenes of a split; raises :class:`UserError`."""
        return Generated.compose(self, images, split=split, scene_seed=scene_seed, epoch=epoch)

    def recipe(self, source: Boxed, indices: np.ndarray, key: Key, split: str) -> Scenes:
        """Move the sides; see :meth:`locexp.bbox.generated.Generated.recipe`."""
        canvas = int(source.images.shape[2]), int(source.images.shape[1])
        boxes = source.boxes[indices].astype(np.int64)
        sides = boxes[:, 2:] - boxes[:, :2]
        most = np.minimum(np.int64(round(self.pixels * UNITS)), (sides - 1) * (UNITS // 2))
        drawn = draws(key, JITTER, 4)
        moved = np.stack([boxes[:, side] * UNITS - most[:, side % 2] for side in range(4)], axis=-1)
        moved = moved + np.stack([below(drawn[:, side], 2 * most[:, side % 2] + 1) for side in range(4)], axis=-1)
        moved = np.clip(moved, np.int64(0), np.array(canvas * 2) * UNITS)
        images = source.images[indices]
        return Scenes(images, normalised(moved, canvas, UNITS), clean_boxes=normalised(boxes, canvas))
