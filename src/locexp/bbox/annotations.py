"""Boxes that came with the data, and how photos lie on the canvas of a network."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Placement:
    """How n original images, which may differ in size, lie on one canvas.

    Attributes:
        sizes: int64 (n, 2), width and height of each original in pixels, the right way up.
        scale: float64 (n, 2), pixels of the canvas for one of the original, across and down: the true ones, after
            width and height were rounded to whole pixels.
        offset: int64 (n, 2), pixels of the canvas left of the image and above it.
    """

    sizes: np.ndarray
    scale: np.ndarray
    offset: np.ndarray

    def to_canvas(self, boxes: np.ndarray) -> np.ndarray:
        """Turn boxes (n, 4), xyxy in pixels of the originals, into pixels of the canvas: float64 (n, 4)."""
        return boxes * np.tile(self.scale, 2) + np.tile(self.offset, 2)

    def to_original(self, boxes: np.ndarray) -> np.ndarray:
        """Turn boxes (n, 4), xyxy in pixels of the canvas, into pixels of the originals: float64 (n, 4)."""
        return (boxes - np.tile(self.offset, 2)) / np.tile(self.scale, 2)

    def taken(self, indices: np.ndarray) -> Placement:
        """Return that of some of the images."""
        return Placement(self.sizes[indices], self.scale[indices], self.offset[indices])


@dataclass(frozen=True)
class Annotations:
    """What came with n images beside their labels.

    Attributes:
        boxes: float64 (n, 4), half-open xyxy in pixels of the images as they are given (of the canvas, for photos).
        files: str (n,), the name of each image's file, relative to the data's folder; ``None`` where there are none.
        groups: (n,), str or numbers: images of one group belong together in one part; ``None`` where each stands alone.
        placement: of photos that were resized to a common canvas.
    """

    boxes: np.ndarray
    files: np.ndarray | None = None
    groups: np.ndarray | None = None
    placement: Placement | None = None

    def taken(self, indices: np.ndarray) -> Annotations:
        """Return those of some of the images."""
        return replace(
            self,
            boxes=self.boxes[indices],
            files=None if self.files is None else self.files[indices],
            groups=None if self.groups is None else self.groups[indices],
            placement=None if self.placement is None else self.placement.taken(indices),
        )
