"""One stack step is one step of plain Keras: same initial weights, same batches, same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest


def keras_fit(member: Any, stack: Any, order: np.ndarray, batch_size: int, dtype: str) -> dict[str, float]:
    """Train a copy of the member's network with plain ``compile`` and ``fit`` on the examples in this order."""
    import keras

    model = keras.models.clone_model(member.model)
    model.set_weights(member.model.get_weights())
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss={"classification": "sparse_categorical_crossentropy", "bbox": "mse"},
        loss_weights={"classification": 1.0, "bbox": 0.5},
        metrics={"classification": "accuracy"},
    )
    images = stack.images[order].astype(dtype)[..., None] / 255
    targets = {"classification": stack.labels[order], "bbox": stack.boxes[order]}
    history = model.fit(images, targets, batch_size=batch_size, epochs=1, shuffle=False, verbose=0).history
    member.reference = model
    return {name: values[0] for name, values in history.items()}


def largest_difference(member: Any) -> float:
    pairs = zip(member.model.get_weights(), member.reference.get_weights(), strict=True)
    return max(float(np.abs(ours - theirs).max()) for ours, theirs in pairs)


@pytest.mark.usefixtures("float32")
def test_three_steps_of_the_classic_network_in_float32(make_stack: Any) -> None:
    stack = make_stack(examples=96, filters=(32, 64), dense_units=128)
    (member,) = stack.members
    order = member.batch_order(0, 96)
    history = keras_fit(member, stack, order, 32, "float32")
    (made,) = stack.train_steps(order.reshape(1, 3, 32))
    assert largest_difference(member) < 1e-5
    assert made.classification_loss.mean() == pytest.approx(history["classification_loss"], abs=1e-5)
    assert made.bbox_loss.mean() == pytest.approx(history["bbox_loss"], abs=1e-5)


@pytest.fixture
def float64() -> Iterator[None]:
    from locexp.system.tensorflow import start_tensorflow

    start_tensorflow(precision="float64")
    yield
    start_tensorflow()


@pytest.mark.usefixtures("float64")
@pytest.mark.slow
def test_an_epoch_of_the_classic_network_in_float64(make_stack: Any) -> None:
    """2,048 images, 64 steps, through the trainer: weights and reported losses agree to 1e-8."""
    from locexp.training.trainer import Schedule, train

    stack = make_stack(examples=2048, filters=(32, 64), dense_units=128, dtype="float64")
    (member,) = stack.members
    history = keras_fit(member, stack, member.batch_order(0, 2048), 32, "float64")
    images = stack.images[:64]
    train(stack, Schedule(1, 32, steps_per_call=10), (images, stack.labels[:64], stack.boxes[:64]))
    assert largest_difference(member) < 1e-8
    (row,) = member.history
    assert row["train/classification_loss"] == pytest.approx(history["classification_loss"], abs=1e-8)
    assert row["train/bbox_loss"] == pytest.approx(history["bbox_loss"], abs=1e-8)
    assert row["train/loss"] == pytest.approx(history["loss"], abs=1e-8)
    assert row["train/accuracy"] == pytest.approx(history["classification_accuracy"], abs=1e-8)


@pytest.mark.usefixtures("float32")
def test_losses_are_means_over_examples_with_a_partial_last_batch(make_stack: Any) -> None:
    """With a learning rate of (nearly) nothing, training must report what a plain evaluation finds."""
    import keras

    from locexp.training.trainer import Schedule, train

    stack = make_stack(examples=70, optimizer=lambda: keras.optimizers.SGD(1e-12), weights=((2.0, 3.0),))
    (member,) = stack.members
    images = stack.images
    outputs = member.model(images[..., None].astype(np.float32) / 255, training=False)
    probabilities = np.asarray(outputs["classification"], np.float64)
    cross_entropy = -np.log(probabilities[np.arange(70), stack.labels]).mean()
    squared = ((np.asarray(outputs["bbox"], np.float64) - stack.boxes) ** 2).mean()
    train(stack, Schedule(1, 32), (images, stack.labels, stack.boxes))
    (row,) = member.history
    for part in ("train", "val"):
        assert row[f"{part}/classification_loss"] == pytest.approx(cross_entropy, rel=1e-5)
        assert row[f"{part}/bbox_loss"] == pytest.approx(squared, rel=1e-5)
        assert row[f"{part}/loss"] == pytest.approx(2 * cross_entropy + 3 * squared, rel=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("float32")
def test_curves_of_five_epochs_agree_with_keras_within_seed_noise(digits: tuple[np.ndarray, np.ndarray]) -> None:
    """Three seeds each on 4,000 digits: the means after five epochs differ by less than their spread allows."""
    import keras

    from locexp.bbox.geometry import ink_boxes, normalise
    from locexp.evaluation.metrics import summarise
    from locexp.models.cnn import build
    from locexp.training.member import Member
    from locexp.training.stack import Stack
    from locexp.training.trainer import Schedule, train

    images, labels = digits
    boxes = normalise(ink_boxes(images), 28, 28).astype(np.float32)
    held = (images[4000:], labels[4000:], boxes[4000:])
    ours, theirs = [], []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        member = Member(seed, build((28, 28, 1), 10), keras.optimizers.Adam(1e-3), (1.0, 0.5))
        stack = Stack([member], images[:4000], labels[:4000], boxes[:4000])
        train(stack, Schedule(5, 32, keep="last"), held)
        ours.append(stack.members[0].history[-1])
        keras.utils.set_random_seed(100 + seed)
        model = build((28, 28, 1), 10)
        model.compile(
            optimizer="adam",
            loss={"classification": "sparse_categorical_crossentropy", "bbox": "mse"},
            loss_weights={"classification": 1.0, "bbox": 0.5},
        )
        scaled = images[..., None].astype(np.float32) / 255
        targets = {"classification": labels[:4000], "bbox": boxes[:4000]}
        model.fit(scaled[:4000], targets, batch_size=32, epochs=5, verbose=0)
        said = model.predict(scaled[4000:], verbose=0)
        stack.members[0].model.set_weights(model.get_weights())
        evaluated, _ = stack.evaluations([0], *held, 500)[0].result()
        np.testing.assert_allclose(evaluated.boxes, said["bbox"], atol=1e-5)
        theirs.append({f"val/{name}": value for name, value in summarise(evaluated).items()})
    for name in ("val/accuracy", "val/mean_iou", "val/classification_loss", "val/bbox_loss"):
        first, second = (np.array([row[name] for row in rows]) for rows in (ours, theirs))
        noise = np.sqrt(first.var(ddof=1) / 3 + second.var(ddof=1) / 3)
        # 4 standard errors, and a floor under the noise that three seeds can underestimate.
        assert abs(first.mean() - second.mean()) < 4 * noise + 0.02 * second.mean(), name
