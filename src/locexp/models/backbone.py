"""``model=backbone``: any network of ``keras.applications`` under the two heads."""

from __future__ import annotations

import inspect
import re
from typing import Any, Literal

import numpy as np

from locexp.bounds import checked
from locexp.errors import UserError, first_line, nearest
from locexp.models.blocks import flat_dense
from locexp.models.fixed import fixed
from locexp.models.heads import BoxHead, heads
from locexp.models.keys import Dropout, Units
from locexp.models.trunk import Layers, branches, check_shared


def _check_shared(shared: int | str) -> None:
    check_shared(shared, 2)


@checked("model", _check_shared)
def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    architecture: str = "MobileNetV2",
    weights: Literal["imagenet"] | None = None,
    enlarge: Units = 2,
    squeeze: Units = 64,
    dense_units: Units = 128,
    dropout: Dropout = 0.2,
    bbox_head: BoxHead = "ordered_corners",
    shared: int | str = "all",
) -> Any:
    """Build a backbone without its own head, a 1x1 convolution, a dense layer, and the two heads.

    Args:
        architecture: a name in ``keras.applications``.
        weights: ``imagenet`` for trained ones, which are downloaded once; ``None`` for random ones.
        enlarge: the whole number by which images are enlarged first (nearest neighbour); most architectures want at
            least 32x32 pixels.
        squeeze: filters of the 1x1 convolution on the backbone's maps, which are flattened then, as a box needs to
            know where things are.
        shared: the backbone is the first of two stages, the dense layer the second; with 0 there are two backbones.
            This and the others: see :mod:`locexp.models.keys`.

    Returns:
        A ``keras.Model`` as :mod:`locexp.models` says. Images, of one channel or three (red, green, blue), are scaled
        and their channels ordered as the architecture wants them; with trained weights grey is given three times.

    Raises:
        UserError: out of range, an unknown architecture, an image that it does not take, or unavailable weights.
    """
    import keras

    make, preprocess = _find(architecture)
    if input_shape[2] not in (1, 3):
        raise UserError(f"model=backbone: expected images with one channel or three, got {input_shape[2]}.")
    image = keras.Input(input_shape, name="image")
    features = keras.layers.UpSampling2D(enlarge, name="enlarged")(image) if enlarge > 1 else image
    if weights is not None and input_shape[2] == 1:
        features = keras.layers.Concatenate(name="three_channels")([features] * 3)
    features = _scaled(features, preprocess, is_grey=input_shape[2] == 1)

    def backbone(maps: Any, prefix: str) -> Any:
        network = _made(make, architecture, weights, maps.shape[1:], enlarge)
        network.name = f"{prefix}{network.name}"
        return network(maps)

    def top(maps: Any, prefix: str) -> Any:
        return flat_dense(maps, dense_units, prefix, squeeze=squeeze, dropout=dropout)

    stages: list[Layers] = [backbone, top]
    first, second = branches(features, stages, shared)
    return keras.Model(image, heads(first[-1], num_classes, bbox_head, bbox_features=second[-1]), name="backbone")


def architectures() -> list[str]:
    """Return the names of the networks in this Keras' ``keras.applications``."""
    import keras

    return sorted(
        name
        for name, found in vars(keras.applications).items()
        if callable(found) and "include_top" in inspect.signature(found).parameters
    )


def _find(architecture: str) -> tuple[Any, Any]:
    """Return the function that makes an architecture, and the one that prepares images (0 to 255) for it."""
    import keras

    names = architectures()
    if architecture not in names:
        raise UserError(
            f"model.architecture={architecture}: expected a name in keras.applications, such as MobileNetV2, ResNet50 "
            f"or EfficientNetB0.{nearest(architecture, names)}"
        )
    make = getattr(keras.applications, architecture)
    module = inspect.getmodule(make)
    assert module is not None
    return make, module.preprocess_input


def _scaled(images: Any, preprocess: Any, *, is_grey: bool) -> Any:
    """Scale images in [0, 1] as ``preprocess`` does, which is read off black, red, green and blue.

    Some (of VGG and ResNet) swap red and blue: a 1x1 convolution that is not trained does so, too. Where all channels
    are the grey one that changes nothing, and there may be just one.
    """
    import keras

    colours = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)]).astype(np.float32)
    black, *pure = np.asarray(preprocess(colours.reshape(4, 1, 1, 3)), np.float64).reshape(4, 3)
    by_colour = np.array(pure) - black  # (given, made)
    scale = by_colour.sum(axis=0) if is_grey else by_colour.diagonal()
    if is_grey or (by_colour == np.diag(scale)).all():
        count = images.shape[-1]
        return keras.layers.Rescaling(scale[:count].tolist(), offset=black[:count].tolist(), name="scaled")(images)
    mix = keras.layers.Conv2D(3, 1, kernel_initializer="zeros", trainable=False, name="scaled")
    return fixed(mix, images, kernel=by_colour.reshape(1, 1, 3, 3), bias=black)


def _made(make: Any, architecture: str, weights: str | None, shape: tuple[int, int, int], enlarge: int) -> Any:
    try:
        return make(include_top=False, weights=weights, input_shape=shape)
    except Exception as error:  # ValueError for a shape; whatever a download raises
        height, width = shape[0] // enlarge, shape[1] // enlarge
        least = re.search(r"at least (\d+)x(\d+)", str(error))
        if least:
            needed = max(-(-int(least[1]) // height), -(-int(least[2]) // width))
            raise UserError(
                f"model.architecture={architecture}: expected images of at least {least[1]}x{least[2]} pixels, got "
                f"{width}x{height}, enlarged by model.enlarge={enlarge}. Give model.enlarge={needed}."
            ) from error
        if weights is not None:
            raise UserError(
                f"model.weights={weights}: the weights of {architecture} are not available ({first_line(error)}). They "
                "are downloaded once, to models/ in the Keras folder, which needs the network; model.weights=null "
                "trains from random ones."
            ) from error
        raise UserError(
            f"model.architecture={architecture}: does not take images of {shape[1]}x{shape[0]} pixels "
            f"({first_line(error)}). Try another model.enlarge than {enlarge}."
        ) from error
