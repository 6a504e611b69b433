"""``bbox=annotated``: the boxes that came with the data."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval, doc

from locexp.bbox.annotations import Annotations
from locexp.bbox.draws import RandomKey
from locexp.bbox.exposure import exposed
from locexp.bbox.generated import Generated
from locexp.bbox.geometry import normalise
from locexp.bbox.interpolation import remapped
from locexp.bbox.jitter import Pixels, check_room, jittered
from locexp.bbox.noise import Noise, NoiseLevel
from locexp.bbox.scenes import Scenes
from locexp.bbox.warping import Augment
from locexp.bbox.windows import Limits, windows
from locexp.bounds import checked
from locexp.errors import ImagesError, UserError

Share = Annotated[float, Interval(ge=0, le=1)]
TOLERANCE = 1e-3
"""Pixels by which rounding may have put a box beyond the canvas."""


class AnnotatedBoxes(Generated):
    """The boxes that came with the data, in colour or grey; photos to train on may be new in every epoch.

    Args:
        jitter: pixels of label noise, as of :class:`locexp.bbox.jitter.Jitter`; 0 for none.
        noise, noise_level, fresh: see :class:`locexp.bbox.generated.Generated`.
        augment: how much of the following happens to photos to train on, 0 to 1; only with ``fresh``. They say what
            ``augment=1`` does, and ``augment=.5`` half of it.
        crop: the most that is cut off, as a share of width and height, 0 to .9; the box stays whole.
        pad: the most that is added around, as a share of width and height, 0 to 1.
        stretch: the most that one side grows beside the other, as a share, 0 to 1.
        rotate: the most that photos are turned, in degrees, 0 to 45.
        outline: what a turned object is taken for: an ``ellipse`` in its box, or a ``rectangle`` that fills it.
        flip: share of photos that are mirrored.
        brightness: the most that is added to all values or taken from them, as a share of white.
        contrast: the most by which the distance to the mean value is multiplied or divided, less 1: 0 to 1.
        grey: share of photos whose colours are taken away.

    Raises:
        UserError: out of range.
    """

    takes_colour = True

    @checked("bbox")
    def __init__(
        self,
        jitter: Pixels = 0.0,
        noise: Noise = None,
        noise_level: NoiseLevel = 0.1,
        fresh: bool = False,
        augment: Augment = 0.0,
        crop: Annotated[float, Interval(ge=0, le=0.9)] = 0.4,
        pad: Share = 0.2,
        stretch: Share = 0.1,
        rotate: Annotated[float, Interval(ge=0, le=45), doc("degrees from 0 to 45")] = 10.0,
        outline: Literal["ellipse", "rectangle"] = "ellipse",
        flip: Share = 0.0,
        brightness: Share = 0.2,
        contrast: Share = 0.3,
        grey: Share = 0.1,
    ) -> None:
        super().__init__(noise, noise_level, fresh, augment)
        self.jitter = float(jitter)
        self._limits = Limits(
            crop=augment * crop,
            pad=augment * pad,
            stretch=augment * stretch,
            rotate=augment * rotate,
            flip=augment * flip,
            is_rectangle=outline == "rectangle",
        )
        self._exposure = augment * brightness, augment * contrast, augment * grey

    def prepare(self, images: np.ndarray, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Raise :class:`UserError`: images alone have no boxes."""
        raise UserError(
            f"bbox=annotated: no boxes came with the {split} images. Data with boxes are voc, coco, yolo and table, an "
            ".npz that holds them (data=file), and a loader that returns annotations; expected one of these, or "
            "bbox=tight for boxes around the ink of grey images."
        )

    def compose(
        self,
        images: np.ndarray,
        *,
        split: str,
        scene_seed: int,
        epoch: int = 0,
        annotations: Annotations | None = None,
    ) -> Scenes:
        """Make the scenes of a split in an epoch.

        Args:
            images: uint8 (n, height, width) or (n, height, width, 3).
            split, scene_seed, epoch: see :meth:`locexp.bbox.generated.Generated.compose`.
            annotations: of the images.

        Raises:
            UserError: there are no boxes, or one is empty or leaves the canvas, or is narrower than the jitter.
        """
        if annotations is None:
            return super().compose(images, split=split, scene_seed=scene_seed, epoch=epoch)
        boxes = _on_canvas(annotations.boxes, images, split)
        if self.jitter:
            check_room("jitter", self.jitter, boxes, split)
        elif self.noise is None and not self.is_warped(split):
            return Scenes(images, _normalised(boxes, images))
        return self.made((images, boxes), images, split=split, scene_seed=scene_seed, epoch=epoch)

    def recipe(self, source: tuple[np.ndarray, np.ndarray], indices: np.ndarray, key: RandomKey, split: str) -> Scenes:
        """Augment photos to train on, and move the sides; see :meth:`locexp.bbox.generated.Generated.recipe`."""
        images, boxes = (array[indices] for array in source)
        canvas = images.shape[2], images.shape[1]
        plain = clean = None
        if self.is_warped(split):
            plain = _normalised(boxes, images)
            seen = windows(key, boxes, canvas, self._limits)
            images, boxes = remapped(images, seen.maps, seen.places), seen.boxes
            images = exposed(key, images, *self._exposure)
        if self.jitter:
            clean = _normalised(boxes, images)
            boxes = jittered(key, boxes, self.jitter, canvas)
        return Scenes(images, _normalised(boxes, images), clean_boxes=clean, plain_boxes=plain)


def _normalised(boxes: np.ndarray, images: np.ndarray) -> np.ndarray:
    return normalise(boxes, images.shape[2], images.shape[1]).astype(np.float32)


def _on_canvas(boxes: np.ndarray, images: np.ndarray, split: str) -> np.ndarray:
    """Return boxes in pixels, float64 (n, 4), without what rounding put beyond the canvas.

    Raises:
        UserError: they are not one for each image.
        ImagesError: one is empty, inverted or not finite, or leaves the canvas.
    """
    height, width = images.shape[1:3]
    boxes = np.asarray(boxes, np.float64)
    if boxes.shape != (len(images), 4):
        raise UserError(
            f"bbox=annotated: boxes of shape {boxes.shape} came with {len(images)} {split} images; expected "
            f"({len(images)}, 4): x1, y1, x2, y2 in pixels of the images."
        )
    kept = np.clip(boxes, 0, (width, height) * 2)
    ok = (np.abs(boxes - kept) <= TOLERANCE) & np.tile(kept[:, :2] < kept[:, 2:], 2)  # NaN is neither
    wrong = np.flatnonzero(~ok.all(axis=1))
    if len(wrong):
        raise ImagesError(
            f"bbox=annotated: the boxes of {len(wrong)} of {len(images)} {split} images ({{which}}) are empty, "
            f"inverted, not finite or leave the image of {width}x{height} pixels; expected 0 <= x1 < x2 <= {width} and "
            f"0 <= y1 < y2 <= {height}.",
            wrong.tolist(),
        )
    return kept
