"""An image with one box, and what is in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from locexp.plots.names import fitted, font

COLOR, INK = "#d62728", "white"
SMALLEST = 320
"""Images whose longer side is less are enlarged by a whole number, so that text has room."""
LEAST_TEXT, TEXT_SHARE, LINE_SHARE = 13, 1 / 36, 1 / 300
"""The height of letters in pixels at least; that of letters and the width of lines as shares of the longer side."""


def marked(image: np.ndarray, box: Sequence[float], text: str) -> Image.Image:
    """Return an image with a box and a text at it.

    Args:
        image: uint8, (height, width, 3).
        box: x1, y1, x2, y2 in pixels of the image (pixel i covers [i, i + 1)); what is outside the image is drawn at
            its border.
        text: one line, shortened where the image is too narrow.
    """
    height, width = image.shape[:2]
    scale = max(1, -(-SMALLEST // max(height, width)))
    page = Image.fromarray(np.kron(image, np.ones((scale, scale, 1), np.uint8)) if scale > 1 else image)
    draw = ImageDraw.Draw(page)
    longer = max(page.size)
    line = max(2, round(longer * LINE_SHARE))
    xs = np.clip(np.sort(np.multiply(box[0::2], scale)), 0, page.width)
    ys = np.clip(np.sort(np.multiply(box[1::2], scale)), 0, page.height)
    left, right = (round(x) for x in xs.tolist())
    top, bottom = (round(y) for y in ys.tolist())
    draw.rectangle((left, top, max(right - 1, left), max(bottom - 1, top)), outline=COLOR, width=line)
    size, margin = max(LEAST_TEXT, round(longer * TEXT_SHARE)), line + 1
    text = fitted(text, page.width - 2 * margin, size)
    letters = font(size)
    room = size + 2 * margin
    below = bottom if bottom + room <= page.height else top
    y = top - room if top >= room else below
    x = max(0, min(left, page.width - round(letters.getlength(text)) - 2 * margin))
    draw.rectangle((x, y, x + letters.getlength(text) + 2 * margin, y + room - 1), fill=COLOR)
    draw.text((x + margin, y + room / 2), text, INK, letters, anchor="lm")
    return page
