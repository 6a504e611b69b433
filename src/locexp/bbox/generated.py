"""What strategies that draw have in common: one recipe, run by NumPy over all examples or in the training graph."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from locexp.bbox.draws import Key, example_key
from locexp.bbox.namespaces import Graph, NumPy
from locexp.bbox.noise import Noise, NoiseLevel, add_noise
from locexp.bbox.scenes import Composer, Scenes
from locexp.bbox.warping import Augment, check_fresh
from locexp.bounds import checked

BLOCK_PIXELS = 2**20
"""Pixels that are composed at a time, so that memory does not grow with n."""
NOISE_PIXELS = 2**17
"""Pixels that get noise at a time: what is in between stays in the CPU's cache."""


@dataclass(frozen=True)
class Drawn:
    """What a recipe returns, as arrays or tensors; see :class:`locexp.bbox.scenes.Scenes`."""

    images: Any
    boxes: Any
    clean_boxes: Any = None
    clipped: Any = None
    covered: Any = None


class Generated(ABC):
    """A strategy whose scenes are functions of (scene seed, split, index, epoch).

    Subclasses say what they need of a split (:meth:`prepare`) and how scenes are made of it (:meth:`recipe`), in
    operations of :mod:`locexp.bbox.namespaces` alone.

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
        """Return what the recipe reads: a dataclass of NumPy arrays alone; raises :class:`UserError`."""

    @abstractmethod
    def scene_pixels(self, source: Any) -> int:
        """Return how many pixels a scene has."""

    @abstractmethod
    def recipe(self, xp: Any, source: Any, indices: Any, key: Key, split: str) -> Drawn:
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
            key = example_key(NumPy, scene_seed, split, chosen, epoch)
            drawn = self.recipe(NumPy, source, chosen, key, split)
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
            noisy[part] = add_noise(NumPy, words, images[part], self.noise, self.noise_level)
        return noisy

    def composer(self, images: np.ndarray, *, split: str, scene_seed: int) -> Composer:
        """Return what makes the same scenes in the graph; raises :class:`UserError`."""
        return GraphComposer(self, self.prepare(images, split), split, scene_seed)


class GraphComposer:
    """Scenes of a split in the graph; see :class:`locexp.bbox.scenes.Composer`.

    Args:
        strategy: whose scenes they are.
        source: what it made of the split.
        split, scene_seed: see :meth:`Generated.compose`.
    """

    def __init__(self, strategy: Generated, source: Any, split: str, scene_seed: int) -> None:
        import tensorflow as tf

        self._strategy, self._kind = strategy, type(source)
        self._split, self._scene_seed = split, scene_seed
        self._xp = Graph()
        with tf.init_scope():
            # tf.constant keeps a second copy beside the tensor for as long as it lives; its identity does not.
            self.data = tuple(tf.identity(tf.constant(getattr(source, entry.name))) for entry in fields(source))

    def __call__(self, indices: Any, epoch: Any, *data: Any) -> tuple[Any, Any]:
        """Return images and boxes."""
        xp, strategy = self._xp, self._strategy
        key = example_key(xp, self._scene_seed, self._split, indices, epoch)
        drawn = strategy.recipe(xp, self._kind(*(data or self.data)), indices, key, self._split)
        return add_noise(xp, key, drawn.images, strategy.noise, strategy.noise_level), drawn.boxes


def normalised(xp: Any, boxes: Any, canvas: tuple[int, int], units: int = 1) -> Any:
    """Divide boxes (int (n, 4), in 1/``units`` pixel) by (width, height) of the canvas: float32 (n, 4).

    The quotients are looked up: the optimizer of a graph may divide by multiplying.
    """
    x, y = (np.divide(np.arange(side * units + 1), side * units).astype(np.float32) for side in canvas)
    return xp.stack([xp.take(table, boxes[:, side]) for side, table in enumerate((x, y, x, y))])
