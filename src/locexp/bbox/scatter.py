"""``bbox=scatter``: the digit at a random place and scale on a canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from annotated_types import Interval, Len, Predicate, doc

from locexp.bbox.digits import Digits, cut_out, warped_digits
from locexp.bbox.draws import PLACE, RandomKey, below, draws
from locexp.bbox.generated import Generated
from locexp.bbox.geometry import Threshold, normalise
from locexp.bbox.noise import Noise, NoiseLevel
from locexp.bbox.resampling import LARGEST_CANVAS, ONE, STEPS, draw, drawn_boxes, frames, paste
from locexp.bbox.scenes import Scenes
from locexp.bbox.warping import Augment, warps
from locexp.bounds import checked
from locexp.errors import ImagesError, UserError

Canvas = Annotated[
    Sequence[Annotated[int, Interval(ge=8, le=LARGEST_CANVAS)]],
    Len(2, 2),
    doc(f"[width, height] in pixels, each from 8 to {LARGEST_CANVAS}"),
]
Scale = Annotated[
    Sequence[Annotated[float, Interval(ge=0.1, le=10)]],
    Len(2, 2),
    Predicate(lambda scale: scale[0] <= scale[1]),
    doc("[lowest, highest], 0.1 <= lowest <= highest <= 10"),
]
Overhang = Annotated[float, Interval(ge=0, le=0.5)]


class Scatter(Generated):
    """Each digit drawn at a random scale, at a random place of a black canvas; its box is that of the drawn ink.

    Args:
        canvas: width and height in pixels, 8 to 1024.
        scale: lowest and highest scale, uniform between them, .1 to 10.
        threshold: a drawn pixel is ink when its value is above this, 0 to 254.
        overhang: share of the digit's width and height that may lie beyond the border, 0 to .5; its brightest pixel
            is always on the canvas.
        noise, noise_level, fresh, augment: see :class:`locexp.bbox.generated.Generated`.

    Raises:
        UserError: out of range.
    """

    canvas: tuple[int, int]

    @checked("bbox")
    def __init__(
        self,
        canvas: Canvas = (64, 64),
        scale: Scale = (0.5, 1.5),
        threshold: Threshold = 0,
        overhang: Overhang = 0.0,
        noise: Noise = None,
        noise_level: NoiseLevel = 0.1,
        fresh: bool = False,
        augment: Augment = 0.0,
    ) -> None:
        super().__init__(noise, noise_level, fresh, augment)
        self.canvas = (int(canvas[0]), int(canvas[1]))
        self.scale, self.threshold, self.overhang = (float(scale[0]), float(scale[1])), threshold, overhang

    def prepare(self, images: np.ndarray, split: str) -> Digits:
        """Cut the digits out; raises :class:`UserError` if one is blank, or the largest does not fit the canvas."""
        self._check_room(images)
        return cut_out(images, split)

    def _check_room(self, images: np.ndarray) -> None:
        height, width = images.shape[1:]
        # Enlarged, a digit's ink reaches (scale - 1)/2 pixels further on every side.
        fits = [
            (room + 1) / (side + 1) if room > side else room / side
            for room, side in zip(self.canvas, (width, height), strict=True)
        ]
        if self.scale[1] > min(fits):
            raise UserError(
                f"bbox.scale={list(self.scale)}: a digit's image of {width}x{height} pixels at the largest scale is "
                f"larger than the canvas of {self.canvas[0]}x{self.canvas[1]}; expected a scale of at most "
                f"{np.floor(min(fits) * 1000) / 1000:g}, or a larger bbox.canvas."
            )

    def compose(self, images: np.ndarray, *, split: str, scene_seed: int, epoch: int = 0) -> Scenes:
        """Make the scenes of a split; raises :class:`UserError`, in epoch 0 also for a digit too faint to be drawn."""
        scenes = super().compose(images, split=split, scene_seed=scene_seed, epoch=epoch)
        unseen = np.flatnonzero(scenes.boxes[:, 2] == 0)
        if epoch == 0 and len(unseen):  # of a later epoch, a run that has trained for hours does not end for one digit
            raise ImagesError(
                f"bbox.scale={list(self.scale)}: nothing is left of {len(unseen)} of {len(images)} {split} digits "
                "({which}); expected a higher lowest scale.",
                unseen.tolist(),
            )
        return scenes

    def recipe(self, source: Digits, indices: np.ndarray, key: RandomKey, split: str) -> Scenes:
        """Draw the digits; see :meth:`locexp.bbox.generated.Generated.recipe`."""
        scales = (round(self.scale[0] * ONE), round(self.scale[1] * ONE))
        digits = Digits(source.windows[indices], source.sizes[indices])
        if self.is_warped(split):
            digits = warped_digits(digits, warps(key, self.augment), self.augment)
        overhang = round(self.overhang * 1024)
        scale, places, clipped = placed(key, digits.sizes, digits.anchors, scales, self.canvas, overhang)
        # Drawn on as little of the canvas as holds the largest digit, and pasted.
        corners, part = frames(scale, places, digits.windows.shape, scales[1], self.canvas)
        drawn = draw(digits.windows, scale, places - corners * STEPS, part)
        images = paste(drawn, corners, self.canvas)
        boxes = normalise(drawn_boxes(drawn, corners, self.threshold), *self.canvas)
        return Scenes(images, boxes.astype(np.float32), clipped=clipped)


def placed(
    key: RandomKey,
    sizes: np.ndarray,
    anchors: np.ndarray,
    scales: tuple[int, int],
    canvas: tuple[int, int],
    overhang: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a scale and a place for digits, both uniform: anywhere that their ink fits, up to the very border.

    Args:
        key: of the examples.
        sizes: int64 (n, 2), width and height of their ink in pixels.
        anchors: int64 (n, 2), a pixel of the ink that stays on the canvas.
        scales: lowest and highest, in 1/4096; both can be drawn.
        canvas: (width, height) in pixels.
        overhang: share of the ink's width and height that may lie beyond the border, in 1/1024.

    Returns:
        Scales int64 (n,), places int64 (n, 2) in 1/1024 pixel, and whether some ink lies beyond the border: bool (n,).
    """
    drawn = draws(key, PLACE, 3)
    scale = scales[0] + below(drawn[:, 0], scales[1] - scales[0] + 1)
    # Enlarged by bilinear interpolation, ink reaches (scale - 1)/2 pixels further on every side.
    halo = ((np.maximum(scale, ONE) - ONE) >> 3)[:, None]
    extent = (sizes * scale[:, None]) >> 2
    low = halo
    high = np.maximum(np.array(canvas) * STEPS - extent - halo, low)
    allowed = (extent * overhang) >> 10
    anchor = ((2 * anchors + 1) * scale[:, None]) >> 3
    lowest = np.minimum(np.maximum(low - allowed, STEPS // 2 - anchor), low)
    highest = np.maximum(np.minimum(high + allowed, np.array(canvas) * STEPS - STEPS // 2 - anchor), high)
    places = lowest + below(drawn[:, 1:], highest - lowest + 1)
    return scale, places, ((places < low) | (places > high)).any(axis=1)
