"""Photos through a network, block by block, and its boxes back into their own pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from locexp.bbox.annotations import Placement
from locexp.data.photos import canvas, read
from locexp.data.photos.decode import REDUCING_GAP, UnusableError
from locexp.prediction.sources import Failure, Source
from locexp.trained.network import TrainedNetwork

BLOCK_VALUES, MOST_IN_BLOCK = 2**25, 128
"""A block has at most as many values on the canvas, and as many photos: it is what is in memory at a time."""
EXTREMES = (0.5, 99.5)
"""The percentiles that are taken for the darkest and the lightest of an image."""
PAPER, EVENNESS = 160, 32
"""Of a photo that is like a drawing: how light its border is at least, and how far the middle half of it spreads."""


@dataclass(frozen=True)
class Prediction:
    """What a network says of an image.

    Attributes:
        source: the image.
        name: of the most probable class.
        probability: of that class.
        box: half-open x1, y1, x2, y2 in pixels of the image, the right way up. It is the network's own, so it may
            reach outside the image.
        size: width and height of the image, the right way up.
        inverted: the image is dark on light, and was shown to the network light on dark.
    """

    source: Source
    name: str
    probability: float
    box: tuple[float, float, float, float]
    size: tuple[int, int]
    inverted: bool


def predict(network: TrainedNetwork, sources: Sequence[Source]) -> Iterator[list[Prediction | Failure]]:
    """Yield what a network says of images, in their order, block by block: memory does not grow with their number."""
    width, height = network.canvas
    size = min(MOST_IN_BLOCK, max(1, BLOCK_VALUES // (width * height * network.channels)))
    for start in range(0, len(sources), size):
        yield _predict_block(network, sources[start : start + size])


def _predict_block(network: TrainedNetwork, sources: Sequence[Source]) -> list[Prediction | Failure]:
    images, placement, problems = _on_canvas(network, sources)
    inverted = [_prepare(image, placement, index, network) for index, image in enumerate(images)]
    probabilities, boxes = network.predict(images)
    boxes = placement.to_original(boxes)
    outcomes: list[Prediction | Failure] = []
    for index, source in enumerate(sources):
        problem = problems[index]
        if problem is None and not (np.isfinite(probabilities[index]).all() and np.isfinite(boxes[index]).all()):
            problem = "the network answers with what is no number"
        if problem is not None:
            outcomes.append(Failure(source.file, problem))
            continue
        best = int(probabilities[index].argmax())
        x1, y1, x2, y2 = boxes[index].tolist()
        width, height = placement.sizes[index].tolist()
        outcomes.append(
            Prediction(
                source,
                network.class_names[best],
                float(probabilities[index, best]),
                (x1, y1, x2, y2),
                (width, height),
                inverted[index],
            )
        )
    return outcomes


def _on_canvas(
    network: TrainedNetwork, sources: Sequence[Source]
) -> tuple[np.ndarray, Placement, Sequence[str | None]]:
    """Return images on the canvas, how they lie there, and why some cannot be read."""
    width, height = network.canvas
    shape = (len(sources), height, width, 3)[: 3 if network.channels == 1 else 4]
    images, problems = np.zeros(shape, np.uint8), list[str | None]([None] * len(sources))
    sizes = np.ones((len(sources), 2), np.int64)
    files = [index for index, source in enumerate(sources) if source.image is None]
    if files:
        paths = [Path(sources[index].file) for index in files]
        photos = read.photos(paths, read.headers(paths), network.canvas, network.resize, network.channels)
        images[files], sizes[files] = photos.images, photos.placement.sizes
        for index, header in zip(files, photos.headers, strict=True):
            problems[index] = str(header) if isinstance(header, UnusableError) else None
    for index, source in enumerate(sources):
        if source.image is not None:
            sizes[index] = source.image.shape[1::-1]
    placement = canvas.fit(sizes, network.canvas, network.resize)
    for index, source in enumerate(sources):
        if source.image is not None:
            values = _scaled(source.image, canvas.scaled_size(placement, index), network.channels)
            canvas.put(values, images[index], placement.offset[index])
    return images, placement, problems


def _scaled(image: np.ndarray, size: tuple[int, int], channels: int) -> np.ndarray:
    """Return an image of an array as photos are brought to a size and to channels."""
    if image.shape[1::-1] == size:
        scaled = image
    else:
        scaled = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=REDUCING_GAP))
    if channels == 1:
        return scaled if scaled.ndim == 2 else read.grey_levels(scaled[np.newaxis])[0]
    return scaled if scaled.ndim == 3 else np.repeat(scaled[..., np.newaxis], 3, axis=2)


def _prepare(image: np.ndarray, placement: Placement, index: int, network: TrainedNetwork) -> bool:
    """Make an image on the canvas more like those of the training; return whether it was inverted.

    Around a drawing, the canvas gets the colour of the drawing's border: a network that was trained on drawings has
    not seen the padding of photos.
    """
    width, height = canvas.scaled_size(placement, index)
    left, top = placement.offset[index].tolist()
    photo = image[top : top + height, left : left + width]
    inverted = network.is_light_on_dark and _is_dark_on_light(photo, are_photos=network.are_photos)
    if inverted:
        photo[:] = 255 - photo
    if photo.shape != image.shape and (inverted or not network.are_photos):
        values = photo.copy()
        image[:] = np.rint(np.median(_border(photo), axis=0))
        photo[:] = values
    return inverted


def _is_dark_on_light(photo: np.ndarray, *, are_photos: bool) -> bool:
    """Whether an image, uint8 (height, width), is dark on light.

    Args:
        photo: without padding.
        are_photos: the training images were photos, in which a light border alone is no sign of paper.
    """
    border = _border(photo)
    ground = np.median(border)
    darkest, lightest = np.percentile(photo, EXTREMES)
    if are_photos:
        lower, upper = np.percentile(border, (25, 75))
        if ground < PAPER or upper - lower > EVENNESS:
            return False
    return bool(ground - darkest > lightest - ground)


def _border(photo: np.ndarray) -> np.ndarray:
    """Return the pixels at the four sides of an image: (n,) or (n, 3)."""
    return np.concatenate([photo[0], photo[-1], photo[:, 0], photo[:, -1]])
