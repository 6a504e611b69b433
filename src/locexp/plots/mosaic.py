"""Pages of small images with captions and boxes, composed pixel by pixel.

Matplotlib takes ten times as long for them, most of it for the captions, and a sweep draws some for each of its runs.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

TILE = 196
"""How wide an image is drawn, about: its pixels are enlarged by a whole number."""
TEXT, TITLE = 13, 17
"""Heights of letters, in pixels of the page."""
MARGIN = 12
DASH, GAP = 9, 6
SAMPLE, SPACE = 40, 28
"""Of a legend: how long its lines are, and what is between its entries."""
Legend = Sequence[tuple[str, str, bool]]
"""Label, colour and whether the line is dashed."""


class Mosaic:
    """A page of images of one size, in rows from left to right.

    Args:
        images: uint8, (n, height, width); n at least 1.
        title: of the page.
        columns: images in a row, at most.
        caption_lines: lines of text above each image.
        legend: of what :meth:`outline` draws.
    """

    def __init__(
        self,
        images: np.ndarray,
        title: str,
        *,
        columns: int,
        caption_lines: int,
        legend: Legend = (),
    ) -> None:
        count, height, width = images.shape
        self._scale = scale = max(1, round(TILE / width))
        self._columns = columns = min(columns, count)
        rows = -(-count // columns)
        self._line = TEXT + 3
        self._step = width * scale + MARGIN, height * scale + caption_lines * self._line + MARGIN
        self._above = 3 * MARGIN + TITLE + caption_lines * self._line
        wide = columns * self._step[0] + MARGIN
        least = max(_font(TITLE).getlength(title), sum(_widths(legend)) + SPACE * len(legend)) + 2 * MARGIN
        size = max(wide, round(least)), 3 * MARGIN + TITLE + rows * self._step[1] + (30 if legend else 0)
        self._left = MARGIN + (size[0] - wide) // 2
        page = np.full((size[1], size[0]), 255, np.uint8)
        for place, image in enumerate(images):
            left, top = self._corner(place)
            enlarged = np.kron(image, np.ones((scale, scale), np.uint8))
            page[top : top + height * scale, left : left + width * scale] = enlarged
        self._size = width * scale, height * scale
        self.page = Image.fromarray(page).convert("RGB")
        self._draw = ImageDraw.Draw(self.page)
        self._draw.text((size[0] / 2, MARGIN), title, "black", _font(TITLE), anchor="ma")
        self._show(legend, size)

    def caption(self, place: int, text: str, color: str = "black") -> None:
        """Write above an image; lines are parted by ``\\n``."""
        left, top = self._corner(place)
        for number, line in enumerate(reversed(text.split("\n"))):
            middle = left + self._size[0] / 2, top - 5 - number * self._line
            self._draw.text(middle, line, color, _font(TEXT), anchor="ms")

    def outline(self, place: int, box: Sequence[float], color: str, *, dashed: bool = False, width: int = 3) -> None:
        """Draw the box x1, y1, x2, y2, in pixels of the image (pixel i covers [i, i + 1)), over the image of a place.

        What lies outside the image is drawn at most half a margin away from it.
        """
        left, top = self._corner(place)
        reach = MARGIN / 2
        x1, x2 = (left + np.clip(np.multiply(box[0::2], self._scale), -reach, self._size[0] + reach)).tolist()
        y1, y2 = (top + np.clip(np.multiply(box[1::2], self._scale), -reach, self._size[1] + reach)).tolist()
        corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)]
        for start, end in itertools.pairwise(corners):
            for piece in _pieces(start, end) if dashed else [(start, end)]:
                self._draw.line(piece, color, width)

    def _corner(self, place: int) -> tuple[int, int]:
        """Return where the upper left pixel of an image is on the page."""
        row, column = divmod(place, self._columns)
        return self._left + column * self._step[0], self._above + row * self._step[1]

    def _show(self, legend: Legend, size: tuple[int, int]) -> None:
        widths = _widths(legend)
        x, y = (size[0] - sum(widths) - SPACE * (len(widths) - 1)) / 2, size[1] - MARGIN - TEXT / 2
        for (label, color, dashed), width in zip(legend, widths, strict=True):
            for piece in _pieces((x, y), (x + SAMPLE, y)) if dashed else [((x, y), (x + SAMPLE, y))]:
                self._draw.line(piece, color, 3)
            self._draw.text((x + SAMPLE + 8, y), label, "black", _font(TEXT), anchor="lm")
            x += width + SPACE


def _widths(legend: Legend) -> list[float]:
    """Return how wide the entries of a legend are."""
    return [SAMPLE + 8 + _font(TEXT).getlength(label) for label, _, _ in legend]


def _pieces(start: tuple[float, float], end: tuple[float, float]) -> list[tuple[tuple[float, float], ...]]:
    """Return the dashes of a line."""
    (x1, y1), (x2, y2) = start, end
    length = max(abs(x2 - x1), abs(y2 - y1))
    ways = np.arange(0, max(length, 1), DASH + GAP)
    shares = np.stack([ways, np.minimum(ways + DASH, length)], axis=1) / max(length, 1)
    return [tuple((x1 + share * (x2 - x1), y1 + share * (y2 - y1)) for share in pair) for pair in shares.tolist()]


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
