"""What a step costs under each weighting method, relative to fixed weights: the classic network, batch 32, float32.

    python benchmarks/weighting_cost.py [--repeats 7] [--steps 150] [--methods famo,mgda] [--diagnostics]

All methods stand ready in one process; each repeat times every one of them in turn. The ratio is of each method's time
to that of fixed weights in the same repeat; printed are the median and the lowest and highest. ``--diagnostics`` also
times what ``trainer.diagnostic_batches=10`` adds to an epoch, in steps of fixed weights.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable
from typing import Any

import common
import numpy as np

BATCH = 32


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--methods", default="")
    parser.add_argument("--diagnostics", action="store_true")
    arguments = parser.parse_args()

    from locexp.system.tensorflow import start_tensorflow

    start_tensorflow()
    from locexp.losses.weighting import methods

    wanted = arguments.methods.split(",") if arguments.methods else list(methods())
    runs = {name: timed(stack(methods()[name]), arguments.steps) for name in dict.fromkeys(["fixed", *wanted])}
    if arguments.diagnostics:
        runs["diagnostics"] = diagnosed(stack(methods()["fixed"]))
    for run in runs.values():
        run()  # traces and warms up
    taken = {name: [] for name in runs}
    for _ in range(arguments.repeats):
        for name, run in runs.items():
            taken[name].append(run())
    print(common.machine())
    for name, seconds in taken.items():
        if name == "diagnostics":
            steps = [one / base * arguments.steps for one, base in zip(seconds, taken["fixed"], strict=True)]
            print(f"10 diagnostic batches: {common.spread(steps, 1)} steps of fixed weights per epoch")
            continue
        ratios = [one / base for one, base in zip(seconds, taken["fixed"], strict=True)]
        milliseconds = 1000 * statistics.median(seconds) / arguments.steps
        print(f"{name:12} {milliseconds:6.2f} ms per step   {common.spread(ratios)} x fixed")


@functools.cache
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images, labels and tight boxes."""
    from locexp.bbox.geometry import ink_boxes, normalise

    images, labels = common.repeated_digits(4_800)
    return images, labels, normalise(ink_boxes(images), 28, 28).astype(np.float32)


def stack(method: Callable[[], Any]) -> Any:
    """Return a stack of one member that trains with a method."""
    import keras

    from locexp.models.cnn import build
    from locexp.training.member import Member
    from locexp.training.stack import Stack

    keras.utils.set_random_seed(0)
    network = build((28, 28, 1), 10)
    member = Member(0, network, keras.optimizers.Adam(1e-3), (1.0, 1.0), weighting=method(), diagnostics=True)
    return Stack([member], *data())


def order(steps: int) -> np.ndarray:
    """Return the examples of some batches: int32 (steps, batch)."""
    return (np.arange(steps * BATCH, dtype=np.int32) % len(data()[1])).reshape(steps, BATCH)


def timed(made: Any, steps: int) -> Callable[[], float]:
    """Return a function that trains for some steps and returns the seconds."""

    def run() -> float:
        start = time.perf_counter()
        made.train_steps(order(steps)[None])
        made.members[0].step_weights.clear()
        return time.perf_counter() - start

    return run


def diagnosed(made: Any) -> Callable[[], float]:
    """Return a function that measures the gradients on ten batches and returns the seconds."""

    def run() -> float:
        start = time.perf_counter()
        made.gramians(0, order(10))
        return time.perf_counter() - start

    return run


if __name__ == "__main__":
    main()
