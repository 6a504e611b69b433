"""Networks of ``keras.applications`` under the two heads: what they are given, and what is refused."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locexp.errors import UserError
from locexp.models.backbone import architectures, build
from tests.models.networks import tiny

pytestmark = pytest.mark.usefixtures("float32")


def test_one_channel_is_enough_without_trained_weights() -> None:
    model = tiny("backbone")
    backbone = next(layer for layer in model.layers if layer.name.startswith("mobilenetv2"))
    assert backbone.input_shape == (None, 56, 56, 1)


def test_colour_is_used_as_it_is() -> None:
    model = tiny("backbone", (32, 40, 3), enlarge=1)
    backbone = next(layer for layer in model.layers if layer.name.startswith("mobilenetv2"))
    assert backbone.input_shape == (None, 32, 40, 3)
    assert "three_channels" not in {layer.name for layer in model.layers}


@pytest.mark.parametrize("architecture", ["MobileNetV2", "ResNet50", "EfficientNetB0", "DenseNet121"])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_scaled_as_the_architecture_wants_them(
    architecture: str, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In [-1, 1], about the means of ImageNet, blue first, or from 0 to 255: as its own ``preprocess_input`` does."""
    import keras

    own = getattr(keras.applications, architecture)
    module: Any = inspect.getmodule(own)

    def pretended(include_top: bool, weights: str | None, input_shape: tuple[int, int, int]) -> Any:
        image = keras.Input(input_shape)
        return keras.Model(image, keras.layers.Activation("linear", name="seen")(image), name="pretended")

    pretended.__module__ = own.__module__
    monkeypatch.setattr(keras.applications, architecture, pretended)
    model = build((28, 40, channels), 10, architecture=architecture, weights="imagenet", enlarge=2)
    images = np.random.default_rng(0).random((2, 28, 40, channels), np.float32)
    seen = keras.Model(model.input, model.get_layer("scaled").output)(images)
    colour = np.repeat(np.repeat(np.broadcast_to(images, (2, 28, 40, 3)), 2, axis=1), 2, axis=2) * 255
    np.testing.assert_allclose(seen, module.preprocess_input(colour.copy()), rtol=1e-4, atol=1e-3)
    assert not model.get_layer("scaled").trainable_variables


def test_every_architecture_of_this_keras_is_known() -> None:
    names = architectures()
    assert {"MobileNetV2", "MobileNetV3Small", "ResNet50", "EfficientNetB0", "VGG16", "ConvNeXtTiny"} <= set(names)


def test_an_unknown_architecture_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match="model.architecture=MobilNetV2: .* Did you mean 'MobileNetV2'"):
        build((28, 28, 1), 10, architecture="MobilNetV2")


def test_too_small_an_image_is_refused_with_what_makes_it_fit() -> None:
    with pytest.raises(UserError, match="at least 32x32 pixels, got 28x28, enlarged by .*Give model.enlarge=2"):
        tiny("backbone", enlarge=1)
    with pytest.raises(UserError, match="at least 75x75 pixels, got 40x28, enlarged by .*Give model.enlarge=3"):
        tiny("backbone", (28, 40), architecture="InceptionV3")


@pytest.mark.parametrize("shape", [(28, 28), (96, 96, 3)])
def test_weights_that_cannot_be_downloaded_are_refused(
    shape: tuple[int, ...], offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(offline.parent))
    with pytest.raises(UserError, match="model.weights=imagenet: the weights of MobileNetV2 are not available .*null"):
        tiny("backbone", shape, weights="imagenet")
