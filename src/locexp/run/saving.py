"""Saving a network, and making sure that what was saved is what was trained."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from locexp.errors import UserError

MODEL = "model.keras"
CHECKED_IMAGES = 16
TOLERANCE = 1e-5
"""Largest difference between the outputs of a network and of its reloaded copy."""


def check_round_trip(model: Any, images: np.ndarray, h5: str | None) -> None:
    """Check, before training, that a network can be saved and loaded again by plain Keras.

    Args:
        model: the network.
        images: uint8, (n, height, width); some of them are compared.
        h5: check the legacy format as well, where it is asked for.

    Raises:
        UserError: it cannot, or the copy says something else.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name in (MODEL, *([h5] if h5 else [])):
            try:
                difference = _difference(model, save(model, Path(folder) / name), images)
            except Exception as error:
                reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                raise UserError(
                    f"model: the network cannot be saved as {Path(name).suffix} and loaded again by Keras ({reason}). "
                    "Build it from plain layers, or register your own with keras.saving.register_keras_serializable."
                ) from error
            if not difference <= TOLERANCE:
                raise UserError(
                    f"model: saved as {Path(name).suffix} and loaded again, the network's outputs differ by "
                    f"{difference:.2g}; expected at most {TOLERANCE:g}."
                )


def save(model: Any, path: Path) -> Any:
    """Save a network and return it as loaded again from that file (safe mode: no code in the file is run)."""
    import keras

    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)  # "this format is legacy": it was asked for by name
    try:
        model.save(path)
    finally:
        log.setLevel(level)
    return keras.models.load_model(path, safe_mode=True, compile=False)


def save_checked(model: Any, path: Path, images: np.ndarray) -> Any:
    """Save a trained network, load it again and compare the two on some images; returns the loaded one.

    Raises:
        RuntimeError: the copy says something else.
    """
    loaded = save(model, path)
    difference = _difference(model, loaded, images)
    if not difference <= TOLERANCE:
        raise RuntimeError(f"{path} was saved, but loaded again its outputs differ by {difference:.2g}")
    return loaded


def _difference(model: Any, loaded: Any, images: np.ndarray) -> float:
    batch = images[:CHECKED_IMAGES, ..., np.newaxis].astype(np.float32) / 255
    first, second = model(batch, training=False), loaded(batch, training=False)
    return max(float(np.abs(np.asarray(first[name]) - np.asarray(second[name])).max()) for name in first)
