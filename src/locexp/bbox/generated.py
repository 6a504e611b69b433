"""What strategies that draw have in common: scenes by the block, noise, and new ones in every epoch."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from locexp.bbox.draws import Key, example_key
from locexp.bbox.noise import Noise, NoiseLevel, add_noise
from locexp.bbox.scenes import Scenes
from locexp.bbox.warping import Augment, check_fresh
from locexp.bounds import checked

BLOCK_PIXELS = 2**20
"""Pixels that are composed at a time, so that memory does not grow with n."""
NOISE_PIXELS = 2**17
"""Pixels that get noise at a time: what is in between stays in the CPU's cache."""


class Generated(ABC):
    """A strategy whose scenes are functions of (scene seed, split, index, epoch).

    Subclasses say what they need of a split (:meth:`prepare`) and how scenes are made of it (:meth:`recipe`).

    Args:
        noise: ``gaussian``, ``salt`` or ``None``.
        noise_level: see :func:`locexp.bbox.noise.add_noise`.
        fresh: whether training scenes are new in every epoch.
        augment: how much training digits are warped, 0 to 1, see :mod:`locexp.bbox.warping`; with ``fresh`` alone.

    Raises:
        UserError: out of range.
    """

    @checked("bbox")
    def __init__(
        self, noise: Noise = None, noise_level: NoiseLevel = 0.1, fresh: bool = False, augment: Augment = 0.0
    ) -> None:
        check_fresh(augment, fresh)
        self.noise, self.noise_level, self.fresh, self.augment = noise, noise_level, fresh, float(augment)

    def is_warped(self, split: str) -> bool:
        """Return whether digits of a split are warped."""
        return self.augment > 0 and split == "train"

    @abstractmethod
    def prepare(self, images: np.ndarray, split: str) -> Any:
        """Return what the recipe reads: a dataclass of arrays; raises :class:`UserError`."""

    @abstractmethod
    def scene_pixels(self, source: Any) -> int:
        """Return how many pixels a scene has."""

    @abstractmethod
    def recipe(self, source: Any, indices: np.ndarray, key: Key, split: str) -> Scenes:
        """Return scenes before noise, for indices (n,) of the split and their key."""

    def compose(self, images: np.ndarray, *, split: str, scene_seed: int, epoch: int = 0) -> Scenes:
        """Make the scenes of a split (uint8 (n, height, width)) in an epoch; raises :class:`UserError`."""
        source = self.prepare(images, split)
        return self.scenes(source, np.arange(len(images)), split=split, scene_seed=scene_seed, epoch=epoch)

    def scenes(self, source: Any, indices: np.ndarray, *, split: str, scene_seed: int, epoch: int = 0) -> Scenes:
        """Make the scenes of some examples (int (n,), n >= 1), in any order.

        Args:
            source: what :meth:`prepare` made of the split.
            indices: places in the split.
            split, scene_seed, epoch: see :meth:`compose`.
        """
        size = max(1, BLOCK_PIXELS // self.scene_pixels(source))
        made: dict[str, np.ndarray] = {}

        def block(start: int) -> None:
            chosen = indices[start : start + size]
            key = example_key(scene_seed, split, chosen, epoch)
            drawn = self.recipe(source, chosen, key, split)
            noisy = replace(drawn, images=self._noisy(key, drawn.images))
            for name, values in vars(noisy).items():
                if values is not None:
                    if start == 0:
                        made[name] = np.empty((len(indices), *values.shape[1:]), values.dtype)
                    made[name][start : start + size] = values

        block(0)  # says what there is to hold
        if len(indices) > size:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(block, range(size, len(indices), size)))
        return Scenes(**made)

    def _noisy(self, key: Key, images: np.ndarray) -> np.ndarray:
        """Add noise, to few images at a time: it takes many bytes a pixel."""
        if self.noise is None:
            return images
        noisy = np.empty_like(images)
        size = max(1, NOISE_PIXELS // (images.shape[1] * images.shape[2]))
        for part in (slice(first, first + size) for first in range(0, len(images), size)):
            words = (key[0][part], key[1][part])
            noisy[part] = add_noise(words, images[part], self.noise, self.noise_level)
        return noisy


def normalised(boxes: np.ndarray, canvas: tuple[int, int], units: int = 1) -> np.ndarray:
    """Divide boxes (int (n, 4), in 1/``units`` pixel) by (width, height) of the canvas: float32 (n, 4).

    The quotients are looked up, so that they are rounded once, whatever the type of the boxes.
    """
    x, y = (np.divide(np.arange(side * units + 1), side * units).astype(np.float32) for side in canvas)
    return np.stack([table[boxes[:, side]] for side, table in enumerate((x, y, x, y))], axis=-1)
