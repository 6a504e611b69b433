"""What scenes cost: composition against a loop over images, and its share of a training step.

    python benchmarks/scenes.py [--images 5000] [--steps 60] [--repeats 3]

The loop makes the same scenes with the same code, an image at a time; a second one is what one writes with Pillow and
NumPy (other scenes of the same kind). The step is one of the classic network in plain Keras on 64x64 (clutter: 60x60)
at batch 32, many in a compiled loop; images are gathered there from an array, or composed anew.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import common
import numpy as np
from PIL import Image

from locexp.bbox.clutter import Clutter
from locexp.bbox.scatter import Scatter

BATCH = 32


def strategies() -> dict[str, Scatter]:
    """Return what is measured."""
    return {
        "scatter": Scatter(),
        "clutter": Clutter(),
        "scatter, warped": Scatter(fresh=True, augment=1),
        "clutter, scaled, gaussian": Clutter(canvas=(64, 64), scale=(0.5, 1.5), noise="gaussian"),
    }


def whole(strategy: Scatter, images: np.ndarray) -> None:
    """Compose all scenes at once."""
    strategy.compose(images, split="train", scene_seed=0)


def one_by_one(strategy: Scatter, images: np.ndarray) -> None:
    """Compose the same scenes in a loop."""
    source = strategy.prepare(images, "train")
    for index in range(len(images)):
        strategy.scenes(source, np.array([index]), split="train", scene_seed=0)


def with_pillow(strategy: Scatter, images: np.ndarray) -> None:
    """Compose scenes of the same kind the plain way: each image resized, placed on whole pixels, its box found."""
    random = np.random.default_rng(0)
    width, height = strategy.canvas
    count, size = getattr(strategy, "distractors", 0), getattr(strategy, "distractor_size", 0)
    for image in images:
        side = max(1, round(28 * random.uniform(*strategy.scale)))
        digit = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))
        scene = np.zeros((height, width), np.uint8)
        x, y = random.integers(0, width - side + 1), random.integers(0, height - side + 1)
        scene[y : y + side, x : x + side] = digit
        columns, rows = np.flatnonzero(scene.any(axis=0)), np.flatnonzero(scene.any(axis=1))
        np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        for _ in range(count):
            other = images[random.integers(len(images))]
            cut_x, cut_y = random.integers(0, 28 - size + 1, 2)
            x, y = random.integers(0, width - size + 1), random.integers(0, height - size + 1)
            part = scene[y : y + size, x : x + size]
            np.maximum(part, other[cut_y : cut_y + size, cut_x : cut_x + size], out=part)
        if strategy.noise == "gaussian":
            scene = np.clip(scene + random.normal(0, 255 * strategy.noise_level, scene.shape), 0, 255).astype(np.uint8)


def seconds(call: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def speeds(strategy: Scatter, images: np.ndarray, repeats: int) -> None:
    """Print microseconds an image, and the ratios to the loops."""
    whole(strategy, images[:256])
    measures = {"at once": whole, "one by one": one_by_one, "with Pillow": with_pillow}
    taken = common.alternate(
        repeats,
        {
            name: (lambda compose=compose: 1e6 * seconds(lambda: compose(strategy, images)) / len(images))
            for name, compose in measures.items()
        },
    )
    for name in list(measures)[1:]:
        ratios = [loop / fast for loop, fast in zip(taken[name], taken["at once"], strict=True)]
        print(f"  {name} / at once: {common.spread(ratios, 1)}")


def trainer(strategy: Scatter, images: np.ndarray, labels: np.ndarray, fresh: bool) -> Callable[[np.ndarray, int], Any]:
    """Return a compiled loop of training steps of the classic network over (steps, batch) indices."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    width, height = strategy.canvas
    scenes = strategy.compose(images, split="train", scene_seed=0)
    held, boxes = tf.identity(tf.constant(scenes.images)), tf.constant(scenes.boxes)
    answers = tf.constant(labels, tf.int32)
    composer = strategy.composer(images, split="train", scene_seed=0)
    model = common.classic_model((height, width, 1))
    model.optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)
    def steps(order: Any, epoch: Any) -> Any:
        def step(number: Any, total: Any) -> tuple[Any, Any]:
            indices = order[number]
            drawn = composer(indices, epoch) if fresh else (tf.gather(held, indices), tf.gather(boxes, indices))
            scaled = tf.cast(drawn[0], tf.float32)[..., None] / 255.0
            with tf.GradientTape() as tape:
                said = model(scaled, training=True)
                named = keras.losses.sparse_categorical_crossentropy(
                    tf.gather(answers, indices), said["classification"]
                )
                loss = tf.reduce_mean(named) + 0.5 * tf.reduce_mean(tf.square(said["bbox"] - drawn[1]))
            gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
            model.optimizer.apply(gradients, model.trainable_variables)
            return number + 1, total + loss

        return tf.while_loop(lambda number, _: number < tf.shape(order)[0], step, (0, 0.0), parallel_iterations=1)[1]

    return steps


def alone(strategy: Scatter, images: np.ndarray) -> Callable[[np.ndarray, int], Any]:
    """Return a compiled loop of composition and nothing else over (steps, batch) indices."""
    import tensorflow as tf

    composer = strategy.composer(images, split="train", scene_seed=0)

    @tf.function(autograph=False)
    def steps(order: Any, epoch: Any) -> Any:
        def step(number: Any, total: Any) -> tuple[Any, Any]:
            drawn = composer(order[number], epoch)
            return number + 1, total + drawn[1][0, 0] + tf.cast(drawn[0][0, 0, 0], tf.float32)

        return tf.while_loop(lambda number, _: number < tf.shape(order)[0], step, (0, 0.0), parallel_iterations=1)[1]

    return steps


def shares(strategy: Scatter, images: np.ndarray, labels: np.ndarray, steps: int, repeats: int) -> None:
    """Print the time of a step with and without composition, that of composition alone, and its share."""
    order = np.random.default_rng(0).integers(0, len(images), (steps, BATCH)).astype(np.int32)
    loops = {name: trainer(strategy, images, labels, name == "fresh") for name in ("frozen", "fresh")}
    loops["alone"] = alone(strategy, images)
    for loop in loops.values():
        loop(order[:3], 0)
        loop(order, 0).numpy()
    taken = common.alternate(
        repeats,
        {
            name: (lambda loop=loop: 1e3 * seconds(lambda: loop(order, 1).numpy()) / steps)
            for name, loop in loops.items()
        },
    )
    for name, values in taken.items():
        print(f"  {name}: {common.spread(values)} ms a step")
    share = [own / fresh for own, fresh in zip(taken["alone"], taken["fresh"], strict=True)]
    print(f"  composition's share of a step: {statistics.median(share):.1%} ({min(share):.1%} to {max(share):.1%})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    images, labels = common.repeated_digits(arguments.images)
    print(common.machine())
    for name, strategy in strategies().items():
        print(f"{name}: µs an image, {len(images):,} images (target: at once >= 20 times as fast as a loop)")
        speeds(strategy, images, arguments.repeats)
    for name, strategy in strategies().items():
        print(f"{name}: classic network, batch {BATCH} (target: composition <= 20 % of a step)")
        shares(strategy, images, labels, arguments.steps, arguments.repeats)


if __name__ == "__main__":
    main()
