"""What a stack of members trains a second, over its size and over the peak of the machine.

    python benchmarks/stack.py [--sizes 1 2 4 8 16 32] [--repeats 3] [--precisions float32 mixed_bfloat16]
    python benchmarks/stack.py --peer --images 5000 20000 60000 --plot stacks.png
    python benchmarks/stack.py --sizes 8 --precisions float32 --threads 1 2

Each measurement is a process of its own that trains the classic network at batch 32: images × members a second, over
200 steps that follow the traced and warmed-up first ones. Printed beside it: the seconds to build the members, to
trace their graphs, and to trace the loop and run its first step; and what the throughput is of the machine's measured
peak of float32 matrix products, counting 2 operations for each multiplication and addition of the network, forward
once and backward twice (but for the first layer, which needs no gradient of the images). ``--threads`` gives intra-op
and inter-op threads in place of a stack's own. ``--peer`` adds the same network in eager PyTorch (extra ``oracle``), by
itself; ``--images`` the seconds that a stack of eight takes for one pass over so many images.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Any

import common
import numpy as np

BATCH, STEPS, EXAMPLES = 32, 200, 8000
MEMBERS = 8
"""Of the stack that passes over ``--images``."""
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


def peer() -> float:
    """Return the images a second of the classic network in eager PyTorch."""
    import torch
    from torch import nn

    torch.set_num_threads(2)
    trunk = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(1600, 128), nn.ReLU()),
    )
    digit, box = nn.Linear(128, 10), nn.Sequential(nn.Linear(128, 4), nn.Sigmoid())
    optimizer = torch.optim.Adam([*trunk.parameters(), *digit.parameters(), *box.parameters()], lr=1e-3)
    images, labels = common.repeated_digits(EXAMPLES)
    pixels, classes = torch.from_numpy(images)[:, None], torch.from_numpy(labels.astype(np.int64))
    boxes = torch.from_numpy(np.tile(common.BOX, (EXAMPLES, 1)))
    orders = torch.from_numpy(np.random.default_rng(0).permutation(EXAMPLES)[: STEPS * BATCH].reshape(STEPS, BATCH))

    def train(steps: int) -> None:
        for order in orders[:steps]:
            shared = trunk(pixels[order].float() / 255)
            loss = nn.functional.cross_entropy(digit(shared), classes[order])
            loss = loss + 0.5 * nn.functional.mse_loss(box(shared), boxes[order])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    train(20)
    start = time.perf_counter()
    train(STEPS)
    return STEPS * BATCH / (time.perf_counter() - start)


def measure(size: int, precision: str, threads: list[int], examples: int) -> dict[str, float]:
    """Train a stack and return what it took; with ``examples``, for a pass over so many."""
    from locexp.system import tensorflow as runtime

    if threads:
        runtime.thread_counts = lambda *_, **__: tuple(threads)
    runtime.start_tensorflow(precision=precision, stacked=True)
    import keras

    from locexp.models.cnn import build
    from locexp.training.member import Member
    from locexp.training.stack import Stack

    count = examples or EXAMPLES
    images, labels = common.repeated_digits(count)
    boxes = np.tile(common.BOX, (count, 1))
    marks = [time.perf_counter()]
    members = []
    for seed in range(size):
        keras.utils.set_random_seed(seed)
        network = build((28, 28, 1), 10)
        members.append(Member(seed, network, keras.optimizers.Adam(1e-3), (1.0, 0.5), graph_key="classic"))
    stack = Stack(members, images, labels, boxes)
    marks.append(time.perf_counter())
    stack.traced()
    marks.append(time.perf_counter())
    steps = count // BATCH if examples else STEPS
    orders = np.stack([member.batch_order(0, count)[: steps * BATCH] for member in members])
    orders = orders.reshape(size, steps, BATCH)
    stack.train_steps(orders[:, :1])
    marks.append(time.perf_counter())
    stack.train_steps(orders[:, :20])
    start = time.perf_counter()
    for first in range(0, steps, STEPS):
        stack.train_steps(orders[:, first : first + STEPS])
    seconds = time.perf_counter() - start
    build_s, trace_s, loop_s = np.diff(marks)
    return {
        "images": size * steps * BATCH / seconds,
        "seconds": seconds,
        "build": float(build_s),
        "trace": float(trace_s),
        "loop": float(loop_s),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


Rows = list[dict[str, float]]


def show(taken: dict[int, Rows], best: float) -> None:
    """Print a table over sizes."""
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


def plot(path: str, stacks: dict[str, dict[int, Rows]], peers: list[float], passes: dict[str, dict[int, Rows]]) -> None:
    """Draw images a second over the size of the stack, and seconds over images."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)

    def line(axes: Any, taken: dict[int, Rows], name: str, label: str) -> None:
        values = np.array([[row[name] for row in rows] for rows in taken.values()])
        middle = np.median(values, axis=1)
        ends = np.stack([middle - values.min(axis=1), values.max(axis=1) - middle])
        axes.errorbar(list(taken), middle, ends, fmt="o-", capsize=3, label=label)

    for precision, taken in stacks.items():
        line(left, taken, "images", precision)
    if peers:
        left.axhline(float(np.median(peers)), color="gray", linestyle="--", label="eager PyTorch, one network")
    left.set_xscale("log", base=2)
    left.set(xlabel="members of the stack", ylabel="images × members a second", ylim=(0, None))
    left.set_xticks(list(next(iter(stacks.values()))), labels=list(map(str, next(iter(stacks.values())))))
    for precision, taken in passes.items():
        line(right, taken, "seconds", precision)
    right.set(xlabel="images", ylabel=f"seconds of a pass, {MEMBERS} members", xlim=(0, None), ylim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure every size in turn, or be one measurement (``--worker``)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--precisions", nargs="+", default=["float32", "mixed_bfloat16"])
    parser.add_argument("--threads", type=int, nargs=2, default=[])
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--images", type=int, nargs="+", default=[])
    parser.add_argument("--plot")
    parser.add_argument("--worker")
    arguments = parser.parse_args()
    if arguments.worker == "peak":
        print(json.dumps({"peak": peak()}))
    elif arguments.worker == "peer":
        print(json.dumps({"images": peer()}))
    elif arguments.worker is not None:
        size, examples = map(int, arguments.worker.split(","))
        print(json.dumps(measure(size, arguments.precisions[0], arguments.threads, examples)))
    else:
        compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """Take every measurement in turn, and print what they gave."""
    threads = ["--threads", *map(str, arguments.threads)] if arguments.threads else []
    print(f"{common.machine()}\nclassic network, batch {BATCH} {' '.join(threads)}")
    stacks: dict[str, dict[int, Rows]] = {name: {size: [] for size in arguments.sizes} for name in arguments.precisions}
    passes: dict[str, dict[int, Rows]] = {
        name: {size: [] for size in arguments.images} for name in arguments.precisions
    }
    peaks, peers = [], []
    for _ in range(arguments.repeats):
        peaks.append(common.worker(__file__, "--worker", "peak")["peak"])
        if arguments.peer:
            peers.append(common.worker(__file__, "--worker", "peer")["images"])
        for precision in arguments.precisions:
            options = ["--precisions", precision, *threads]
            for size, rows in stacks[precision].items():
                rows.append(common.worker(__file__, "--worker", f"{size},0", *options))
            for count, rows in passes[precision].items():
                rows.append(common.worker(__file__, "--worker", f"{MEMBERS},{count}", *options))
    best = float(np.median(peaks))
    print(f"peak of float32 matrix products: {common.spread([value / 1e9 for value in peaks], 0)} GFLOP/s")
    print(f"{operations() / 1e6:.2f} MFLOP per image: at that peak {best / operations():,.0f} images a second")
    if peers:
        print(f"eager PyTorch, one network: {common.spread(peers, 0)} images a second")
    for precision, taken in stacks.items():
        print(precision)
        show(taken, best)
        for count, rows in passes[precision].items():
            seconds = [row["seconds"] for row in rows]
            each = 1e6 * float(np.median(seconds)) / count / MEMBERS
            print(
                f"a pass over {count:6,} images, {MEMBERS} members: {common.spread(seconds)} s, {each:.0f} µs per image"
            )
    if arguments.plot:
        plot(arguments.plot, stacks, peers, passes)


if __name__ == "__main__":
    main()
