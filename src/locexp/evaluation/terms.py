"""Results in a user's terms: classes by name, images by file, boxes in pixels of the originals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from locexp.bbox.annotations import Placement
from locexp.bbox.geometry import centers, to_pixels
from locexp.evaluation.metrics import Predictions

DIGITS = "0123456789"


@dataclass(frozen=True)
class UserTerms:
    """What a user knows the classes and the n images of predictions by.

    Attributes:
        class_names: of each class, no two alike.
        files: str (n,), each image's file; ``None`` where they have none of their own.
        placement: how the n originals lie on the canvas; ``None`` where the canvas is all there is.
    """

    class_names: tuple[str, ...]
    files: np.ndarray | None = None
    placement: Placement | None = None

    @property
    def class_word(self) -> str:
        """What a class is called: ``digit`` where each is one, else ``class``."""
        return "digit" if set(self.class_names) <= set(DIGITS) else "class"

    def pixels(self, boxes: np.ndarray, canvas: tuple[int, int]) -> np.ndarray:
        """Turn normalised boxes (n, 4) into pixels of the originals, else of the canvas: float64 (n, 4)."""
        on_canvas = to_pixels(boxes, *canvas)
        return on_canvas if self.placement is None else self.placement.to_original(on_canvas)

    def center_errors(self, predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
        """Return how far the centres of predicted boxes are off.

        Returns:
            In pixels of the originals, else of the canvas; and as a share of the image: the length of (dx / width,
            dy / height), from 0 to √2 where both centres are in the image. float64 (n,) each.
        """
        canvas = predictions.canvas
        shift = centers(self.pixels(predictions.boxes, canvas)) - centers(self.pixels(predictions.truth, canvas))
        sizes = np.array([canvas]) if self.placement is None else self.placement.sizes
        return np.hypot(*shift.T), np.hypot(*(shift / sizes).T)


def printable(text: str) -> str:
    """Return text without what a terminal obeys and a font has no letter for: line ends, controls, half characters."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
