"""Runs by hand: a network that answers what it is told to, and the record of its run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from locexp.records.record import RunRecord
from locexp.system.tensorflow import start_tensorflow


def network(canvas: tuple[int, int], channels: int, probabilities: Sequence[float], box: Sequence[float]) -> Any:
    """Return a Keras model that gives the same answer for every image; ``box`` is normalised."""
    start_tensorflow()
    import keras

    image = keras.Input((canvas[1], canvas[0], channels))
    mean = keras.layers.GlobalAveragePooling2D()(image)
    named = keras.layers.Dense(len(probabilities), activation="softmax", name="classification")(mean)
    located = keras.layers.Dense(4, name="bbox")(mean)
    model = keras.Model(image, {"classification": named, "bbox": located})
    answer(model, probabilities, box)
    return model


def answer(model: Any, probabilities: Sequence[float], box: Sequence[float]) -> None:
    """Let a network give another answer."""
    for name, bias in (("classification", np.log(probabilities)), ("bbox", box)):
        kernel, _ = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights([np.zeros_like(kernel), np.asarray(bias, np.float32)])


def by_brightness(model: Any) -> None:
    """Let a network of two classes answer with the second for images that are light on the whole."""
    kernel, bias = model.get_layer("classification").get_weights()
    steep = np.zeros_like(kernel)
    steep[:, 1] = 200 / len(kernel)
    model.get_layer("classification").set_weights([steep, np.array([100.0, 0.0], np.float32)])
    assert bias.shape == (2,)


def leave_run(
    folder: Path,
    *,
    canvas: tuple[int, int] = (28, 28),
    channels: int = 1,
    probabilities: Sequence[float] = (0.25, 0.75),
    box: Sequence[float] = (0.25, 0.25, 0.75, 0.5),
    model: Any = None,
    **dataset: Any,
) -> Path:
    """Leave what ``predict`` reads of a run; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"name": "mine", "canvas": f"{canvas[0]}x{canvas[1]}", "classes": len(probabilities)} | dataset
    RunRecord(name="by hand", status="FINISHED", tags={"kind": "run"}, dataset=facts).write(folder)
    (model or network(canvas, channels, probabilities, box)).save(folder / "model.keras")
    return folder
