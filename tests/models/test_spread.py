"""The uncertainty that the distributions of edges tell, held against NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locexp.models.edges import X, Y
from locexp.models.spread import (
    distributions,
    edge_spread,
    has_spread,
    localization_uncertainty,
    spread_metrics,
)
from tests.models.networks import tiny

pytestmark = pytest.mark.usefixtures("float32")
PIXELS = np.random.default_rng(0).integers(0, 256, (7, 28, 40), np.uint8)
CANVAS = (40, 28)


def wide(name: str, **keys: Any) -> Any:
    """A network whose distributions differ from image to image."""
    model = tiny(name, (28, 40), **keys)
    random = np.random.default_rng(1)
    for weights in model.trainable_variables:
        weights.assign(random.normal(0, 0.4, weights.shape))
    return model


@pytest.mark.parametrize(
    ("name", "keys"),
    [("fcn_distribution", {}), ("fcn_distribution", {"bins": 5}), ("cnn", {"bbox_head": "distribution"})],
)
def test_it_is_the_standard_deviation_of_each_edge(name: str, keys: dict[str, Any]) -> None:
    import keras

    model = wide(name, **keys)
    assert has_spread(model)
    inner = keras.Model(model.input, [model.get_layer(layer).output for layer in ("bbox_columns", "bbox_rows")])
    expected = np.zeros((7, 4))
    for first, (probabilities, size) in enumerate(zip(inner(PIXELS[..., None] / np.float32(255)), CANVAS, strict=True)):
        for image, both in enumerate(np.asarray(probabilities, np.float64)):
            positions = np.linspace(0, 1, len(both)) * size
            moments = [np.average(positions**power, weights=edge) for edge in both.T for power in (1, 2)]
            found = [(moments[k], np.sqrt(moments[k + 1] - moments[k] ** 2)) for k in (0, 2)]
            expected[image, first::2] = [deviation for _, deviation in sorted(found)]
    spread = edge_spread(model, PIXELS, CANVAS)
    np.testing.assert_allclose(spread, expected, rtol=1e-4, atol=1e-4)
    assert np.ptp(spread, axis=0).min() > 0
    np.testing.assert_allclose(localization_uncertainty(model, PIXELS, CANVAS), expected.mean(axis=1), rtol=1e-4)


def test_a_network_that_is_sure_has_none_and_one_that_is_not_has_that_of_the_even_distribution() -> None:
    model = tiny("fcn_distribution", (28, 40), bins=11)
    for name in ("bbox_columns_logits", "bbox_rows_logits"):
        model.get_layer(name).kernel.assign(np.zeros(model.get_layer(name).kernel.shape))
    even = np.std(np.linspace(0, 1, 11))
    np.testing.assert_allclose(edge_spread(model, PIXELS, CANVAS), np.tile(even * np.array([40, 28] * 2), (7, 1)))
    for name in ("bbox_columns_resampled", "bbox_rows_resampled"):
        kernel = np.zeros(model.get_layer(name).kernel.shape)
        kernel[:, 3] = 1e4
        model.get_layer(name).kernel.assign(kernel)
    for name in ("bbox_columns_logits", "bbox_rows_logits"):
        model.get_layer(name).bias.assign(np.ones(2))
    np.testing.assert_allclose(edge_spread(model, PIXELS, CANVAS), 0, atol=1e-9)


def test_a_network_that_plain_keras_loaded_says_the_same(tmp_path: Path) -> None:
    import keras

    model = wide("fcn_softargmax")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(edge_spread(loaded, PIXELS, CANVAS), edge_spread(model, PIXELS, CANVAS), atol=1e-6)


def test_a_run_logs_the_mean_over_images() -> None:
    model = wide("fcn_softargmax")
    batch = PIXELS[..., np.newaxis].astype(np.float32) / 255
    said = {name: np.asarray(value, np.float64) for name, value in distributions(model)(batch, training=False).items()}
    spreads = []
    for name, layer, pixels in (("columns", X, CANVAS[0]), ("rows", Y, CANVAS[1])):
        positions = np.asarray(model.get_layer(layer).kernel, np.float64) * pixels
        for image in said[name]:
            for edge in range(2):
                share, place = image[:, edge] / image[:, edge].sum(), positions[:, edge]
                spreads.append(np.sqrt(share @ place**2 - (share @ place) ** 2))
    logged = spread_metrics(model, PIXELS, CANVAS)
    assert logged == {"localization_uncertainty_px": pytest.approx(np.mean(spreads), rel=1e-6)}
    assert set(spread_metrics(tiny("fcn_softargmax", bbox_head="center_size"), PIXELS, CANVAS)) == set()


def test_a_network_without_distributions_has_none() -> None:
    model = tiny("cnn")
    assert not has_spread(model)
    with pytest.raises(ValueError, match="'cnn' has no layers bbox_columns"):
        edge_spread(model, PIXELS, CANVAS)
