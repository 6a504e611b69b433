"""Keras's Adam by TensorFlow's fused kernel: the same formula in one pass over memory instead of ten."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

from locexp.keras_internals import adam_moments, keeps_moments

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

logger = logging.getLogger(__name__)


def fuse(optimizer: keras.optimizers.Optimizer) -> None:
    """Let a built ``Adam`` or ``AdamW`` update each variable by one operation; any other optimizer is left as it is.

    What surrounds the update (clipping, weight decay, schedules, averages) stays Keras's. Results differ from Keras's
    own operations by rounding alone.
    """
    import keras

    if type(optimizer) not in (keras.optimizers.Adam, keras.optimizers.AdamW) or optimizer.amsgrad:
        return
    if keeps_moments(optimizer):
        optimizer.update_step = functools.partial(_adam, optimizer)
    else:
        logger.warning("Keras %s keeps Adam's moments elsewhere: its own, slower update is used", keras.__version__)


def _adam(
    optimizer: keras.optimizers.Adam, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
) -> None:
    import tensorflow as tf

    first, second = adam_moments(optimizer, variable)
    step = tf.cast(tf.convert_to_tensor(optimizer.iterations + 1), variable.dtype)
    betas = optimizer.beta_1, optimizer.beta_2
    # As in Keras: the powers are of betas that have gone through float32, the betas themselves have not.
    first_power, second_power = (tf.pow(tf.cast(beta, variable.dtype), step) for beta in betas)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=first.handle,
        v=second.handle,
        beta1_power=first_power,
        beta2_power=second_power,
        lr=tf.cast(learning_rate, variable.dtype),
        beta1=tf.constant(betas[0], variable.dtype),
        beta2=tf.constant(betas[1], variable.dtype),
        epsilon=tf.constant(optimizer.epsilon, variable.dtype),
        grad=tf.cast(gradient, variable.dtype),
    )
