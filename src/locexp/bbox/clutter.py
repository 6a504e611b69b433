"""``bbox=clutter``: scatter, and patches of other digits of the same split as distractors, at random places."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from annotated_types import Interval
from numpy.lib.stride_tricks import sliding_window_view

from locexp.bbox.digits import Digits, cut_out
from locexp.bbox.draws import DISTRACTORS, RandomKey, below, draws
from locexp.bbox.geometry import Threshold
from locexp.bbox.noise import Noise, NoiseLevel
from locexp.bbox.scatter import Canvas, Overhang, Scale, Scatter
from locexp.bbox.scenes import Scenes
from locexp.bbox.warping import Augment
from locexp.bounds import checked
from locexp.errors import UserError


class Clutter(Scatter):
    """A scattered digit and square patches cut from other digits of its split; brighter pixels show over darker ones.

    With a 60x60 canvas and four 8x8 patches, the defaults, it is the cluttered MNIST of Mnih et al. 2014, 1406.6247.

    Args:
        canvas, scale, threshold, overhang, noise, noise_level, fresh, augment: see
            :class:`locexp.bbox.scatter.Scatter`.
        distractors: how many patches, 0 to 1000.
        distractor_size: their width and height in pixels, at least 1 and no larger than a digit's image.

    Raises:
        UserError: out of range.
    """

    @checked("bbox")
    def __init__(
        self,
        canvas: Canvas = (60, 60),
        scale: Scale = (1.0, 1.0),
        distractors: Annotated[int, Interval(ge=0, le=1000)] = 4,
        distractor_size: int = 8,
        threshold: Threshold = 0,
        overhang: Overhang = 0.0,
        noise: Noise = None,
        noise_level: NoiseLevel = 0.1,
        fresh: bool = False,
        augment: Augment = 0.0,
    ) -> None:
        super().__init__(canvas, scale, threshold, overhang, noise, noise_level, fresh, augment)
        if not 1 <= distractor_size <= min(canvas):
            raise UserError(
                f"bbox.distractor_size={distractor_size}: expected a whole number from 1 to {min(canvas)}, the "
                "smaller side of the canvas."
            )
        self.distractors, self.distractor_size = distractors, distractor_size

    def prepare(self, images: np.ndarray, split: str) -> Digits:
        """Cut the digits out; raises :class:`UserError` as scatter does, or if there is no other digit to cut from."""
        self._check_room(images)
        if self.distractor_size > min(images.shape[1:]):
            raise UserError(
                f"bbox.distractor_size={self.distractor_size}: expected at most {min(images.shape[1:])}, the smaller "
                "side of a digit's image."
            )
        if self.distractors and len(images) < 2:
            raise UserError(
                f"bbox.distractors={self.distractors}: they are cut from other digits, but there is only one {split} "
                "image; expected 0."
            )
        return cut_out(images, split, least=self.distractor_size)

    def recipe(self, source: Digits, indices: np.ndarray, key: RandomKey, split: str) -> Scenes:
        """Draw the digits, and distractors over them; see :meth:`locexp.bbox.generated.Generated.recipe`."""
        drawn = super().recipe(source, indices, key, split)
        if self.distractors == 0:
            return drawn
        patches = distractors(key, source, indices, self.canvas, self.distractors, self.distractor_size)
        ink = drawn.images > self.threshold
        inked, under = (np.count_nonzero(mask, axis=(1, 2)) for mask in (ink, ink & (patches > 0)))
        covered = (under / np.maximum(inked, 1)).astype(np.float32)
        return replace(drawn, images=np.maximum(drawn.images, patches), covered=covered)


def distractors(
    key: RandomKey, digits: Digits, indices: np.ndarray, canvas: tuple[int, int], count: int, size: int
) -> np.ndarray:
    """Return canvases with only the distractors; where they overlap, the brighter one shows.

    Args:
        key: of the examples.
        digits: of the whole split, at least two; their windows are no smaller than a patch.
        indices: int (n,): which digit each example shows; its own is never cut.
        canvas: (width, height) in pixels, no smaller than a patch.
        count, size: how many patches, and their width and height in pixels.

    Returns:
        uint8 (n, height, width).
    """
    drawn = draws(key, DISTRACTORS, 5 * count).reshape(-1, count, 5)
    available = len(digits.windows)
    chosen = (indices.astype(np.int64)[:, None] + 1 + below(drawn[:, :, 0], available - 1)) % available
    # A patch shows as much of its digit's ink as it can.
    room = np.maximum(digits.sizes[chosen] - size, 0)
    cut = below(drawn[:, :, 1:3], room + 1)
    place = below(drawn[:, :, 3:], np.array(canvas) - size + 1)
    made = np.zeros((len(indices), canvas[1], canvas[0]), np.uint8)
    patches = sliding_window_view(digits.windows, (size, size), axis=(1, 2))
    under = sliding_window_view(made, (size, size), axis=(1, 2), writeable=True)
    for k in range(count):
        patch = patches[chosen[:, k], cut[:, k, 1], cut[:, k, 0]]
        where = np.arange(len(indices)), place[:, k, 1], place[:, k, 0]
        under[where] = np.maximum(under[where], patch)
    return made
