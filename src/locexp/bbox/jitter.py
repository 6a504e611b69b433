"""``bbox=jitter``: tight boxes with label noise."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Interval, doc

from locexp.bbox.draws import JITTER, RandomKey, below, draws
from locexp.bbox.geometry import Threshold, normalise
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
        pixels: the most that a side moves, >= 0 and no more than the (median) shorter side of the boxes.
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

    def prepare(self, images: np.ndarray, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Box the ink, in whole pixels; raises :class:`UserError` if the jitter is larger than the boxes."""
        boxes = self.pixel_boxes(images, split)
        check_room("pixels", self.pixels, boxes, split)
        return images, boxes

    def recipe(self, source: tuple[np.ndarray, np.ndarray], indices: np.ndarray, key: RandomKey, split: str) -> Scenes:
        """Move the sides; see :meth:`locexp.bbox.generated.Generated.recipe`."""
        images, boxes = (array[indices] for array in source)
        canvas = images.shape[2], images.shape[1]
        moved = jittered(key, boxes, self.pixels, canvas)
        given, clean = (normalise(sides, *canvas).astype(np.float32) for sides in (moved, boxes))
        return Scenes(images, given, clean_boxes=clean)


def check_room(name: str, pixels: float, boxes: np.ndarray, split: str) -> None:
    """Check that jitter is no larger than the (median) shorter side of boxes (n, 4) in pixels.

    Raises:
        UserError: it is; the message names the key ``bbox.NAME``.
    """
    shorter = float(np.median((boxes[:, 2:] - boxes[:, :2]).min(axis=1)))
    if pixels > shorter:
        raise UserError(
            f"bbox.{name}={pixels}: is more than the boxes are wide; expected at most {shorter:g}, the median of the "
            f"shorter sides of the {split} boxes."
        )


def jittered(key: RandomKey, boxes: np.ndarray, pixels: float, canvas: tuple[int, int]) -> np.ndarray:
    """Return boxes with each side moved by up to ``pixels``: float64 (n, 4), on the canvas, at least a pixel wide.

    Args:
        key: of the examples.
        boxes: half-open xyxy in pixels, (n, 4). One narrower than a pixel stays as wide as it is.
        pixels: the most that a side moves, in steps of 1/256.
        canvas: (width, height) in pixels.
    """
    room = np.floor((boxes[:, 2:] - boxes[:, :2] - 1) * (UNITS // 2)).astype(np.int64)
    reach = np.tile(np.clip(room, 0, round(pixels * UNITS)), 2)
    moves = below(draws(key, JITTER, 4), 2 * reach + 1) - reach
    return np.clip(boxes + moves / UNITS, 0, canvas * 2)
