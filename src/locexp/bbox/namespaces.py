"""One composition for two worlds: the few array operations it needs, on NumPy arrays and in the TensorFlow graph.

Only what has the same result bit for bit in both is here: integers, comparisons, and float32 on whole numbers that it
holds exactly. A division of floats is left out on purpose: TensorFlow's graph optimizer turns it into a product.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class NumPy:
    """The operations on NumPy arrays.

    Attributes:
        pastes: whether drawing on a part of the canvas and pasting that is cheaper than drawing on all of it.
    """

    pastes = True

    @staticmethod
    def cast(values: Any, dtype: str) -> Any:
        return np.asarray(values).astype(dtype)

    @staticmethod
    def shift_right(values: Any, bits: int) -> Any:
        return np.right_shift(values, values.dtype.type(bits))

    @staticmethod
    def xor(values: Any, others: Any) -> Any:
        return np.bitwise_xor(values, others)

    @staticmethod
    def halves(words: Any) -> Any:
        """Return the two halves of each word (uint32 (n, m)), the lower one first: whole numbers (n, 2 m)."""
        return words.astype("<u4", copy=False).view("<u2")

    @staticmethod
    def minimum(values: Any, others: Any) -> Any:
        return np.minimum(values, others)

    @staticmethod
    def maximum(values: Any, others: Any) -> Any:
        return np.maximum(values, others)

    @staticmethod
    def clip(values: Any, low: Any, high: Any) -> Any:
        return np.clip(values, low, high)

    @staticmethod
    def where(condition: Any, values: Any, others: Any) -> Any:
        return np.where(condition, values, others)

    @staticmethod
    def take(values: Any, indices: Any) -> Any:
        """Return rows of ``values``, one an index."""
        return np.take(values, indices, axis=0)

    @staticmethod
    def pick(values: Any, indices: Any) -> Any:
        """Return of each row (n, m) what stands at its own places (n, k)."""
        return np.take_along_axis(values, indices, axis=1)

    @staticmethod
    def pad(values: Any) -> Any:
        """Return images (n, height, width) with a border of zeros, one pixel wide."""
        return np.pad(values, ((0, 0), (1, 1), (1, 1)))

    @staticmethod
    def place_of_largest(values: Any) -> Any:
        """Return the place of the first of the largest values in each row (n, m): int64 (n,)."""
        return values.argmax(axis=1)

    @staticmethod
    def stack(parts: list[Any]) -> Any:
        """Join along a new last axis."""
        return np.stack(parts, axis=-1)

    @staticmethod
    def reshape(values: Any, shape: tuple[int, ...]) -> Any:
        return np.reshape(values, shape)

    @staticmethod
    def count(values: Any) -> Any:
        """Return how many rows there are."""
        return len(values)

    @staticmethod
    def numbers(count: Any) -> Any:
        """Return 0 … count - 1: int64."""
        return np.arange(count, dtype=np.int64)

    @staticmethod
    def matmul(first: Any, second: Any) -> Any:
        """Multiply stacks of matrices, the second one transposed."""
        return np.matmul(first, second.transpose(0, 2, 1))

    @staticmethod
    def largest(values: Any, axis: int) -> Any:
        return values.max(axis=axis)

    @staticmethod
    def any(values: Any, axis: int) -> Any:
        return values.any(axis=axis)

    @staticmethod
    def share(values: Any, among: Any) -> Any:
        """Return the share of true pixels among those of a mask (n, h, w): float32 (n,), 0 where there are none."""
        marked, all_ = (np.count_nonzero(mask, axis=(1, 2)) for mask in (values & among, among))
        return (marked / np.maximum(all_, 1)).astype(np.float32)

    @staticmethod
    def first(values: Any) -> Any:
        """Return the place of the first true value in each row (n, m), 0 where there is none: int32 (n,)."""
        return values.argmax(axis=1).astype(np.int32)

    @staticmethod
    def paste(patches: Any, corners: Any, canvas: tuple[int, int]) -> Any:
        """Return black canvases with a patch each, none of which leaves its canvas.

        Args:
            patches: uint8 (n, h, w).
            corners: int (n, 2), x and y of each.
            canvas: (width, height).

        Returns:
            uint8 (n, height, width).
        """
        made = np.zeros((len(patches), canvas[1], canvas[0]), np.uint8)
        places = np.lib.stride_tricks.sliding_window_view(made, patches.shape[1:], axis=(1, 2), writeable=True)
        places[np.arange(len(patches)), corners[:, 1], corners[:, 0]] = patches
        return made

    @staticmethod
    def brightest(count: Any, places: Any, values: Any) -> Any:
        """Return uint8 (count,), each the largest of the values (n, k, m) given for it; 0 where there is none.

        Args:
            count: of places.
            places: int64 (n, k, m); those of one k are all different.
            values: uint8, for each place.
        """
        made = np.zeros(count, np.uint8)
        for k in range(places.shape[1]):
            made[places[:, k]] = np.maximum(made[places[:, k]], values[:, k])
        return made


class Graph:
    """The same operations on tensors. Importing this module does not import TensorFlow; making an instance does."""

    pastes = False

    def __init__(self) -> None:
        import tensorflow as tf

        self._tf = tf
        self.xor = tf.bitwise.bitwise_xor
        self.minimum, self.maximum, self.where = tf.minimum, tf.maximum, tf.where
        self.take, self.reshape, self.any = tf.gather, tf.reshape, tf.reduce_any
        self.largest = tf.reduce_max

    def cast(self, values: Any, dtype: str) -> Any:
        return self._tf.cast(values, dtype)

    def shift_right(self, values: Any, bits: int) -> Any:
        return self._tf.bitwise.right_shift(values, values.dtype.as_numpy_dtype(bits))

    def halves(self, words: Any) -> Any:
        parts = self._tf.bitcast(words, self._tf.uint16)  # of (n, m, 2)
        return self._tf.cast(self._tf.reshape(parts, [-1, 2 * int(words.shape[1])]), self._tf.int32)

    def clip(self, values: Any, low: Any, high: Any) -> Any:
        return self._tf.minimum(self._tf.maximum(values, low), high)

    def pick(self, values: Any, indices: Any) -> Any:
        return self._tf.gather(values, indices, batch_dims=1)

    def pad(self, values: Any) -> Any:
        return self._tf.pad(values, ((0, 0), (1, 1), (1, 1)))

    def place_of_largest(self, values: Any) -> Any:
        return self._tf.argmax(values, axis=1)

    def stack(self, parts: list[Any]) -> Any:
        return self._tf.stack(parts, axis=-1)

    def count(self, values: Any) -> Any:
        return self._tf.shape(values, self._tf.int64)[0]

    def numbers(self, count: Any) -> Any:
        return self._tf.range(count, dtype=self._tf.int64)

    def matmul(self, first: Any, second: Any) -> Any:
        return self._tf.matmul(first, second, transpose_b=True)

    def share(self, values: Any, among: Any) -> Any:
        counted = [
            self._tf.math.count_nonzero(mask, axis=(1, 2), dtype=self._tf.int32) for mask in (values & among, among)
        ]
        return self._tf.cast(counted[0] / self._tf.maximum(counted[1], 1), self._tf.float32)

    def first(self, values: Any) -> Any:
        return self._tf.argmax(self._tf.cast(values, self._tf.uint8), axis=1, output_type=self._tf.int32)

    def paste(self, patches: Any, corners: Any, canvas: tuple[int, int]) -> Any:
        """Return what covers its canvas already: see ``pastes``."""
        return patches

    def brightest(self, count: Any, places: Any, values: Any) -> Any:
        tf = self._tf
        start = tf.zeros(tf.reshape(count, [1]), tf.uint8)
        return tf.tensor_scatter_nd_max(start, tf.reshape(places, [-1, 1]), tf.reshape(values, [-1]))
