"""A network that cannot train on a single image is not given one."""

from __future__ import annotations

from typing import Any

import pytest

from locexp.errors import UserError
from locexp.models.strides import check_smallest_batch

pytestmark = pytest.mark.usefixtures("float32")


def network(*, strides: int, trainable: bool = True) -> Any:
    import keras

    image = keras.Input((8, 8, 1))
    pointwise = keras.layers.Conv2D(4, 1, strides=strides, name="shortcut", trainable=trainable)
    inner = keras.Model(image, pointwise(image), name="inner")
    outer = keras.Input((8, 8, 1))
    return keras.Model(outer, keras.layers.Flatten()(inner(outer)))


@pytest.mark.parametrize(("examples", "batch_size"), [(33, 32), (64, 1), (1, 32)])
def test_a_batch_of_one_is_refused(examples: int, batch_size: int) -> None:
    with pytest.raises(
        UserError, match=rf"'shortcut' is a 1x1 .* trainer.batch_size={batch_size} .* {examples} training"
    ):
        check_smallest_batch(network(strides=2), examples, batch_size)


def test_what_is_safe_is_taken() -> None:
    check_smallest_batch(network(strides=2), 64, 32)
    check_smallest_batch(network(strides=2), 34, 32)
    check_smallest_batch(network(strides=1), 33, 32)
    check_smallest_batch(network(strides=2, trainable=False), 33, 32)
