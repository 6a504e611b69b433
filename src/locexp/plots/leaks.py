"""Images that are in two parts of the data, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from locexp.data.arrays import Leak
from locexp.data.leaks import named
from locexp.evaluation.terms import printable
from locexp.plots.mosaic import TEXT, Mosaic, sizes
from locexp.plots.names import fitted

TILE = 150
PAIRS_IN_A_ROW = 3


def page(leaks: Sequence[Leak]) -> Image.Image:
    """Return a page of those leaks that have their images: each pair side by side, which they are, how they differ."""
    shown = [(leak, leak.images) for leak in leaks if leak.images is not None]
    images = np.stack([image for _, pair in shown for image in pair])
    title = f"Images in two parts of the data: {len(shown)} of {len(leaks)} pairs"
    counts = [len(shown[start : start + PAIRS_IN_A_ROW]) for start in range(0, len(shown), PAIRS_IN_A_ROW)]
    mosaic = Mosaic(images, title, rows=[("", 2 * count) for count in counts], tile=TILE, caption_lines=3)
    height, width = images.shape[1:3]
    _, room = sizes(width, height, TILE)
    for number, (leak, _) in enumerate(shown):
        same = "the same" if leak.difference == 0 else f"differ by {leak.difference:.1%}"
        for side, (part, name) in enumerate(zip((leak.part, leak.other_part), named(leak), strict=True)):
            text = [fitted(printable(name), room, TEXT), part, same if side else f"pair {number + 1}"]
            mosaic.caption(2 * number + side, "\n".join(reversed(text)))
    return mosaic.page
