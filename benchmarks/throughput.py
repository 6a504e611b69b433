"""Training throughput of ``experiment=seed`` over plain Keras ``fit``: same network, batches of 32, float32.

    python benchmarks/throughput.py [--images 60000] [--epochs 3] [--repeats 3]

Each measurement is a process of its own and trains for some epochs; the first, which also traces the graph, is left
out. Prints images a second of both, and their ratio, paired run by run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import common


def plain_keras(images: int, epochs: int) -> list[float]:
    """Return the seconds of each epoch of plain ``fit``."""
    import keras
    import numpy as np

    pictures, labels = common.repeated_digits(images)
    scaled = pictures.astype("float32")[..., None] / 255
    targets = {"classification": labels, "bbox": np.tile(common.BOX, (images, 1))}

    class Clock(keras.callbacks.Callback):
        seconds: list[float] = []  # noqa: RUF012

        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            self.seconds.append(time.perf_counter() - self.start)

    clock = Clock()
    common.classic_model().fit(scaled, targets, batch_size=32, epochs=epochs, verbose=0, callbacks=[clock])
    return clock.seconds


def locexp(images: int, epochs: int, threads: str) -> list[float]:
    """Return the seconds of each epoch of the trainer, metrics of the training part included."""
    from locexp.configuration.compose import composing
    from locexp.run.prepare import box_loss, build_optimizer
    from locexp.system.tensorflow import start_tensorflow

    with composing() as composer:
        job = composer.compose(["experiment=seed"])
    cfg = job.cfg
    start_tensorflow(threads=threads if threads == "auto" else int(threads), precision=cfg.trainer.precision)
    import keras
    import numpy as np

    from locexp.models.cnn import build
    from locexp.training.member import Member
    from locexp.training.stack import Stack
    from locexp.training.trainer import Observer, Schedule, train

    pictures, labels = common.repeated_digits(images)
    boxes = np.tile(common.BOX, (images, 1))
    keras.utils.set_random_seed(cfg.seed)
    member = Member(
        cfg.seed,
        build((28, 28, 1), 10),
        build_optimizer(cfg, epochs * -(-images // 32)),
        (cfg.loss.classification_weight, cfg.loss.bbox_weight),
        box_loss=box_loss(cfg, (28, 28)),
    )
    stack = Stack([member], pictures, labels, boxes)

    class Clock(Observer):
        seconds: list[float] = []  # noqa: RUF012
        start = time.perf_counter()

        def on_epoch(self, member: int, epoch: int, metrics: dict[str, float]) -> None:
            now = time.perf_counter()
            self.seconds.append(now - self.start - metrics["time/evaluation_seconds"])
            self.start = now

    clock = Clock()
    train(
        stack,
        Schedule(epochs, cfg.trainer.batch_size, steps_per_call=cfg.trainer.steps_per_call),
        (pictures[:32], labels[:32], boxes[:32]),
        [clock],
    )
    return clock.seconds


def main() -> None:
    """Measure, or be one measurement (``--worker``)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", default="auto")
    parser.add_argument("--worker", choices=["keras", "locexp"])
    arguments = parser.parse_args()
    if arguments.worker == "keras":
        print(json.dumps(plain_keras(arguments.images, arguments.epochs)))
        return
    if arguments.worker == "locexp":
        print(json.dumps(locexp(arguments.images, arguments.epochs, arguments.threads)))
        return

    def measure(name: str) -> float:
        options = ["--worker", name, "--images", str(arguments.images), "--epochs", str(arguments.epochs)]
        seconds = common.worker(__file__, *options, "--threads", arguments.threads)
        return arguments.images * (len(seconds) - 1) / sum(seconds[1:])

    print(f"{common.machine()}\nimages a second, {arguments.images:,} images, batch 32, float32")
    taken = common.alternate(
        arguments.repeats, {name: (lambda name=name: measure(name)) for name in ("keras", "locexp")}
    )
    ratios = [ours / theirs for ours, theirs in zip(taken["locexp"], taken["keras"], strict=True)]
    for name, values in taken.items():
        print(f"{name:7} {common.spread(values, 0)}")
    print(f"ratio   {common.spread(ratios)}   (target >= 1.3; median of {len(ratios)})")
    print(f"median of medians {statistics.median(taken['locexp']) / statistics.median(taken['keras']):.2f}")


if __name__ == "__main__":
    main()
