"""Pictures as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from matplotlib.figure import Figure
from PIL import Image

from locexp.system.files import replacing

DPI = 120


def without_math(text: str) -> str:
    """Return text for a figure as it is: Matplotlib typesets what is between two dollar signs as a formula."""
    return text.replace("$", r"\$")


def save(picture: Figure | Image.Image, file: Path | BinaryIO) -> None:
    """Write a figure of Matplotlib or a page of pixels; quickly rather than as small as can be."""
    if isinstance(file, Path):
        with replacing(file) as partial, partial.open("wb") as stream:
            save(picture, stream)
    elif isinstance(picture, Figure):
        picture.savefig(file, format="png", dpi=DPI, pil_kwargs={"compress_level": 1})
    else:
        picture.save(file, format="png", compress_level=1)
