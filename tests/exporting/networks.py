"""Untrained networks to export, as if a run had left them."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from locexp.models.pixels import pixel_model
from locexp.records.record import RunRecord
from locexp.trained.network import Resize, TrainedNetwork
from tests.models.networks import TINY

CLASSES = ("cat", "dog", "größe", "it's")
RECORD = RunRecord(name="bbox_weight=8 seed=0", metrics={"test/accuracy": 0.5}, dataset={"name": "pets"}, run_id="1f")


def network(
    name: str = "cnn",
    canvas: tuple[int, int] = (28, 28),
    channels: int = 1,
    resize: Resize | None = "letterbox",
    *,
    pixels: bool = True,
) -> TrainedNetwork:
    """Build a small network in Keras's current precision, with weights that give each image other outputs.

    Args:
        name: of its configuration file.
        canvas: (width, height).
        channels: 1 or 3.
        resize: of its photos; ``None`` where it has not seen any.
        pixels: it takes 0 to 255; else 0 to 1, as those of version 0.1.
    """
    module = importlib.import_module(f"locexp.models.{name}")
    model = module.build((*canvas[::-1], channels), len(CLASSES), **TINY[name])
    rng = np.random.default_rng(0)
    for weight in model.weights:  # larger than initial ones; and normalization has seen something
        values = weight.numpy()
        weight.assign(np.abs(values) + rng.random(values.shape) if "moving" in weight.path else values * 2)
    return TrainedNetwork(
        model=pixel_model(model) if pixels else model,
        canvas=canvas,
        channels=channels,
        resize=resize or "letterbox",
        are_photos=resize is not None,
        class_names=CLASSES,
        is_light_on_dark=channels == 1 and resize is None,
    )


def outputs(model: Any, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return what a Keras model answers."""
    return {name: np.asarray(values, np.float64) for name, values in model(images, training=False).items()}
