"""``bbox=fixed``: one box for all images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from annotated_types import Len, doc

from locexp.bbox.generated import Generated
from locexp.bbox.geometry import normalise
from locexp.bbox.noise import Noise, NoiseLevel
from locexp.bbox.scenes import Scenes
from locexp.bounds import checked
from locexp.errors import UserError

Box = Annotated[Sequence[float], Len(4, 4), doc("four finite numbers [x1, y1, x2, y2] in pixels")]


class Fixed(Generated):
    """The same box for every image: what the classic script trains on; any network learns it at once.

    Args:
        box: [x1, y1, x2, y2] in pixels, half-open.
        noise, noise_level, fresh: see :class:`locexp.bbox.generated.Generated`.

    Raises:
        UserError: not four numbers, inverted or empty.
    """

    takes_colour = True

    @checked("bbox")
    def __init__(
        self,
        box: Box = (6, 6, 22, 22),
        noise: Noise = None,
        noise_level: NoiseLevel = 0.1,
        fresh: bool = False,
    ) -> None:
        super().__init__(noise, noise_level, fresh)
        x1, y1, x2, y2 = box
        if x1 >= x2 or y1 >= y2:
            raise UserError(f"bbox.box={list(box)}: is inverted or empty; expected x1 < x2 and y1 < y2.")
        if x1 < 0 or y1 < 0:
            raise UserError(f"bbox.box={list(box)}: leaves the canvas; expected x1 >= 0 and y1 >= 0.")
        self.box = tuple(float(side) for side in box)

    def prepare(self, images: np.ndarray, split: str) -> Scenes:
        """Give every image the box; raises :class:`UserError` if it leaves the canvas."""
        height, width = images.shape[1:3]
        if self.box[2] > width or self.box[3] > height:
            raise UserError(
                f"bbox.box={list(self.box)}: leaves the canvas of {width}x{height} pixels; "
                f"expected x2 <= {width} and y2 <= {height}."
            )
        boxes = np.tile(np.asarray(self.box), (len(images), 1))
        return Scenes(images, normalise(boxes, width, height).astype(np.float32))
