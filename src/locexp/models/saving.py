"""Saving a network, and making sure that what was saved is what was trained."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np

from locexp.errors import UserError, first_line
from locexp.images import with_channels
from locexp.models.pixels import pixel_model, takes_pixels
from locexp.system.files import replacing

MODEL = "model.keras"
SavedInput = Literal["pixels", "fractions"]
"""What values a saved network takes: 0 to 255, or 0 to 1 as in training."""
CHECKED_IMAGES = 16
TOLERANCE = 1e-5
"""Largest difference between the outputs of a network and of its reloaded copy."""
SUM_TOLERANCE = 0.02
"""How far probabilities may be from a sum of 1: those of a head in bfloat16 are rounded to 2 digits."""


def check_round_trip(model: Any, images: np.ndarray, h5: str | None, num_classes: int, saved_input: SavedInput) -> None:
    """Check, before training, what a network returns, and that plain Keras can save it and load it again.

    Args:
        model: the network.
        images: uint8, (n, height, width[, 3]); some of them are shown to it.
        h5: check the legacy format as well, where it is asked for.
        num_classes: of the data.
        saved_input: what values the saved one takes.

    Raises:
        UserError: its outputs are not probabilities and boxes, it cannot be saved, or the copy returns something else.
    """
    _check_predictions(_predictions(model, images), num_classes)
    with tempfile.TemporaryDirectory() as folder:
        for name in (MODEL, *([h5] if h5 else [])):
            try:
                difference = _difference(model, save(model, Path(folder) / name, saved_input), images)
            except OSError as error:
                raise UserError(f"TMPDIR={tempfile.gettempdir()}: a network cannot be saved ({error}).") from error
            except Exception as error:
                raise UserError(
                    f"model: the network cannot be saved as {Path(name).suffix} and loaded again by Keras "
                    f"({first_line(error)}). Build it from plain layers, or register your own with "
                    "keras.saving.register_keras_serializable."
                ) from error
            if not difference <= TOLERANCE:
                raise UserError(
                    f"model: saved as {Path(name).suffix} and loaded again, the network's outputs differ by "
                    f"{difference:.2g}; expected at most {TOLERANCE:g}."
                )


def save(model: Any, path: Path, saved_input: SavedInput) -> Any:
    """Save a network and return it as loaded again from that file (safe mode: no code in the file is run)."""
    import keras

    saved = pixel_model(model) if saved_input == "pixels" else model

    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)  # "this format is legacy": it was asked for by name
    try:
        with replacing(path) as partial:
            saved.save(partial)
    finally:
        log.setLevel(level)
    return keras.models.load_model(path, safe_mode=True, compile=False)


def load_model(directory: Path) -> Any | None:
    """Load the network of a run's folder (safe mode: no code in the file is run); ``None`` where it has none.

    Raises:
        UserError: the file is not whole, or holds what is not loaded.
    """
    path = directory / MODEL
    if not path.is_file():
        return None
    from locexp.system.tensorflow import start_tensorflow

    start_tensorflow()
    import keras

    try:
        return keras.models.load_model(path, safe_mode=True, compile=False)
    except Exception as error:  # of Keras, which has no common one
        raise UserError(f"{path}: cannot be loaded ({first_line(error, 200)}).") from error


def save_checked(model: Any, path: Path, images: np.ndarray, saved_input: SavedInput) -> Any:
    """Save a trained network, load it again and compare the two on some images; returns the loaded one.

    Raises:
        RuntimeError: the copy returns something else.
    """
    loaded = save(model, path, saved_input)
    difference = _difference(model, loaded, images)
    if not difference <= TOLERANCE:
        raise RuntimeError(f"{path} was saved, but loaded again its outputs differ by {difference:.2g}")
    return loaded


def _check_predictions(predictions: dict[str, np.ndarray], num_classes: int) -> None:
    probabilities = predictions["classification"]
    if probabilities.shape[1] != num_classes:
        raise UserError(
            f"model: the network tells {probabilities.shape[1]} classes apart, but the data have {num_classes}; "
            "expected as many outputs of classification as num_classes, which its builder is given."
        )
    sums = probabilities.sum(axis=1)
    if not (probabilities.min() >= 0 and np.abs(sums - 1).max() <= SUM_TOLERANCE):
        row = probabilities[np.abs(sums - 1).argmax()]
        raise UserError(
            f"model: the network's classification is not probabilities: for one image its {num_classes} values run "
            f"from {row.min():.3g} to {row.max():.3g} and sum to {row.sum():.3g}; expected values >= 0 with sum 1, as "
            "activation='softmax' makes them."
        )
    if not np.isfinite(predictions["bbox"]).all():
        raise UserError("model: the network's boxes are not finite before it is trained; expected finite numbers.")


def _difference(model: Any, loaded: Any, images: np.ndarray) -> float:
    first, second = _predictions(model, images), _predictions(loaded, images)
    return max(float(np.abs(first[name] - second[name]).max()) for name in first)


def _predictions(model: Any, images: np.ndarray) -> dict[str, np.ndarray]:
    batch = with_channels(images[:CHECKED_IMAGES]).astype(str(model.inputs[0].dtype))
    if not takes_pixels(model):
        # As the first layer of a saved one does. Division may round the last bit in another way, and what a network
        # makes of that depends on the network.
        batch = batch * batch.dtype.type(1 / 255)
    return {name: np.asarray(values, np.float64) for name, values in model(batch, training=False).items()}
