"""What strategies that draw have in common: scenes in blocks, noise, and new ones in every epoch."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from locexp.bbox.draws import RandomKey, example_key
from locexp.bbox.noise import Noise, NoiseLevel, add_noise
from locexp.bbox.scenes import Scenes
from locexp.bbox.warping import Augment
from locexp.bounds import checked
from locexp.errors import UserError
from locexp.images import channels_of

BLOCK_PIXELS = 2**20
"""Pixels that are composed at a time, so that memory does not grow with n."""


class Generated(ABC):
    """A strategy whose scenes are functions of (scene seed, split, index, epoch).

    Subclasses say what they read from a split (:meth:`prepare`) and how they make scenes from it (:meth:`recipe`).

    Args:
        noise: ``gaussian``, ``salt`` or ``None``.
        noise_level: see :func:`locexp.bbox.noise.add_noise`.
        fresh: whether training scenes are new in every epoch.
        augment: how much training images are changed, 0 to 1, see :mod:`locexp.bbox.warping`; only with ``fresh``.

    Attributes:
        canvas: (width, height) of the scenes in pixels; ``None`` where it is that of the images.
        takes_colour: whether images may be in colour: where boxes are those of the ink, they may not.

    Raises:
        UserError: out of range.
    """

    canvas: tuple[int, int] | None = None
    takes_colour = False

    @checked("bbox")
    def __init__(
        self, noise: Noise = None, noise_level: NoiseLevel = 0.1, fresh: bool = False, augment: Augment = 0.0
    ) -> None:
        if augment and not fresh:
            raise UserError(
                f"bbox.augment={augment}: changes training images anew in every epoch, which bbox.fresh={fresh} "
                "forbids; expected bbox.fresh=true beside it."
            )
        self.noise, self.noise_level, self.fresh, self.augment = noise, noise_level, fresh, float(augment)

    def is_warped(self, split: str) -> bool:
        """Return whether images of a split are augmented."""
        return self.augment > 0 and split == "train"

    @abstractmethod
    def prepare(self, images: np.ndarray, split: str) -> Any:
        """Return what the recipe reads, which may be scenes that lack only noise; raises :class:`UserError`."""

    def recipe(self, source: Any, indices: np.ndarray, key: RandomKey, split: str) -> Scenes:
        """Return scenes before noise, for indices (n,) of the split and their key: by default those of the source."""
        return Scenes(source.images[indices], source.boxes[indices])

    def compose(self, images: np.ndarray, *, split: str, scene_seed: int, epoch: int = 0) -> Scenes:
        """Make the scenes of a split in an epoch.

        Args:
            images: uint8 (n, height, width), or (n, height, width, 3) if the strategy takes colour.
            split, scene_seed, epoch: what the draws depend on, with the position in the split.

        Raises:
            UserError: the images are not what the strategy needs.
        """
        if channels_of(images) != 1 and not self.takes_colour:
            raise UserError(
                f"bbox={type(self).__name__.lower()}: finds the ink of grey images, and the {split} images are in "
                "colour; expected bbox=annotated for boxes that came with the data, or grey images "
                "(data.channels=1 of voc, coco, yolo and table)."
            )
        return self.made(self.prepare(images, split), images, split=split, scene_seed=scene_seed, epoch=epoch)

    def made(self, source: Any, images: np.ndarray, *, split: str, scene_seed: int, epoch: int) -> Scenes:
        """Make the scenes of a split in an epoch from what :meth:`prepare` returned for its images."""
        if isinstance(source, Scenes) and self.noise is None and not self.is_warped(split):
            return source  # unchanged images are passed on, not copied
        size = max(1, BLOCK_PIXELS // math.prod(self.canvas or images.shape[1:]))
        made: dict[str, np.ndarray] = {}

        def block(start: int) -> None:
            indices = np.arange(start, min(start + size, len(images)))
            key = example_key(scene_seed, split, indices, epoch)
            drawn = self.recipe(source, indices, key, split)
            noisy = replace(drawn, images=add_noise(key, drawn.images, self.noise, self.noise_level))
            for name, values in vars(noisy).items():
                if values is not None:
                    if start == 0:
                        made[name] = np.empty((len(images), *values.shape[1:]), values.dtype)
                    made[name][start : start + size] = values

        block(0)  # shows which arrays there are
        if len(images) > size:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(block, range(size, len(images), size)))
        return Scenes(**made)
