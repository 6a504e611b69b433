"""What the overlap losses share: a predicted and a true box measured against each other, in pixels.

Formulas of the papers hold for boxes with x1 <= x2 and y1 <= y2. A prediction can be inverted: it counts as the line
half way between its swapped edges then, with IoU 0, and :attr:`Overlap.inversion` is what every loss adds. Whatever the
formula says of the line moves both edges alike, so that this term always brings them back in order; without it the
gradient vanishes, and such a box stays inverted for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

EPSILON = 1e-6
"""The least area, squared distance or side that is divided by, in pixels: a millionth changes no proper box."""


@dataclass(frozen=True)
class Overlap:
    """A prediction against its ground truth; tensors (n,), in pixels.

    Attributes:
        iou: intersection over union.
        union: its area.
        enclosing: sides (width, height) of the smallest box around both.
        offset: predicted minus true centre, (x, y).
        sides, true_sides: (width, height) of the predicted and of the true box, >= 0.
        corners: squared distances of the upper left and of the lower right corners.
        inversion: by how much the prediction's corners are swapped, as a share of the canvas; 0 for a proper box.
    """

    iou: Any
    union: Any
    enclosing: tuple[Any, Any]
    offset: tuple[Any, Any]
    sides: tuple[Any, Any]
    true_sides: tuple[Any, Any]
    corners: tuple[Any, Any]
    inversion: Any

    @property
    def distance(self) -> Any:
        """Squared distance of the centres over the squared diagonal of the enclosing box: (n,) in [0, 1]."""
        from keras import ops

        x, y = self.offset
        width, height = self.enclosing
        return (x * x + y * y) / ops.maximum(width * width + height * height, EPSILON)


def overlap(ground_truth: Any, prediction: Any, canvas: tuple[int, int]) -> Overlap:
    """Measure normalised boxes (n, 4) against each other, pair by pair, on a canvas of (width, height) pixels."""
    from keras import ops

    width, height = canvas
    x1, y1, x2, y2 = (prediction[:, side] * (height if side % 2 else width) for side in range(4))
    left, top, right, bottom = (ground_truth[:, side] * (height if side % 2 else width) for side in range(4))
    swapped = ops.relu(x1 - x2) / width + ops.relu(y1 - y2) / height
    middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2
    x1, x2 = ops.minimum(x1, middle_x), ops.maximum(x2, middle_x)
    y1, y2 = ops.minimum(y1, middle_y), ops.maximum(y2, middle_y)
    sides = x2 - x1, y2 - y1
    true_sides = ops.relu(right - left), ops.relu(bottom - top)
    shared_x = ops.relu(ops.minimum(x2, right) - ops.maximum(x1, left))
    shared_y = ops.relu(ops.minimum(y2, bottom) - ops.maximum(y1, top))
    intersection = shared_x * shared_y
    union = sides[0] * sides[1] + true_sides[0] * true_sides[1] - intersection
    return Overlap(
        iou=intersection / ops.maximum(union, EPSILON),
        union=union,
        enclosing=(ops.maximum(x2, right) - ops.minimum(x1, left), ops.maximum(y2, bottom) - ops.minimum(y1, top)),
        offset=(middle_x - (left + right) / 2, middle_y - (top + bottom) / 2),
        sides=sides,
        true_sides=true_sides,
        corners=(
            ops.square(x1 - left) + ops.square(y1 - top),
            ops.square(x2 - right) + ops.square(y2 - bottom),
        ),
        inversion=swapped,
    )
