"""What the tests of photos share: a folder of small images that they draw, and the keys to read it with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from locexp.configuration.schema import config_directory, loader_arguments
from locexp.data.arrays import RawData
from locexp.data.photos.keys import PhotoKeys
from locexp.data.photos.listing import ListedImage, Listing, MarkedObject
from locexp.data.photos.pipeline import photos

Box = tuple[float, float, float, float]


def keys(path: Path, **changes: Any) -> PhotoKeys:
    """The keys of annotated photos as they are by default, but for the canvas, which is small; with changes."""
    node = OmegaConf.load(config_directory() / "data" / "voc.yaml")
    assert isinstance(node, DictConfig)
    del node["defaults"]
    return cast(PhotoKeys, loader_arguments(node) | {"path": str(path), "size": [32, 32]} | changes)


def drawn(size: tuple[int, int] = (64, 48), colour: tuple[int, int, int] = (200, 40, 40)) -> Image.Image:
    """An image of one colour."""
    return Image.new("RGB", size, colour)


def marked(label: str = "cat", box: Box = (8, 8, 40, 32), **more: Any) -> MarkedObject:
    """An object in an image."""
    return MarkedObject(label, box, **more)


class Folder:
    """A data set that a test makes, image by image."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.images: list[ListedImage] = []

    def add(self, name: str, *objects: MarkedObject, image: Image.Image | bytes | None = None, **more: Any) -> Path:
        """Add an image with its objects: one that is drawn, the bytes of a file, or by default one of one colour."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(image, bytes):
            path.write_bytes(image)
        else:
            (image or drawn()).save(path, quality=95)
        self.images.append(ListedImage(path, objects, **more))
        return path

    def read(self, *, names: tuple[str, ...] = (), **changes: Any) -> RawData:
        """Read the photos with the default keys, but for changes."""
        return photos(Listing(self.path.name, tuple(self.images), names), keys(self.path, **changes))


def is_close(values: np.ndarray, colour: tuple[int, ...], tolerance: int = 6) -> bool:
    """Whether pixels have a colour, but for what JPEG makes of it."""
    return bool((np.abs(values.astype(int) - np.array(colour)) <= tolerance).all())
