"""1x1 convolutions with strides, in whose gradient for one image TensorFlow 2.21 (oneDNN) writes beyond its memory."""

from __future__ import annotations

from typing import Any

from locexp.errors import UserError


def check_smallest_batch(model: Any, examples: int, batch_size: int) -> None:
    """Check that a network which cannot train on one image at a time need not.

    Args:
        model: a Keras model.
        examples: of an epoch; the last batch is what is left of them.
        batch_size: of the others.

    Raises:
        UserError: some batch has one image, and a layer that is trained is a 1x1 convolution with strides.
    """
    if min(batch_size, examples) > 1 and examples % batch_size != 1:
        return
    layer = _strided(model)
    if layer is not None:
        raise UserError(
            f"model: the layer {layer.name!r} is a 1x1 convolution with strides, and TensorFlow can crash in its "
            f"gradient on a batch of one image; with trainer.batch_size={batch_size} some batch of the {examples:,} "
            "training images has one. Take another trainer.batch_size, or another data.limit."
        )


def _strided(model: Any) -> Any | None:
    import keras

    for layer in model.layers:
        found = _strided(layer) if isinstance(layer, keras.Model) else None
        if found is not None:
            return found
        is_pointwise = isinstance(layer, keras.layers.Conv2D) and tuple(layer.kernel_size) == (1, 1)
        if is_pointwise and layer.trainable and max(layer.strides) > 1:
            return layer
    return None
