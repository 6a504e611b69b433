"""Box heads: what they cannot produce, their formulas, and the formats that keep them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from locexp.bbox.geometry import inverted
from locexp.errors import UserError
from locexp.models.cnn import build
from locexp.models.heads import BoxHead

pytestmark = pytest.mark.usefixtures("float32")


def network(bbox_head: BoxHead, features: int = 4) -> Any:
    """A network that is nothing but heads."""
    import keras

    from locexp.models.heads import heads

    made = keras.Input((features,))
    return keras.Model(made, heads(made, 3, bbox_head))


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values.astype(np.float64)))


@pytest.mark.parametrize("bbox_head", ["ordered_corners", "center_size"])
def test_the_formulas(bbox_head: BoxHead) -> None:
    model = network(bbox_head)
    random = np.random.default_rng(0)
    images = random.normal(size=(50, 4)).astype(np.float32)
    names = {"ordered_corners": ("bbox_low", "bbox_share"), "center_size": ("bbox_center", "bbox_size")}[bbox_head]
    first, second = (
        sigmoid(images @ model.get_layer(name).kernel.numpy() + model.get_layer(name).bias.numpy()) for name in names
    )
    if bbox_head == "ordered_corners":
        expected = np.concatenate([first, first + (1 - first) * second], axis=1)
    else:
        expected = np.concatenate([first - second / 2, first + second / 2], axis=1)
    np.testing.assert_allclose(model(images)["bbox"].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("bbox_head", ["ordered_corners", "center_size"])
def test_a_box_cannot_be_inverted_whatever_the_weights(bbox_head: BoxHead) -> None:
    model = network(bbox_head)
    random = np.random.default_rng(1)
    everything = []
    for scale in (1e-3, 1.0, 10.0, 1e3):
        model.set_weights([random.normal(0, scale, weights.shape) for weights in model.get_weights()])
        everything.append(model(random.normal(0, 5, (5_000, 4)).astype(np.float32))["bbox"].numpy())
    boxes = np.concatenate(everything)
    assert not inverted(boxes).any()
    if bbox_head == "ordered_corners":
        assert boxes.min() >= 0
        assert boxes.max() <= 1
    plain = network("corners")
    plain.set_weights([random.normal(0, 1, weights.shape) for weights in plain.get_weights()])
    assert inverted(plain(random.normal(0, 5, (500, 4)).astype(np.float32))["bbox"].numpy()).any()


@pytest.mark.parametrize("bbox_head", get_args(BoxHead))
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_plain_keras_loads_it(bbox_head: BoxHead, name: str, tmp_path: Path) -> None:
    import keras

    model = build((28, 28, 1), 10, filters=(2,), dense_units=4, bbox_head=bbox_head)
    model.save(tmp_path / name)
    loaded = keras.models.load_model(tmp_path / name, safe_mode=True, compile=False)
    images = np.random.default_rng(2).random((8, 28, 28, 1), np.float32)
    for head in ("classification", "bbox"):
        np.testing.assert_array_equal(model(images)[head].numpy(), loaded(images)[head].numpy())


def test_an_unknown_head_is_named() -> None:
    with pytest.raises(UserError, match="model.bbox_head=corner: expected one of .* Did you mean 'corners'"):
        build((28, 28, 1), 10, bbox_head="corner")  # type: ignore[arg-type]
