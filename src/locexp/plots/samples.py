"""Some test images of a run, as they are, and what the network predicts for them: what a page draws boxes on.

``samples.webp`` has the images one below the other, without boxes, so that the runs of one data set have the same file;
``samples.csv`` has one row for each of them.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from locexp.evaluation.metrics import Predictions
from locexp.evaluation.terms import UserTerms
from locexp.plots.mosaic import resized
from locexp.system.files import write_whole

IMAGES, TABLE = "samples.webp", "samples.csv"
"""In the folder of a run's pictures."""
LONGEST_SIDE = 160
"""Larger images are made smaller, in pixels."""
LOSSLESS_VALUES = 150_000
"""As many values of pixels are kept without a loss; more than these are photos, or many."""
QUALITY = 80
SIDES = ("x1", "y1", "x2", "y2")
HEADER = (
    *("index", "file", "label", "predicted", "confidence", "iou"),
    *(f"true_{side}" for side in SIDES),
    *(f"predicted_{side}" for side in SIDES),
)
"""Boxes are in shares of the image's width and height."""


@dataclass(frozen=True)
class Sample:
    """What a network predicts for an image.

    Attributes:
        label, predicted: names of the classes.
        confidence: the probability of the predicted class.
        iou: of the predicted box.
        truth, box: x1, y1, x2, y2 in shares of the image's width and height.
        file: of the image; empty where it has none of its own.
    """

    label: str
    predicted: str
    confidence: float
    iou: float
    truth: tuple[float, ...]
    box: tuple[float, ...]
    file: str = ""


@dataclass(frozen=True)
class Samples:
    """The samples of a run.

    Attributes:
        images: a WebP of them, one below the other.
        size: width and height of each, in pixels.
        predictions: one per image.
    """

    images: bytes
    size: tuple[int, int]
    predictions: list[Sample]


def write_samples(
    directory: Path, images: np.ndarray, predictions: Predictions, terms: UserTerms, chosen: np.ndarray
) -> None:
    """Write :data:`IMAGES` and :data:`TABLE` to a folder.

    Args:
        directory: of the pictures.
        images: uint8, (n, height, width[, 3]).
        predictions, terms: of the same n examples.
        chosen: indices of the samples.
    """
    write_whole(directory / IMAGES, _strip(images[chosen]))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for index in chosen.tolist():
        names = (terms.class_names[classes[index]] for classes in (predictions.labels, predictions.classes))
        measured = (predictions.confidence[index], predictions.iou[index])
        numbers = [*measured, *predictions.truth[index].tolist(), *predictions.boxes[index].tolist()]
        file = "" if terms.files is None else terms.files[index]
        writer.writerow([index, file, *names, *(f"{number:.4g}" for number in numbers)])
    # A file's name may hold bytes that are no text.
    write_whole(directory / TABLE, text.getvalue().encode(errors="backslashreplace"))


def _strip(images: np.ndarray) -> bytes:
    """Return a WebP of images, one below the other."""
    height, width = images.shape[1:3]
    scale = min(1, LONGEST_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size != (width, height):
        images = np.stack([np.asarray(resized(image, size)) for image in images])
    strip = Image.fromarray(images.reshape(-1, *images.shape[2:])).convert("RGB")
    stream = io.BytesIO()
    strip.save(stream, "WEBP", lossless=images.size <= LOSSLESS_VALUES, quality=QUALITY, method=4)
    return stream.getvalue()


def parse_samples(images: bytes | None, table: bytes | None) -> Samples | None:
    """Return the samples that the contents of the two files hold; ``None`` where one is missing or cannot be read."""
    if images is None or table is None:
        return None
    try:
        found = [_sample(row) for row in csv.DictReader(io.StringIO(table.decode(), newline=""))]
        with Image.open(io.BytesIO(images), formats=["WEBP"]) as strip:
            width, height = strip.size
        if not found or height % len(found):
            return None
        return Samples(images, (width, height // len(found)), found)
    except (ValueError, KeyError, TypeError, OSError, csv.Error, Image.DecompressionBombError):
        return None


def _sample(row: dict[str, str]) -> Sample:
    return Sample(
        label=row["label"],
        predicted=row["predicted"],
        confidence=_finite(row["confidence"]),
        iou=_finite(row["iou"]),
        truth=_box(row, "true"),
        box=_box(row, "predicted"),
        file=row["file"],
    )


def _box(row: dict[str, str], whose: str) -> tuple[float, ...]:
    return tuple(_finite(row[f"{whose}_{side}"]) for side in SIDES)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text}: not a finite number")
    return number
