"""Effective weights and gradients as a run reports them, against plain TensorFlow and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from locexp.training.diagnostics import gradient_metrics, weight_metrics

pytestmark = pytest.mark.usefixtures("float32")


def test_gradients_of_known_angles() -> None:
    rows = np.array([[4.0, 3.0, 9.0], [1.0, -0.5, 1.0], [np.nan, 1.0, 1.0], [9.0, 0.0, 4.0]])
    found = gradient_metrics(rows)
    assert found["gradients/classification_norm"] == pytest.approx((2 + 1 + 3) / 3)
    assert found["gradients/bbox_norm"] == pytest.approx((3 + 1 + 2) / 3)
    assert found["gradients/norm_ratio"] == pytest.approx(1.0)
    assert found["gradients/cosine"] == pytest.approx((0.5 - 0.5 + 0) / 3)
    assert found["gradients/conflicts"] == pytest.approx(1 / 3)
    assert gradient_metrics(np.full((2, 3), np.nan)) == {}
    alone = gradient_metrics(np.array([[0.0, 0.0, 4.0]]))
    assert "gradients/cosine" not in alone
    assert "gradients/norm_ratio" not in alone
    assert weight_metrics(np.array([[1.0, 2.0], [3.0, 6.0]])) == {
        "weights/classification": 2.0,
        "weights/bbox": 4.0,
    }


def test_measured_gradients_are_those_of_the_shared_layers(make_stack: Callable[..., Any]) -> None:
    import keras
    import tensorflow as tf

    from locexp.training.trunk import find_trunk

    made = make_stack(weights=((2.0, 3.0),))
    (member,) = made.members
    member.trunk = find_trunk(member.model, member.weighting)
    batch = np.arange(32, dtype=np.int32)[None]
    found = made.gramians(0, batch)[0]
    layers = [layer for layer in member.model.layers if layer.name not in ("classification", "bbox")]
    shared = [variable.value for layer in layers for variable in layer.trainable_variables]
    images = made.images[:32, ..., None].astype(np.float32) / 255
    gradients = []
    for weight, head in ((2.0, "classification"), (3.0, "bbox")):
        with tf.GradientTape() as tape:
            output = member.model(images)[head]
            if head == "bbox":
                loss = tf.reduce_mean(tf.square(output - made.boxes[:32]))
            else:
                loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(made.labels[:32], output))
        parts = tape.gradient(loss, shared)
        gradients.append(weight * np.concatenate([part.numpy().astype(np.float64).ravel() for part in parts]))
    first, second = gradients
    np.testing.assert_allclose(found, [first @ first, first @ second, second @ second], rtol=1e-4)


def test_measuring_changes_nothing(make_stack: Callable[..., Any], validation: Any) -> None:
    from locexp.training.trainer import Schedule, train
    from locexp.training.trunk import find_trunk

    histories = []
    for batches in (0, 3):
        made = make_stack(dropout=0.5)
        made.members[0].trunk = find_trunk(made.members[0].model, made.members[0].weighting)
        train(made, Schedule(epochs=2, batch_size=32, diagnostic_batches=batches), validation)
        histories.append(made.members[0].history)
    plain, measured = histories
    assert "gradients/cosine" in measured[0]
    assert "gradients/cosine" not in plain[0]
    for one, other in zip(plain, measured, strict=True):
        assert {key: value for key, value in one.items() if not key.startswith("time/")} == {
            key: value for key, value in other.items() if not key.startswith(("time/", "gradients/"))
        }
