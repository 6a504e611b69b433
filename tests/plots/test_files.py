"""Pictures as files: small, and as they were drawn."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from locexp.plots.files import DPI, save

SEEN = 10
"""A difference between two values of a colour, of 255, that no eye sees in a line or a letter."""


def written(picture: Figure | Image.Image) -> Image.Image:
    stream = io.BytesIO()
    save(picture, stream)
    return Image.open(stream)


def figure() -> Figure:
    made = Figure(figsize=(6, 3))
    axes = made.subplots(1, 2)
    axes[0].plot(np.arange(30) ** 2, "o-", label="x²")
    axes[0].legend()
    axes[1].imshow(np.random.default_rng(0).random((5, 5)), cmap="viridis")
    made.suptitle("A title")
    return made


def test_a_figure_looks_as_matplotlib_draws_it() -> None:
    drawn = io.BytesIO()
    figure().savefig(drawn, format="png", dpi=DPI)
    expected = np.asarray(Image.open(drawn).convert("RGB"), int)
    found = written(figure())
    assert found.mode == "P"
    pixels = np.asarray(found.convert("RGB"), int)
    assert pixels.shape == expected.shape
    assert np.abs(pixels - expected).max() <= SEEN
    assert (pixels[0, 0] == 255).all()  # white stays white
    stream = io.BytesIO()
    save(figure(), stream)
    assert len(stream.getvalue()) < len(drawn.getvalue())


def test_grey_pages_keep_every_value() -> None:
    grey = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("RGB")
    assert (np.asarray(written(grey).convert("RGB")) == np.asarray(grey)).all()


def test_photos_keep_their_colours(tmp_path: Path) -> None:
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8))
    save(photo, tmp_path / "photo.png")
    assert (np.asarray(Image.open(tmp_path / "photo.png")) == np.asarray(photo)).all()
