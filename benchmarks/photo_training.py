"""Training throughput on photos of 96x96x3, without and with augmentation, over plain Keras ``fit`` with ``tf.data``.

    python benchmarks/photo_training.py [--images 1512] [--epochs 4] [--repeats 3] [--network cnn]

Same network, batches of 32, float32. Each measurement is a process of its own and trains for some epochs; the first,
which also traces the graph, is left out. Augmented, locexp does all that bbox=annotated does at ``augment=1``, and
flips; ``tf.data`` does as much as ``tf.image`` has, in a parallel map: it does not rotate. Prints images a second of
both, by the clock and by the time of all cores (which other processes disturb less), and ratios paired run by run.
Photos are of noise: what they show has no influence on speed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from typing import Any

import common
import numpy as np

SIDE, CLASSES, BATCH = 96, 26, 32


Seconds = tuple[float, float]
"""By the clock, and of all cores."""


def now() -> Seconds:
    return time.perf_counter(), time.process_time()


def since(start: Seconds) -> Seconds:
    clock, cores = now()
    return clock - start[0], cores - start[1]


def photos(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images, labels and boxes in pixels."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.uint8)
    sides = random.uniform(25, 60, (count, 2))
    corners = random.uniform(0, SIDE - sides)
    return images, random.integers(0, CLASSES, count), np.concatenate([corners, corners + sides], axis=1)


def augmented(image: Any, label: Any, box: Any) -> tuple[Any, Any, Any]:
    """Crop, pad and stretch with the box whole, flip, change brightness and contrast, make some grey; box in shares."""
    import tensorflow as tf

    share = tf.random.uniform([], 0.6, 1.2)
    wider = tf.sqrt(tf.random.uniform([], 1 / 1.1, 1.1))
    size = tf.maximum(tf.stack([share * wider, share / wider]), box[2:] - box[:2])
    slack = tf.abs(1 - size) / 2
    lowest, highest = (tf.clip_by_value(0.5 + way * slack, box[2:] - size / 2, box[:2] + size / 2) for way in (-1, 1))
    corner = lowest + (highest - lowest) * tf.random.uniform([2]) - size / 2
    end = corner + size
    window = tf.stack([corner[1], corner[0], end[1], end[0]])[tf.newaxis]
    image = tf.image.crop_and_resize(image[tf.newaxis], window, [0], [SIDE, SIDE], extrapolation_value=127)[0]
    box = tf.concat([(box[:2] - corner) / size, (box[2:] - corner) / size], 0)
    if tf.random.uniform([]) < 0.5:
        image = tf.image.flip_left_right(image)
        box = tf.stack([1 - box[2], box[1], 1 - box[0], box[3]])
    image = tf.image.random_contrast(tf.image.random_brightness(image / 255, 0.2), 1 / 1.3, 1.3)
    if tf.random.uniform([]) < 0.1:
        image = tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(image))
    return tf.clip_by_value(image, 0, 1), label, box


def plain_keras(
    images: np.ndarray, labels: np.ndarray, boxes: np.ndarray, options: argparse.Namespace
) -> list[Seconds]:
    """Return the seconds of each epoch of plain ``fit``."""
    import keras
    import tensorflow as tf

    def scaled(image: Any, label: Any, box: Any) -> tuple[Any, Any, Any]:
        return tf.cast(image, tf.float32) / 255, label, box

    def named(image: Any, label: Any, box: Any) -> tuple[Any, dict[str, Any]]:
        return image, {"classification": label, "bbox": box}

    class Clock(keras.callbacks.Callback):
        seconds: list[Seconds] = []  # noqa: RUF012

        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            self.start = now()

        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            self.seconds.append(since(self.start))

    made = tf.data.Dataset.from_tensor_slices((images, labels, (boxes / SIDE).astype(np.float32))).shuffle(len(images))
    if options.augment:
        made = made.map(augmented, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH)
    else:
        made = made.batch(BATCH).map(scaled, num_parallel_calls=tf.data.AUTOTUNE)
    model = importlib.import_module(f"locexp.models.{options.network}").build((SIDE, SIDE, 3), CLASSES)
    model.compile(
        optimizer="adam",
        loss={"classification": "sparse_categorical_crossentropy", "bbox": "mse"},
        metrics={"classification": "accuracy"},
    )
    clock = Clock()
    model.fit(made.map(named).prefetch(tf.data.AUTOTUNE), epochs=options.epochs, verbose=0, callbacks=[clock])
    return clock.seconds


def locexp(images: np.ndarray, labels: np.ndarray, boxes: np.ndarray, options: argparse.Namespace) -> list[Seconds]:
    """Return the seconds of each epoch of the trainer, metrics of the training part included."""
    from locexp.system.tensorflow import start_tensorflow

    start_tensorflow()
    import keras

    from locexp.bbox.annotated import AnnotatedBoxes
    from locexp.bbox.annotations import Annotations
    from locexp.bbox.given import compose, fresh_scenes
    from locexp.training.member import Member
    from locexp.training.stack import Stack
    from locexp.training.trainer import Observer, Schedule, train

    strategy = AnnotatedBoxes(fresh=True, augment=1.0, flip=0.5) if options.augment else AnnotatedBoxes()
    annotations = Annotations(boxes)
    first = compose(strategy, images, annotations, split="train", scene_seed=0)
    network = importlib.import_module(f"locexp.models.{options.network}").build((SIDE, SIDE, 3), CLASSES)
    member = Member(0, network, keras.optimizers.Adam(), (1.0, 1.0))
    fresh = fresh_scenes(strategy, images, 0, first, annotations)
    stack = Stack([member], first.images, labels, first.boxes, fresh=fresh)

    class Clock(Observer):
        seconds: list[Seconds] = []  # noqa: RUF012
        start = now()

        def on_epoch(self, member: int, epoch: int, metrics: dict[str, float]) -> None:
            self.seconds.append(since(self.start))  # the evaluation is of one batch
            self.start = now()

    clock = Clock()
    train(stack, Schedule(options.epochs, BATCH), (images[:32], labels[:32], first.boxes[:32]), [clock])
    return clock.seconds


def main() -> None:
    """Measure, or be one measurement (``--worker``)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1512)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--network", default="cnn")
    parser.add_argument("--augment", action="store_true")
    parser.add_argument("--worker", choices=["keras", "locexp"])
    options = parser.parse_args()
    if options.worker:
        work = {"keras": plain_keras, "locexp": locexp}[options.worker]
        print(json.dumps(work(*photos(options.images), options)))
        return

    cores: dict[str, list[float]] = {}

    def measure(name: str, *augment: str) -> float:
        given = ["--images", str(options.images), "--epochs", str(options.epochs), "--network", options.network]
        seconds = common.worker(__file__, "--worker", name, *given, *augment)
        clock, used = (options.images * (len(seconds) - 1) / sum(column[1:]) for column in zip(*seconds, strict=True))
        cores.setdefault(f"{name}{' augmented' if augment else ''}", []).append(used)
        return clock

    print(f"{common.machine()}\nimages a second, {options.images:,} photos of {SIDE}x{SIDE}x3, {options.network}")
    measures = {
        f"{name}{' augmented' if augment else ''}": (lambda name=name, augment=augment: measure(name, *augment))
        for augment in ([], ["--augment"])
        for name in ("keras", "locexp")
    }
    taken = common.alternate(options.repeats, measures)
    for unit, rates in (("second", taken), ("second of a core", cores)):
        print(f"images a {unit}, median (lowest to highest) of {options.repeats}")
        for name, values in rates.items():
            print(f"  {name:16} {common.spread(values, 0)}")
        for what in ("", " augmented"):
            ratios = [ours / theirs for ours, theirs in zip(rates[f"locexp{what}"], rates[f"keras{what}"], strict=True)]
            print(f"  ratio{what:11} {common.spread(ratios)}   (target >= 1.5 by the clock)")


if __name__ == "__main__":
    main()
