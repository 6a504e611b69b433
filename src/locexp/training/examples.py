"""The training examples of a stack: the same in every epoch, or new ones, made while the epoch before trains."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from locexp.bbox.scenes import Scenes
from locexp.keras_internals import tensor_of

FreshScenes = Callable[[int], Scenes]
"""From an epoch (from 0) to its scenes of the training part."""


class Examples:
    """Training examples, held in memory once for all members.

    Args:
        images: uint8, (n, height, width), or in colour (n, height, width, 3).
        labels: int64, (n,).
        boxes: float, (n, 4), normalised xyxy.
        dtype: of the boxes as tensors.
        fresh: makes the scenes of later epochs, on another thread; ``None`` where those given serve in every epoch.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        boxes: np.ndarray,
        dtype: str,
        fresh: FreshScenes | None = None,
    ) -> None:
        self._dtype, self._fresh = dtype, fresh
        self._first = images, boxes
        self._labels = tf.constant(labels, tf.int32)
        self._epoch: int | None = None
        self._scenes: tuple[tf.Tensor, ...] = ()
        self._ahead: tuple[int, Future[Scenes]] | None = None
        self._thread: ThreadPoolExecutor | None = None

    def of_epoch(self, epoch: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return images, labels (int32) and boxes of an epoch (from 0); raises what making them raises."""
        epoch = 0 if self._fresh is None else epoch
        if epoch != self._epoch:
            self._epoch, self._scenes = None, ()  # let go first: memory holds two epochs' scenes at most
            images, boxes = self._scenes_of(epoch)
            self._scenes = tensor_of(images), tf.constant(boxes, self._dtype)
            self._epoch = epoch
        images, boxes = self._scenes
        return images, self._labels, boxes

    def make_ahead(self, epoch: int) -> None:
        """Begin to make the scenes of an epoch, where they are not those of every other."""
        if self._fresh is not None:
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="scenes")
            self._ahead = epoch, self._thread.submit(self._fresh, epoch)

    def close(self) -> None:
        """End the thread, if need be after the scenes that it is making, which are dropped."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
        self._thread = self._ahead = None

    def _scenes_of(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        if self._fresh is None or epoch == 0:
            return self._first
        ahead, self._ahead = self._ahead, None
        scenes = ahead[1].result() if ahead is not None and ahead[0] == epoch else self._fresh(epoch)
        return scenes.images, scenes.boxes
