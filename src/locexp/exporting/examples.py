"""Real images to check an exported network with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from locexp.configuration.renamed import rename_keys
from locexp.configuration.schema import Config, plain
from locexp.configuration.targets import import_target
from locexp.data.bundled import bundled_digits
from locexp.errors import UserError, first_line, worded
from locexp.images import with_channels
from locexp.records.record import RunRecord
from locexp.run.folder import began_in
from locexp.run.resume import CONFIG
from locexp.run.training_data import load_training_data

MOST = 128
KNOWN = {"data": "locexp.data.", "bbox": "locexp.bbox."}
"""How the targets start that images are made with. What others would do, which may be a stranger's, is not known: not
even their modules are imported."""


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
    except Exception as error:  # of data that have gone, or of a configuration that was tampered with
        why = first_line(error) if isinstance(error, UserError) else worded(error)
        note = f"The run's own test images are not to be had ({why}): bundled digits are used to check."
        return Examples(_digits(shape), "bundled digits", note)
    chosen = np.linspace(0, len(images) - 1, min(MOST, len(images))).round().astype(int)
    found = with_channels(images[chosen]).astype(np.float32)
    return Examples(found, f"the test part of {record.dataset.get('name')}", changed)


def _of_test_part(record: RunRecord) -> tuple[np.ndarray, str]:
    """Return the images, and what has changed about them; raises whatever their configuration brings about."""
    if record.directory is None:
        raise UserError("the run's folder is not here")
    cfg = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.load(record.directory / CONFIG))
    assert isinstance(cfg, DictConfig)
    rename_keys(cfg)
    for part, known in KNOWN.items():
        for target in _targets(plain(cfg[part])):
            if not (str(target).startswith(known) and _is_own(str(target), known)):
                raise UserError(f"{target} is your own code, which export does not run")
    began = began_in(record.directory)
    if cfg.data.path is not None and began is not None and (began / cfg.data.path).exists():
        cfg.data.path = str(began / cfg.data.path)
    data = load_training_data(cfg)
    then, now = record.dataset.get("scenes_sha256"), data.scenes_digest
    return data.scenes["test"].images, "" if then == now else "The test images have changed since the run."


def _is_own(target: str, known: str) -> bool:
    """Whether a target in known modules is made there; these also import what would run anything."""
    module = getattr(import_target(target, "_target_"), "__module__", None)
    return str(module).startswith(known)


def _targets(node: object) -> list[object]:
    """Return what a part of a configuration would call."""
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
