"""The blocks that trunks are made of: convolutions, with or without normalization and a shortcut, and dense layers.

No layer has a name that Keras gives on its own, such as ``flatten``: a second layer of that kind would be refused.
"""

from __future__ import annotations

from typing import Any


def convolution(
    features: Any,
    filters: int,
    name: str,
    *,
    size: int = 3,
    strides: int = 1,
    normalization: str = "none",
    activation: str | None = "relu",
) -> Any:
    """Convolve with zero padding, normalize if asked, activate: (n, h, w, c) to (n, h/strides, w/strides, filters).

    Args:
        features: feature maps.
        filters: of the convolution.
        name: of its layer; those of the others start with it.
        size: of the kernel.
        strides: in both directions; sizes that it does not divide are rounded up.
        normalization: ``batch`` (Ioffe & Szegedy 2015, 1502.03167; in place of the bias) or ``none``.
        activation: the last step; ``None`` for none.
    """
    import keras

    layers = keras.layers
    normalized = normalization == "batch"
    # He et al. 2015, 1502.01852: keeps the scale of activations through layers with relu.
    start = "he_normal" if activation == "relu" else "glorot_uniform"
    features = layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        use_bias=not normalized,
        kernel_initializer=start,
        name=name,
    )(features)
    if normalized:
        # Networks here train for some thousand steps: with the default of .99 the running means lag behind the weights.
        features = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(features)
    return layers.Activation(activation, name=f"{name}_{activation}")(features) if activation else features


def residual(features: Any, filters: int, name: str, *, strides: int = 1, normalization: str = "none") -> Any:
    """Add two 3x3 convolutions to a shortcut, then relu (He et al. 2015, 1512.03385).

    The shortcut is the features themselves, or, where the size or the number of filters changes, their 2x2 means and a
    1x1 convolution (He et al. 2019, 1812.01187).

    Args:
        features: feature maps.
        filters: of both convolutions.
        name: with which those of the layers start.
        strides: 1, or 2 to halve the maps; odd sizes are rounded up.
        normalization: see :func:`convolution`.
    """
    import keras

    made = convolution(features, filters, f"{name}a", strides=strides, normalization=normalization)
    made = convolution(made, filters, f"{name}b", normalization=normalization, activation=None)
    if strides > 1:
        # Not a 1x1 convolution with strides: it would not see three pixels of four, and the gradient of its filters
        # writes beyond its memory in TensorFlow 2.21 with oneDNN, for a batch of one image.
        features = keras.layers.AveragePooling2D(strides, padding="same", name=f"{name}_mean")(features)
    if features.shape[-1] != filters:
        shortcut = f"{name}s"
        features = convolution(features, filters, shortcut, size=1, normalization=normalization, activation=None)
    added = keras.layers.Add(name=f"{name}_add")([features, made])
    return keras.layers.Activation("relu", name=f"{name}_relu")(added)


def flat_dense(features: Any, units: int, prefix: str, *, squeeze: int | None = None, dropout: float = 0.0) -> Any:
    """Make one vector (n, units) of feature maps, which keeps where things are: flatten, dense with relu, dropout.

    Args:
        features: feature maps (n, h, w, c).
        units: of the dense layer.
        prefix: of the layers' names.
        squeeze: channels to which a 1x1 convolution reduces the maps before, so that the dense layer stays small.
        dropout: rate after the dense layer, in [0, 1).
    """
    import keras

    if squeeze is not None:
        features = convolution(features, squeeze, f"{prefix}conv2d_squeeze", size=1)
    return dense(keras.layers.Flatten(name=f"{prefix}vector_flat")(features), units, prefix, dropout)


def pooled_dense(features: Any, units: int, prefix: str, *, dropout: float = 0.0) -> Any:
    """Make one vector (n, units) of feature maps, which forgets where things are: global pooling, dense, dropout."""
    return dense(global_pools(features, prefix), units, prefix, dropout)


def global_pools(features: Any, prefix: str) -> Any:
    """Return mean and maximum of each map side by side: (n, h, w, c) to (n, 2c)."""
    import keras

    layers = keras.layers
    mean = layers.GlobalAveragePooling2D(name=f"{prefix}mean")(features)
    most = layers.GlobalMaxPooling2D(name=f"{prefix}max")(features)
    return layers.Concatenate(name=f"{prefix}pooled")([mean, most])


def dense(features: Any, units: int, prefix: str, dropout: float) -> Any:
    """Apply a dense layer with relu, then dropout where the rate is not 0: (n, units)."""
    import keras

    features = keras.layers.Dense(
        units, activation="relu", kernel_initializer="he_normal", name=f"{prefix}vector_dense"
    )(features)
    return keras.layers.Dropout(dropout, name=f"{prefix}vector_dropout")(features) if dropout else features
