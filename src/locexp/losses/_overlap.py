"""What the overlap losses share: a predicted and a true box measured against each other, in pixels.

Formulas of the papers hold for boxes with x1 <= x2 and y1 <= y2. A prediction can be inverted: its sides count as 0
then, so its IoU is 0, and :attr:`Overlap.inversion` is what every loss adds, by which the corners find back in order;
without it the gradient of such a box vanishes, and it would stay inverted for good.
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
        enclosing: sides (width, height) of the smallest box around both, whichever way round their corners are.
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
    sides = ops.relu(x2 - x1), ops.relu(y2 - y1)
    true_sides = ops.relu(right - left), ops.relu(bottom - top)
    shared_x = ops.relu(ops.minimum(x2, right) - ops.maximum(x1, left))
    shared_y = ops.relu(ops.minimum(y2, bottom) - ops.maximum(y1, top))
    intersection = shared_x * shared_y
    union = sides[0] * sides[1] + true_sides[0] * true_sides[1] - intersection
    return Overlap(
        iou=intersection / ops.maximum(union, EPSILON),
        union=union,
        enclosing=(
            ops.maximum(ops.maximum(x1, x2), right) - ops.minimum(ops.minimum(x1, x2), left),
            ops.maximum(ops.maximum(y1, y2), bottom) - ops.minimum(ops.minimum(y1, y2), top),
        ),
        offset=((x1 + x2 - left - right) / 2, (y1 + y2 - top - bottom) / 2),
        sides=sides,
        true_sides=true_sides,
        corners=(
            ops.square(x1 - left) + ops.square(y1 - top),
            ops.square(x2 - right) + ops.square(y2 - bottom),
        ),
        inversion=ops.relu(x1 - x2) / width + ops.relu(y1 - y2) / height,
    )
