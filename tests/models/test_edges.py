"""Boxes from distributions and heat maps, held against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from locexp.models.fcn import cell_edges
from locexp.models.fcn_distribution import interpolation
from locexp.models.heads import POSITIONS
from tests.models.networks import tiny

pytestmark = pytest.mark.usefixtures("float32")


def softmax(logits: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def sorted_box(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Boxes from the means (n, 2) of two opposite edges in each direction."""
    x, y = np.sort(columns, axis=1), np.sort(rows, axis=1)
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)


def images(shape: tuple[int, int] = (28, 28), count: int = 20) -> np.ndarray:
    return np.random.default_rng(0).random((count, *shape, 1), np.float32)


def look(model: Any, names: tuple[str, ...], batch: np.ndarray) -> list[np.ndarray]:
    """What layers give for images; the weights of the network are made large, so that distributions are peaked."""
    import keras

    random = np.random.default_rng(1)
    for weights in model.trainable_variables:
        scale = 20 if "logits" in weights.path else 0.5
        weights.assign(random.normal(0, scale, weights.shape))
    inner = keras.Model(model.input, [model.get_layer(name).output for name in names])
    return [np.asarray(values) for values in inner(batch, training=False)]


@pytest.mark.parametrize("shape", [(28, 28), (45, 33)])
def test_softargmax_of_edges(shape: tuple[int, int]) -> None:
    model = tiny("fcn_softargmax", shape)
    columns, rows = look(model, ("bbox_columns_logits", "bbox_rows_logits"), images(shape))
    height, width = shape
    means: list[np.ndarray] = []
    for logits, axis, size in ((columns, 2, width), (rows, 1, height)):
        heat = softmax(logits.reshape(len(logits), -1, 2), axis=1).reshape(logits.shape)
        along = heat.sum(axis=3 - axis)  # what is left: (n, columns or rows, 2)
        cell = np.arange(logits.shape[axis])
        low, high = np.minimum(2 * cell / size, 1), np.minimum(2 * (cell + 1) / size, 1)
        means.append(np.stack([along[..., 0] @ low, along[..., 1] @ high], axis=1))
    expected = sorted_box(*means)
    np.testing.assert_allclose(model(images(shape))["bbox"], expected, atol=1e-6)
    assert np.ptp(expected, axis=0).min() > 0.02  # far more than the tolerance
    assert (means[0][:, 0] > means[0][:, 1]).any()  # so that the order of the edges matters


def test_softargmax_of_the_centre_with_a_map_of_sizes() -> None:
    model = tiny("fcn_softargmax", (28, 40), bbox_head="center_size")
    logits, sizes = look(model, ("bbox_heat_logits", "bbox_sizes"), images((28, 40)))
    heat = softmax(logits.reshape(len(logits), -1), axis=1).reshape(-1, 14, 20)
    x, y = (2 * np.arange(20) + 1) / 40, (2 * np.arange(14) + 1) / 28
    center = np.stack([heat.sum(axis=1) @ x, heat.sum(axis=2) @ y], axis=1)
    size = np.einsum("nrc,nrcs->ns", heat, sizes.astype(np.float64))
    expected = np.concatenate([center - size / 2, center + size / 2], axis=1)
    np.testing.assert_allclose(model(images((28, 40)))["bbox"], expected, atol=1e-6)


@pytest.mark.parametrize("bins", [None, 2, 9])
def test_distribution_over_positions(bins: int | None) -> None:
    model = tiny("fcn_distribution", (28, 41), bins=bins)
    logits = look(model, ("bbox_columns_logits", "bbox_rows_logits"), images((28, 41)))
    means = []
    for values, size in zip(logits, (41, 28), strict=True):
        borders = np.minimum(2 * np.arange(values.shape[1]) / size, 1)
        positions = borders if bins is None else np.linspace(0, 1, bins)
        resampled = [[np.interp(positions, borders, edge) for edge in image.T] for image in values]
        means.append(softmax(np.transpose(resampled, (0, 2, 1)), axis=1).transpose(0, 2, 1) @ positions)
    assert logits[0].shape == (20, 22, 2)  # 21 columns of two pixels have 22 borders
    np.testing.assert_allclose(model(images((28, 41)))["bbox"], sorted_box(*means), atol=1e-6)


def test_distribution_head_of_any_network() -> None:
    model = tiny("cnn", bbox_head="distribution")
    logits = look(model, ("bbox_columns_logits", "bbox_rows_logits"), images())
    positions = np.linspace(0, 1, POSITIONS)
    means = [softmax(values.reshape(20, POSITIONS, 2), 1).transpose(0, 2, 1) @ positions for values in logits]
    np.testing.assert_allclose(model(images())["bbox"], sorted_box(*means), atol=1e-6)


@pytest.mark.parametrize("name", ["fcn_softargmax", "fcn_distribution"])
def test_the_whole_canvas_can_be_reached(name: str) -> None:
    """Sure of the outermost positions, the box is the canvas, also where the last cells reach beyond it."""
    import keras

    model = tiny(name, (45, 33))
    outputs = []
    for layer in ("bbox_x", "bbox_y"):
        kernel = np.asarray(model.get_layer(layer).kernel)
        assert kernel[:, 0].min() == 0
        assert kernel[:, 1].max() == 1
        sure = np.zeros((1, *kernel.shape), np.float32)
        sure[0, kernel[:, 0].argmin(), 0] = sure[0, kernel[:, 1].argmax(), 1] = 1
        outputs.append(np.asarray(model.get_layer(layer)(keras.ops.convert_to_tensor(sure))))
    np.testing.assert_array_equal(outputs, [[[0, 1]], [[0, 1]]])


def test_borders_of_cells() -> None:
    np.testing.assert_allclose(cell_edges(4, 2, 7), [0, 2 / 7, 4 / 7, 6 / 7, 1])
    np.testing.assert_allclose(cell_edges(2, 4, 8), [0, 0.5, 1])


def test_interpolation_is_exact_for_straight_lines() -> None:
    given, wanted = np.array([0, 0.3, 0.8, 1]), np.linspace(0, 1, 7)
    np.testing.assert_allclose((2 * given - 1) @ interpolation(given, wanted), 2 * wanted - 1, atol=1e-12)
