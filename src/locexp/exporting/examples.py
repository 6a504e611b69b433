"""Real images to check an exported network with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from omegaconf import OmegaConf
from PIL import Image

from locexp.data.bundled import bundled_digits
from locexp.errors import UserError, first_line
from locexp.images import with_channels
from locexp.records.record import RunRecord
from locexp.run.resume import stored_configuration
from locexp.run.training_data import load_training_data

MOST = 128
OWN = "locexp."
"""How the targets start that are loaded: what a user's own code would do, or a stranger's, is not known."""


@dataclass(frozen=True)
class Examples:
    """Images to run a network on.

    Attributes:
        images: float32 (n, height, width, channels), pixel values.
        what: in words.
        note: what the user must know of them.
    """

    images: np.ndarray
    what: str
    note: str = ""


def examples_for(record: RunRecord, canvas: tuple[int, int], channels: int) -> Examples:
    """Return images of a run's test part; where these cannot be had, bundled digits.

    Args:
        record: of the run, as read from its folder.
        canvas: (width, height) of the network's images.
        channels: 1 or 3.
    """
    shape = (canvas[1], canvas[0], channels)
    try:
        images, changed = _of_test_part(record)
        if with_channels(images).shape[1:] != shape:
            raise UserError(f"they are {images.shape[1:]}, the network's {shape}")
    except (UserError, OSError) as error:
        note = f"The run's own test images are not to be had ({first_line(error)}): bundled digits were used."
        return Examples(_digits(shape), "bundled digits", note)
    chosen = np.linspace(0, len(images) - 1, min(MOST, len(images))).round().astype(int)
    found = with_channels(images[chosen]).astype(np.float32)
    return Examples(found, f"the test part of {record.dataset.get('name')}", changed)


def _of_test_part(record: RunRecord) -> tuple[np.ndarray, str]:
    """Return the images, and what has changed about them; raises UserError and OSError."""
    if record.directory is None:
        raise UserError("the run has no folder")
    cfg = stored_configuration(record.directory, record)
    for target in _targets([OmegaConf.to_container(cfg[key]) for key in ("data", "bbox")]):
        if not str(target).startswith(OWN):
            raise UserError(f"{target} is your own code, which export does not run")
    data = load_training_data(cfg)
    then, now = record.dataset.get("scenes_sha256"), data.scenes_digest
    return data.scenes["test"].images, "" if then == now else "The test images have changed since the run."


def _targets(node: object) -> list[object]:
    """Return what a configuration would call."""
    if isinstance(node, list):
        return [target for one in node for target in _targets(one)]
    if not isinstance(node, dict):
        return []
    own = [node["_target_"]] if "_target_" in node else []
    return own + [target for one in node.values() for target in _targets(one)]


def _digits(shape: tuple[int, int, int]) -> np.ndarray:
    height, width, channels = shape
    images, _ = bundled_digits()
    chosen = images[:: len(images) // MOST][:MOST]
    scaled = np.stack([np.asarray(Image.fromarray(one).resize((width, height))) for one in chosen])
    return np.repeat(scaled[..., np.newaxis], channels, axis=3).astype(np.float32)
