"""A trained network, loaded, with what is needed to take a photo and to answer in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from locexp.bbox.geometry import to_pixels
from locexp.errors import UserError, listed
from locexp.models.pixels import batch_of
from locexp.models.saving import load_model
from locexp.records.format import MalformedError
from locexp.records.record import RECORD
from locexp.trained.finding import FoundModel

OUTPUTS = ("classification", "bbox")
BATCH = 64
OF_VERSION_0_1 = ("mnist", "mnist_5k", "fashion_mnist")
"""Data whose images are light on dark, which the records of version 0.1 do not say."""
Resize = Literal["letterbox", "stretch"]


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with the facts about its training images that a photo must be brought to.

    Attributes:
        model: the Keras model, which takes what :func:`locexp.models.pixels.batch_of` makes.
        canvas: (width, height) in pixels.
        channels: 1 or 3.
        resize: how photos come on the canvas.
        are_photos: the training images were photos, put on the canvas in this way.
        class_names: of the outputs, in order.
        is_light_on_dark: the training images were grey, with dark borders.
    """

    model: Any
    canvas: tuple[int, int]
    channels: int
    resize: Resize
    are_photos: bool
    class_names: tuple[str, ...]
    is_light_on_dark: bool

    def predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities float64 (n, classes) and boxes float64 (n, 4), xyxy in pixels of the canvas.

        Args:
            images: uint8 (n, height, width) or (n, height, width, 3), on the canvas.
        """
        outputs = self.model.predict(batch_of(images, self.model), batch_size=BATCH, verbose=0)
        probabilities, boxes = (np.asarray(outputs[name], np.float64) for name in OUTPUTS)
        return probabilities, to_pixels(boxes, *self.canvas)


def load_network(found: FoundModel) -> TrainedNetwork:
    """Load a network (Keras's safe mode: nothing in the file is run).

    Raises:
        UserError: it cannot be loaded, is no network of locexp's, or does not go with the record of its run.
    """
    dataset = found.record.dataset
    source = f"{found.record.directory / RECORD if found.record.directory else RECORD}"
    canvas = _canvas(dataset, source)
    resize = _one_of(dataset, "resize", (*get_args(Resize), None), source)
    ground = _one_of(dataset, "ground", ("dark", "light", None), source)
    model = load_model(found.file.parent)
    if model is None:
        raise UserError(f"{found.file}: is gone.")
    shape: tuple[int | None, ...] = model.inputs[0].shape if len(model.inputs) == 1 else ()
    named = isinstance(model.output, dict) and set(OUTPUTS) <= set(model.output)
    if len(shape) != 4 or shape[3] not in (1, 3) or not named:
        raise UserError(
            f"{found.file}: expected a network with one input (n, height, width, 1 or 3) and the outputs "
            f"{listed(OUTPUTS)}."
        )
    expected = (None, canvas[1], canvas[0])
    if any(side is not None and side != own for side, own in zip(shape, expected, strict=False)):
        raise UserError(
            f"{found.file}: takes images of {shape[2]}x{shape[1]}, but its {RECORD} has a canvas of "
            f"{canvas[0]}x{canvas[1]}: they are not of one run."
        )
    classes = int(model.output["classification"].shape[-1])
    names = dataset.get("class_names") or [str(number) for number in range(classes)]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) != classes:
        raise MalformedError(f"{source}: cannot be read: dataset.class_names is not a list of {classes} texts.")
    is_old_dark = ground is None and dataset.get("name") in OF_VERSION_0_1
    return TrainedNetwork(
        model=model,
        canvas=canvas,
        channels=shape[3] or 1,
        resize=resize or "letterbox",
        are_photos=resize is not None,
        class_names=tuple(names),
        is_light_on_dark=shape[3] == 1 and (ground == "dark" or is_old_dark),
    )


def _canvas(dataset: dict[str, Any], source: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", str(dataset.get("canvas")))
    if found is None:
        raise MalformedError(f"{source}: cannot be read: dataset.canvas is {dataset.get('canvas')!r}; expected 96x96.")
    return int(found[1]), int(found[2])


def _one_of(dataset: dict[str, Any], name: str, allowed: tuple[str | None, ...], source: str) -> Any:
    value = dataset.get(name)
    if value not in allowed:
        raise MalformedError(f"{source}: cannot be read: dataset.{name} is {value!r}; expected {listed(allowed)}.")
    return value
