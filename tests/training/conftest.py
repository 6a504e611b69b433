"""Small stacks of members on real digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

BUILDER = Callable[..., Any]


@pytest.fixture
def make_stack(digits: tuple[np.ndarray, np.ndarray]) -> BUILDER:
    """Return a function that builds a stack of tiny or given networks on the first digits, with tight boxes."""

    def make(
        *,
        seeds: tuple[int, ...] = (0,),
        weights: tuple[tuple[float, float], ...] | None = None,
        examples: int = 256,
        dtype: str = "float32",
        box_loss: Any = None,
        monitor: str = "val/loc_acc_50",
        graph_key: str | None = None,
        optimizer: Callable[[], Any] | None = None,
        callbacks: Callable[[], list[Any]] = list,
        **keys: Any,
    ) -> Any:
        import keras

        from locexp.bbox.geometry import ink_boxes, normalise
        from locexp.losses.mse import mse
        from locexp.models.cnn import build
        from locexp.training.member import Member
        from locexp.training.stack import Stack

        images, labels = digits[0][:examples], digits[1][:examples]
        network: dict[str, Any] = {"filters": (4,), "dense_units": 8} | keys
        members = []
        for seed, pair in zip(seeds, weights or ((1.0, 0.5),) * len(seeds), strict=True):
            keras.utils.set_random_seed(seed)
            member = Member(
                seed,
                build((28, 28, 1), 10, **network),
                optimizer() if optimizer else keras.optimizers.Adam(1e-3),
                pair,
                dtype=dtype,
                box_loss=box_loss or mse,
                callbacks=callbacks(),
                monitor=monitor,
                graph_key=graph_key,
            )
            members.append(member)
        boxes = normalise(ink_boxes(images), 28, 28).astype(dtype)
        return Stack(members, images, labels, boxes)

    return make


@pytest.fixture
def validation(digits: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, labels and boxes that no stack above trains on."""
    from locexp.bbox.geometry import ink_boxes, normalise

    images, labels = digits[0][4000:4100], digits[1][4000:4100]
    return images, labels, normalise(ink_boxes(images), 28, 28).astype(np.float32)
