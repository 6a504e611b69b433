"""What a probe of a case sees: both losses and both gradients, before training and after some steps of equal weights.

    python benchmarks/transfer_probe.py [--seeds 3] [--steps 100] OVERRIDE...

Prints a line of JSON: for each seed, ``init`` and ``after`` with the norms of both gradients in all that both heads
share, the cosine between them, and both losses: means over ten batches. They are seen as a step of training sees them,
with dropout on and normalisation by the batch: after 100 steps, the moving averages that an evaluation would normalise
by are still half of what they began with.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import numpy as np

BATCHES = 10
EQUAL = ("loss.classification_weight=1", "loss.bbox_weight=1")


def looking(member: Any, data: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return what looks at some batches, int32 (batches, batch), and leaves the member as it was: to (batches, 5), the
    Gramian of the gradients and both losses."""
    import tensorflow as tf

    from locexp.training.gradients import gramian_of
    from locexp.training.step import forward
    from locexp.training.trunk import find_trunk, pick

    trunk = find_trunk(member.model, member.weighting)
    assert trunk is not None

    @tf.function
    def look(indices: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(persistent=True) as tape:
            _, losses = forward(member, tuple(tf.gather(values, indices) for values in data), training=True)
        values = pick([variable.value for variable in member.model.trainable_variables], trunk.shared)
        return tf.stack([*gramian_of(*(tape.gradient(loss, values) for loss in losses)), *losses])

    def seen(order: np.ndarray) -> np.ndarray:
        state = [variable.numpy() for variable in member.model.variables]
        rows = np.stack([look(tf.constant(batch, tf.int32)).numpy() for batch in order])
        for variable, value in zip(member.model.variables, state, strict=True):
            variable.assign(value)  # the moving averages, and what dropout draws from
        return rows

    return seen


def described(rows: np.ndarray) -> dict[str, float]:
    """Return the figures of some batches, four significant digits each."""
    from locexp.training.diagnostics import gradient_metrics

    gradients = gradient_metrics(rows[:, :3])
    figures = {
        "classification_norm": gradients["gradients/classification_norm"],
        "bbox_norm": gradients["gradients/bbox_norm"],
        "cosine": gradients.get("gradients/cosine", 0.0),
        "classification_loss": rows[:, 3].mean(),
        "bbox_loss": rows[:, 4].mean(),
    }
    return {name: float(f"{value:.4g}") for name, value in figures.items()}


def batches_of(member: Any, examples: int, size: int, count: int) -> np.ndarray:
    """Return the first whole batches of a training: int32 (count, size)."""
    found: list[np.ndarray] = []
    epoch = 0
    while sum(map(len, found)) < count:
        whole = member.batch_order(epoch, examples)[: examples // size * size]
        found.append(whole.reshape(-1, size))
        epoch += 1
    return np.concatenate(found)[:count]


def probe(overrides: list[str], seeds: int, steps: int) -> list[dict[str, Any]]:
    """Return what a probe sees on each seed."""
    from locexp.configuration.compose import composing
    from locexp.run.prepare import prepare

    with composing() as composer:
        jobs = [composer.compose([*overrides, *EQUAL, f"seed={seed}"]) for seed in range(seeds)]
    made = [prepare(job.cfg, stacked=True) for job in jobs]
    import tensorflow as tf

    from locexp.training.stack import Stack

    data, members = made[0].data, [one.member for one in made]
    images, labels, boxes = data.arrays("train")
    size = min(made[0].schedule.batch_size, len(labels))
    tensors = tf.constant(images), tf.constant(labels, tf.int32), tf.constant(boxes, members[0].dtype)
    order = np.stack([batches_of(member, len(labels), size, steps + BATCHES) for member in members])
    looks = [looking(member, tensors) for member in members]
    before = [look(rows[:BATCHES]) for look, rows in zip(looks, order, strict=True)]
    Stack(members, images, labels, boxes).train_steps(order[:, :steps])
    after = [look(rows[steps:]) for look, rows in zip(looks, order, strict=True)]
    return [
        {"seed": member.seed, "init": described(first), "after": described(then)}
        for member, first, then in zip(members, before, after, strict=True)
    ]


def main() -> None:
    """Print what a probe sees."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    given = parser.parse_args()
    print(json.dumps(probe(given.overrides, given.seeds, given.steps)))


if __name__ == "__main__":
    main()
