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
    import keras

    keras.utils.set_random_seed(0)
    module = importlib.import_module(f"locexp.models.{name}")
    model = module.build((*canvas[::-1], channels), len(CLASSES), **TINY[name])
    for layer in model._flatten_layers():  # as in training: deep networks answer each image in the same way else
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.01  # with 0, rounding grows from layer to layer
    model(pictures(16, channels, canvas) / 255, training=True)
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


def pictures(count: int, channels: int, canvas: tuple[int, int] = (28, 28)) -> np.ndarray:
    """Return images from dark to light: float32 (count, height, width, channels), pixel values."""
    noise = np.random.default_rng(1).integers(0, 256, (count, *canvas[::-1], channels))
    return (noise * np.linspace(0.1, 1, count)[:, None, None, None]).round().astype(np.float32)
