"""What a stack of members trains a second, over its size and over the peak of the machine.

    python benchmarks/stack.py [--sizes 1 2 4 8 16 32] [--repeats 3] [--precision float32] [--threads 1 2]

Each measurement is a process of its own that trains the classic network at batch 32: images × members a second, over
200 steps that follow the traced and warmed-up first ones. Printed beside it: the seconds to build the members, to
trace their graphs, and to trace the loop and run its first step; and what the throughput is of the machine's measured
peak of float32 matrix products, counting 2 operations for each multiplication and addition of the network, forward
once and backward twice (but for the first layer, which needs no gradient of the images). ``--threads`` gives intra-op
and inter-op threads in place of a stack's own.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import common
import numpy as np

BATCH, STEPS, EXAMPLES = 32, 200, 8000
CONVOLUTIONS = (26 * 26 * 32 * 9, 11 * 11 * 64 * 9 * 32)
DENSE = (1600 * 128, 128 * 14)


def operations() -> int:
    """Return the operations of one training step for one image."""
    return 2 * (2 * CONVOLUTIONS[0] + 3 * (CONVOLUTIONS[1] + sum(DENSE)))


def peak() -> float:
    """Return the operations a second of a product of float32 matrices, the best of some."""
    import tensorflow as tf

    first, best = tf.random.normal((2048, 2048)), 0.0
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(5):
            product = first @ first
        product.numpy()
        best = max(best, 5 * 2 * 2048**3 / (time.perf_counter() - start))
    return best


def measure(size: int, precision: str, threads: list[int]) -> dict[str, float]:
    """Train a stack and return what it took."""
    from locexp.training import runtime

    if threads:
        runtime.thread_counts = lambda *_, **__: tuple(threads)
    runtime.start_tensorflow(precision=precision, stacked=True)
    import keras

    from locexp.models.cnn import build
    from locexp.training.member import MemberSpec, build_member
    from locexp.training.stack import Stack

    images, labels = common.repeated_digits(EXAMPLES)
    boxes = np.tile(common.BOX, (EXAMPLES, 1))
    marks = [time.perf_counter()]
    members = [
        build_member(
            MemberSpec(
                seed=seed,
                build_model=lambda: build((28, 28, 1), 10),
                build_optimizer=lambda _: keras.optimizers.Adam(1e-3),
                classification_weight=1.0,
                bbox_weight=0.5,
                kind="classic",
            ),
            STEPS,
            "float32",
        )
        for seed in range(size)
    ]
    stack = Stack(members, images, labels, boxes)
    marks.append(time.perf_counter())
    stack.trace()
    marks.append(time.perf_counter())
    orders = np.stack([member.batch_order(0, EXAMPLES)[: STEPS * BATCH] for member in members])
    orders = orders.reshape(size, STEPS, BATCH)
    stack.train_steps(orders[:, :1])
    marks.append(time.perf_counter())
    stack.train_steps(orders[:, :20])
    start = time.perf_counter()
    stack.train_steps(orders)
    seconds = time.perf_counter() - start
    build_s, trace_s, loop_s = np.diff(marks)
    return {
        "images": size * STEPS * BATCH / seconds,
        "build": float(build_s),
        "trace": float(trace_s),
        "loop": float(loop_s),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Measure every size in turn, or be one measurement (``--worker``)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--threads", type=int, nargs=2, default=[])
    parser.add_argument("--worker", type=int)
    arguments = parser.parse_args()
    if arguments.worker == 0:
        print(json.dumps({"peak": peak()}))
        return
    if arguments.worker is not None:
        print(json.dumps(measure(arguments.worker, arguments.precision, arguments.threads)))
        return
    threads = ["--threads", *map(str, arguments.threads)] if arguments.threads else []
    options = ["--precision", arguments.precision, *threads]
    print(f"{common.machine()}\nclassic network, batch {BATCH}, {' '.join(options[1:])}")
    taken: dict[int, list[dict[str, float]]] = {size: [] for size in arguments.sizes}
    peaks = []
    for _ in range(arguments.repeats):
        peaks.append(common.worker(__file__, "--worker", "0")["peak"])
        for size, rows in taken.items():
            rows.append(common.worker(__file__, "--worker", str(size), *options))
    best = float(np.median(peaks))
    print(f"peak of float32 matrix products: {common.spread([value / 1e9 for value in peaks], 0)} GFLOP/s")
    print(f"{operations() / 1e6:.2f} MFLOP an image: at that peak {best / operations():,.0f} images a second")
    print("members  images × members a second    of the peak  build  trace  loop, s  peak memory, MiB")
    for size, rows in taken.items():
        images = [row["images"] for row in rows]
        share = float(np.median(images)) * operations() / best
        middle = {name: float(np.median([row[name] for row in rows])) for name in ("build", "trace", "loop", "memory")}
        print(
            f"{size:7}  {common.spread(images, 0):28} {share:10.2f}  {middle['build']:5.2f}  {middle['trace']:5.2f}  "
            f"{middle['loop']:7.2f}  {middle['memory']:16,.0f}"
        )
    if len(taken) > 1:
        low, high = min(taken), max(taken)
        used = {size: float(np.median([row["memory"] for row in taken[size]])) for size in (low, high)}
        print(f"memory a further member: {(used[high] - used[low]) / (high - low):.1f} MiB (target <= 25)")


if __name__ == "__main__":
    main()
