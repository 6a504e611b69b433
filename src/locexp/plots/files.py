"""Pictures as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from locexp.system.files import replacing

DPI = 120
PALETTE = 256
MOST_COLORS = 4096
"""A picture with more is of photos, and keeps them; others are drawn with a palette, in a third of the bytes."""


def without_math(text: str) -> str:
    """Return text for a figure as it is: Matplotlib typesets what is between two dollar signs as a formula."""
    return text.replace("$", r"\$")


def save(picture: Figure | Image.Image, file: Path | BinaryIO) -> None:
    """Write a figure of Matplotlib, or a page of pixels, as a small PNG."""
    if isinstance(file, Path):
        with replacing(file) as partial, partial.open("wb") as stream:
            save(picture, stream)
    else:
        page = _pixels(picture) if isinstance(picture, Figure) else picture
        _with_palette(page.convert("RGB")).save(file, format="png")


def _pixels(figure: Figure) -> Image.Image:
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba()))


def _with_palette(page: Image.Image) -> Image.Image:
    """Return a page with a palette, where no colour of it becomes another to the eye: those of the most pixels stay."""
    if page.getcolors(MOST_COLORS) is None:
        return page
    return page.quantize(PALETTE, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
