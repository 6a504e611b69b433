"""Pages of small images with captions and boxes, composed pixel by pixel.

Matplotlib takes ten times as long for them, most of it for the captions, and a sweep draws some for each of its runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from locexp.plots.names import font

TILE = 196
TEXT, HEADING, TITLE = 13, 15, 17
"""Heights of letters, in pixels of the page."""
LINE = TEXT + 3
"""From one line of a caption to the next."""
MARGIN = 12
NARROWEST = 0.9
"""Least width of a column, as a share of that of a tile: captions need room."""
DASH, GAP = 9, 6
SAMPLE, SPACE = 40, 28
"""Of a legend: how long its lines are, and what is between its entries."""


class Mosaic:
    """A page of images of one size, in rows from left to right.

    Args:
        images: uint8, (n, height, width[, 3]); n may be 0.
        title: of the page.
        rows: the heading of each row, which may be empty, and how many of the images, in order, are in it.
        legend: of what :meth:`outline` draws: labels, colours and whether the lines are dashed.
        tile: see :func:`sizes`.
        caption_lines: how many lines there is room for above each image.
    """

    def __init__(
        self,
        images: np.ndarray,
        title: str,
        *,
        rows: Sequence[tuple[str, int]],
        legend: Sequence[tuple[str, str, bool]] = (),
        tile: int = TILE,
        caption_lines: int = 2,
    ) -> None:
        height, width = images.shape[1:3]
        self._size, caption_width = sizes(width, height, tile)
        self._scale = self._size[0] / width, self._size[1] / height
        step = caption_width + MARGIN
        columns = max(count for _, count in rows)
        wide = columns * step + MARGIN
        widths = [SAMPLE + 8 + font(TEXT).getlength(label) for label, _, _ in legend]
        least = [font(TITLE).getlength(title), sum(widths) + SPACE * len(legend)]
        least += [font(HEADING).getlength(heading) for heading, _ in rows]
        size_x = max(wide, round(max(least)) + 2 * MARGIN)
        left = MARGIN + (size_x - wide) // 2
        beside = (caption_width - self._size[0]) // 2
        self._corners: list[tuple[int, int]] = []
        """Where the upper left pixels of the images are on the page."""
        headings, y = [], 3 * MARGIN + TITLE
        for heading, count in rows:
            if heading:
                headings.append((y, heading))
                y += HEADING + MARGIN
            if count:
                y += caption_lines * LINE
                self._corners += [(left + column * step + beside, y) for column in range(count)]
                y += self._size[1] + MARGIN
        size = size_x, y + (30 if legend else 0)
        self.page = Image.new("RGB", size, "white")
        for corner, image in zip(self._corners, images, strict=True):
            self.page.paste(resized(image, self._size), corner)
        self._draw = ImageDraw.Draw(self.page)
        self._draw.text((size[0] / 2, MARGIN), title, "black", font(TITLE), anchor="ma")
        for top, heading in headings:
            self._draw.text((left, top), heading, "black", font(HEADING), anchor="la")
        x, middle = (size[0] - sum(widths) - SPACE * (len(widths) - 1)) / 2, size[1] - MARGIN - TEXT / 2
        for (label, color, dashed), width_of_entry in zip(legend, widths, strict=True):
            for piece in _pieces((x, middle), (x + SAMPLE, middle), dashed):
                self._draw.line(piece, color, 3)
            self._draw.text((x + SAMPLE + 8, middle), label, "black", font(TEXT), anchor="lm")
            x += width_of_entry + SPACE

    def caption(self, index: int, text: str, color: str = "black") -> None:
        """Write above an image; lines are parted by ``\\n``."""
        left, top = self._corners[index]
        for number, line in enumerate(reversed(text.split("\n"))):
            middle = left + self._size[0] / 2, top - 8 - number * LINE
            self._draw.text(middle, line, color, font(TEXT), anchor="ms")

    def outline(self, index: int, box: Sequence[float], color: str, *, dashed: bool = False, width: int = 3) -> None:
        """Draw the box x1, y1, x2, y2, in pixels of the image (pixel i covers [i, i + 1)), over an image.

        What is outside the image is drawn at most a third of a margin away from it.
        """
        left, top = self._corners[index]
        reach = MARGIN / 3
        x1, x2 = (left + np.clip(np.multiply(box[0::2], self._scale[0]), -reach, self._size[0] + reach)).tolist()
        y1, y2 = (top + np.clip(np.multiply(box[1::2], self._scale[1]), -reach, self._size[1] + reach)).tolist()
        corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)]
        for start, end in itertools.pairwise(corners):
            for piece in _pieces(start, end, dashed):
                self._draw.line(piece, color, width)


def sizes(width: int, height: int, tile: int) -> tuple[tuple[int, int], int]:
    """Return how large an image is drawn, and how wide a line of its caption may be, in pixels of the page.

    Args:
        width, height: of the image.
        tile: about how long its longer side is drawn: its pixels are enlarged by a whole number, and it is made smaller
            only where that side is more than twice this.
    """
    longest = max(width, height)
    scale = tile / longest if longest > 2 * tile else max(1, round(tile / longest))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return size, max(size[0], round(NARROWEST * tile))


def resized(image: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """Return an image (uint8, (height, width[, 3])) as wide and high as ``size`` says; enlarged, pixels stay sharp."""
    is_smaller = size[0] < image.shape[1]
    return Image.fromarray(image).resize(size, Image.Resampling.BOX if is_smaller else Image.Resampling.NEAREST)


def _pieces(
    start: tuple[float, float], end: tuple[float, float], dashed: bool
) -> list[tuple[tuple[float, float], ...]]:
    """Return the dashes of a line, or all of it."""
    if not dashed:
        return [(start, end)]
    (x1, y1), (x2, y2) = start, end
    length = max(abs(x2 - x1), abs(y2 - y1))
    ways = np.arange(0, max(length, 1), DASH + GAP)
    shares = np.stack([ways, np.minimum(ways + DASH, length)], axis=1) / max(length, 1)
    return [tuple((x1 + share * (x2 - x1), y1 + share * (y2 - y1)) for share in pair) for pair in shares.tolist()]
