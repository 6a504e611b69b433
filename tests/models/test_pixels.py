"""What values a saved network takes: 0 to 255 in, and the answers of the network that was trained on 0 to 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locexp.errors import UserError
from locexp.models.pixels import SCALING, fraction_model, pixel_model, takes_pixels
from locexp.models.saving import TOLERANCE, check_round_trip, save_checked
from tests.models.networks import NAMES, QUICK, slow_but, tiny

pytestmark = pytest.mark.usefixtures("float32")


def pixels(model: Any, count: int = 16) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *model.input_shape[1:]), np.uint8)


def answers(model: Any, images: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.asarray(values, np.float64) for name, values in model(images, training=False).items()}


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray], atol: float = TOLERANCE) -> None:
    for name, values in one.items():
        np.testing.assert_allclose(values, other[name], rtol=0, atol=atol)


def mixture() -> Any:
    """A layer applied twice, a nested model, an operation on the input itself, an unnamed input, extra arguments."""
    import keras

    layers, ops = keras.layers, keras.ops
    image = keras.Input((8, 12, 3))
    twice = layers.Dense(6, activation="relu", name="twice")
    nested = keras.Sequential([layers.Dense(5), layers.BatchNormalization()], name="nested")
    features = nested(twice(twice(layers.Dense(6)(layers.Flatten()(image)))))
    features = layers.Concatenate()([features, ops.mean(image, axis=(1, 2)), ops.multiply(ops.max(image, (1, 2)), 2)])
    heads = {
        "classification": layers.Dense(10, activation="softmax", name="classification")(features),
        "bbox": layers.Dense(4, activation="sigmoid", name="bbox")(layers.Dropout(0.5)(features)),
    }
    return keras.Model(image, heads, name="mixture")


@pytest.mark.parametrize("name", [*slow_but(set(QUICK) - {"resnet"}, NAMES), "mixture"])
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "float64"])
def test_a_saved_network_takes_pixels_of_any_type(name: str, precision: str, tmp_path: Path) -> None:
    import keras

    from locexp.system.tensorflow import start_tensorflow

    start_tensorflow(precision=precision)
    model = mixture() if name == "mixture" else tiny(name)
    images = pixels(model)
    save_checked(model, tmp_path / "model.keras", images, "pixels")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True, compile=False)
    names = [layer.name for layer in model.layers]
    assert [layer.name for layer in loaded.layers] == [names[0], SCALING, *names[1:]]
    assert isinstance(loaded.layers[1], keras.layers.Rescaling)
    expected = answers(model, images.astype(np.float32) / 255)
    equal(answers(loaded, images), expected)
    equal(answers(loaded, images.astype(np.float32)), expected)
    equal(answers(loaded, images.astype(np.float64)), expected)
    # In a graph, bfloat16 rounds elsewhere.
    equal(loaded.predict(images, verbose=0), expected, atol=2e-2 if precision == "mixed_bfloat16" else TOLERANCE)


def test_the_network_itself_stays_as_it_is() -> None:
    """Each of its layers still has one output, which callbacks may look at."""
    import keras

    model = tiny("cnn")
    before = [weights.copy() for weights in model.get_weights()]
    saved = pixel_model(model)
    for one in (model, saved):
        assert keras.Model(one.input, one.get_layer("bbox").output).output_shape == (None, 4)
    for variable in saved.variables:
        variable.assign(np.zeros(variable.shape))
    for one, two in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, two)


def test_there_and_back() -> None:
    model = mixture()
    saved = pixel_model(model)
    assert (takes_pixels(model), takes_pixels(saved)) == (False, True)
    assert pixel_model(saved) is saved
    assert fraction_model(model) is model
    back = fraction_model(saved)
    assert [layer.name for layer in back.layers] == [layer.name for layer in model.layers]
    fractions = pixels(model) / np.float32(255)
    equal(answers(back, fractions), answers(model, fractions), atol=0)


def test_a_rescaling_of_the_users_own_is_not_taken_for_it() -> None:
    import keras

    layers = keras.layers
    image = keras.Input((8, 8, 1))
    features = layers.Flatten()(layers.Rescaling(1 / 255)(image))
    heads = {"classification": layers.Dense(10, "softmax")(features), "bbox": layers.Dense(4, "sigmoid")(features)}
    model = keras.Model(image, heads)
    assert not takes_pixels(model)
    saved = pixel_model(model)
    equal(answers(saved, pixels(model)), answers(model, pixels(model).astype(np.float32) / 255))


def test_a_network_of_a_class_of_its_own_becomes_one_layer(tmp_path: Path) -> None:
    import keras

    @keras.saving.register_keras_serializable("tests")
    class Halved(type(tiny("cnn"))):  # type: ignore[misc]
        def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            outputs = super().call(inputs, training=training, mask=mask)
            return {"classification": outputs["classification"], "bbox": outputs["bbox"] / 2}

        def compute_output_spec(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            return super().compute_output_spec(inputs)

    plain = tiny("cnn")
    model = Halved(plain.inputs, plain.output)
    images = pixels(model)
    loaded = save_checked(model, tmp_path / "model.keras", images, "pixels")
    assert takes_pixels(loaded)
    fractions = images.astype(np.float32) / 255
    equal(answers(loaded, images), answers(model, fractions))
    np.testing.assert_allclose(2 * answers(loaded, images)["bbox"], answers(plain, fractions)["bbox"], atol=1e-5)


@pytest.mark.parametrize("name", ["model.keras", "classic.h5"])
def test_fractions_are_taken_where_asked_for(name: str, tmp_path: Path) -> None:
    model = tiny("cnn")
    images = pixels(model)[..., 0]
    check_round_trip(model, images, "classic.h5", 10, "fractions")
    assert not takes_pixels(save_checked(model, tmp_path / name, images, "fractions"))
    assert takes_pixels(save_checked(model, tmp_path / name, images, "pixels"))


def test_a_saved_network_is_not_trained_as_it_is() -> None:
    from locexp.training.member import check_model

    saved = pixel_model(tiny("cnn"))
    with pytest.raises(UserError, match="takes pixels from 0 to 255.*fraction_model"):
        check_model(saved)
    check_model(fraction_model(saved))
