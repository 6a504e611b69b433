"""Coordinate channels: what they hold, and that a globally pooled network is blind to position without them."""

from __future__ import annotations

import numpy as np
import pytest

from locexp.models.coordinates import coordinate_grid
from tests.models.networks import tiny

pytestmark = pytest.mark.usefixtures("float32")


def test_the_channels_are_x_and_y_of_each_cell() -> None:
    import keras

    from locexp.models.coordinates import with_coordinates

    image = keras.Input((6, 10, 1))
    model = keras.Model(image, with_coordinates(keras.layers.MaxPooling2D(2)(image), image, "coordinates"))
    maps = np.asarray(model(np.random.default_rng(0).random((2, 6, 10, 1), np.float32)))
    for one in maps:
        np.testing.assert_allclose(one[..., 1], np.tile([-1, -0.5, 0, 0.5, 1], (3, 1)))
        np.testing.assert_allclose(one[..., 2], np.tile([[-1], [0], [1]], (1, 5)))


def test_a_single_column_is_in_the_middle() -> None:
    np.testing.assert_array_equal(coordinate_grid(2, 1), [[[0, -1]], [[0, 1]]])


@pytest.mark.parametrize(("coordinates", "sees"), [("none", False), ("input", True), ("every", True)])
def test_global_pooling_sees_positions_only_through_them(coordinates: str, sees: bool) -> None:
    """A patch in the middle of the canvas, and the same patch four pixels on: two pooling cells of two."""
    import keras

    keras.utils.set_random_seed(0)
    model = tiny("coordconv", (40, 40), coordinates=coordinates)
    canvas = np.zeros((2, 40, 40, 1), np.float32)
    patch = np.random.default_rng(0).random((6, 6, 1), np.float32)
    canvas[0, 16:22, 16:22] = canvas[1, 16:22, 20:26] = patch
    boxes = np.asarray(model(canvas)["bbox"])
    assert (np.abs(boxes[0] - boxes[1]).max() > 1e-5) == sees


def test_none_changes_no_weights_of_the_others() -> None:
    """Constants take nothing from the stream of seeds: two networks of a seed differ in the added channels alone."""
    import keras

    made = []
    for coordinates in ("none", "input"):
        keras.utils.set_random_seed(0)
        made.append(tiny("resnet", coordinates=coordinates))
    for name in ("conv2d_2a", "vector_dense", "classification", "bbox_low"):
        first, second = (np.asarray(model.get_layer(name).kernel) for model in made)
        np.testing.assert_array_equal(first, second)
