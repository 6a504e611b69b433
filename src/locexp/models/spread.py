"""How sure a network is of a box: the spread of the distributions that its edges are the means of."""

from __future__ import annotations

from typing import Any

import numpy as np

from locexp.models.edges import COLUMNS, ROWS, X, Y
from locexp.models.pixels import batch_of

BATCH = 200


def has_spread(model: Any) -> bool:
    """Return whether a network makes its boxes of distributions, so that :func:`edge_spread` can look at them."""
    return {COLUMNS, ROWS, X, Y} <= {layer.name for layer in model.layers}


def distributions(model: Any) -> Any:
    """Return a Keras model from images to a network's probabilities of its edges; it shares the network's weights.

    Its outputs are ``columns`` (n, positions, 2) for the left and right edge and ``rows`` for the top and bottom one.
    The network may be one that plain Keras has loaded: the layers are found by name.

    Raises:
        ValueError: the network has no such layers, see :func:`has_spread`.
    """
    import keras

    if not has_spread(model):
        raise ValueError(
            f"the network {model.name!r} has no layers {COLUMNS}, {ROWS}, {X} and {Y}: its boxes are not made of "
            "distributions, so they have no spread"
        )
    outputs = {"columns": model.get_layer(COLUMNS).output, "rows": model.get_layer(ROWS).output}
    return keras.Model(model.input, outputs)


def edge_spread(model: Any, images: np.ndarray, canvas: tuple[int, int]) -> np.ndarray:
    """Return the standard deviation of each edge under its distribution, in pixels: float64 (n, 4), x1 y1 x2 y2.

    Args:
        model: a trained network with distributions, or one that was saved.
        images: uint8, (n, height, width[, 3]).
        canvas: (width, height) in pixels.

    Raises:
        ValueError: the network has no distributions.
    """
    looking = distributions(model)
    spreads = []
    for start in range(0, len(images), BATCH):
        values = looking(batch_of(images[start : start + BATCH], model), training=False)
        pairs = [
            _ordered(np.asarray(values[name], np.float64), np.asarray(model.get_layer(layer).kernel, np.float64)) * size
            for name, layer, size in (("columns", X, canvas[0]), ("rows", Y, canvas[1]))
        ]
        spreads.append(np.stack(pairs, axis=2).reshape(-1, 4))
    return np.concatenate(spreads)


def localization_uncertainty(model: Any, images: np.ndarray, canvas: tuple[int, int]) -> np.ndarray:
    """Return one number per image: the mean standard deviation of its four edges in pixels, float64 (n,).

    It is the network's own estimate, and not calibrated: compare images, or networks trained alike. Arguments and
    errors are those of :func:`edge_spread`.
    """
    return np.asarray(edge_spread(model, images, canvas).mean(axis=1))


def spread_metrics(model: Any, images: np.ndarray, canvas: tuple[int, int]) -> dict[str, float]:
    """Return ``localization_uncertainty_px``, the mean over the images; nothing of a network without distributions."""
    if not has_spread(model):
        return {}
    return {"localization_uncertainty_px": float(localization_uncertainty(model, images, canvas).mean())}


def _ordered(probabilities: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return the standard deviations (n, 2) of the low and the high edge: the one with the smaller mean comes first."""
    total = probabilities.sum(axis=1)  # 1 but for rounding, which the difference of two squares would enlarge
    mean = (probabilities * positions).sum(axis=1) / total
    apart = positions[np.newaxis] - mean[:, np.newaxis]
    deviation = np.sqrt((probabilities * apart**2).sum(axis=1) / total)
    return np.take_along_axis(deviation, mean.argsort(axis=1, kind="stable"), axis=1)
