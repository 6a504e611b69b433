"""What new scenes in every epoch cost: epochs of a stack on fresh scenes against the same on frozen ones.

    python benchmarks/fresh.py [--sizes 1 8] [--images 4000] [--repeats 7] [--against SRC]
    python benchmarks/fresh.py --memory [--images 54000] [--against SRC]

Scenes of the next epoch are composed on a thread while one trains: an epoch takes longer by what that takes from the
cores. Each variant is a process of its own that stays, and they take turns: one epoch of the classic network at batch
32 each. Printed are seconds of an epoch, by the clock and of all cores, and ratios of epochs that followed each other.
``--memory`` prints the peak of a process that trains a few steps of each of three epochs.

``--against`` is the ``src`` of another version of locexp; up to 0.1.0 scenes were composed in the graph of each member.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import common
import numpy as np

from locexp.bbox.scatter import Scatter
from locexp.bbox.tight import Tight

BATCH = 32
STRATEGIES: dict[str, Callable[[], Any]] = {
    "scatter": lambda: Scatter(canvas=(64, 64), fresh=True),
    "tight, warped": lambda: Tight(fresh=True, augment=1),
}


def build(name: str, size: int, images: np.ndarray, labels: np.ndarray, *, fresh: bool) -> Any:
    """Return a stack of the classic network on scenes."""
    from locexp.system.tensorflow import start_tensorflow

    start_tensorflow(stacked=size > 1)
    import keras

    from locexp.models.cnn import build as network
    from locexp.training import member
    from locexp.training.stack import Stack

    strategy = STRATEGIES[name]()
    scenes = strategy.compose(images, split="train", scene_seed=0)
    height, width = scenes.images.shape[1:]
    members = []
    for seed in range(size):
        if hasattr(member, "MemberSpec"):  # up to 0.1.0
            makers = [lambda: network((height, width, 1), 10), lambda _: keras.optimizers.Adam(1e-3)]
            spec = member.MemberSpec(seed, *makers, 1.0, 0.5, kind=name)
            members.append(member.build_member(spec, 1000, "float32"))
            continue
        keras.utils.set_random_seed(seed)
        model = network((height, width, 1), 10)
        members.append(member.Member(seed, model, keras.optimizers.Adam(1e-3), (1.0, 0.5), graph_key=name))
    extra: dict[str, Any] = {}
    if fresh and hasattr(strategy, "composer"):
        extra["composer"] = strategy.composer(images, split="train", scene_seed=0)
    elif fresh:
        extra["fresh"] = lambda epoch: strategy.compose(images, split="train", scene_seed=0, epoch=epoch)
    return Stack(members, scenes.images, labels, scenes.boxes, **extra)


def train(stack: Any, epoch: int, steps: int, last: bool = False) -> None:
    """Train an epoch, or its first steps."""
    if hasattr(stack, "begin_epoch"):
        stack.begin_epoch(epoch, last=last)
    orders = np.stack([member.batch_order(epoch, stack.examples) for member in stack.members])
    blocks = orders[:, : steps * BATCH].reshape(len(orders), steps, BATCH)
    for first in range(0, steps, 200):
        stack.train_steps(blocks[:, first : first + 200], epoch=epoch)


def work(name: str, size: int, count: int, fresh: bool, memory: bool) -> None:
    """Be a process of a variant: train an epoch for each line that comes in, or a few steps of three."""
    images, labels = common.repeated_digits(count)
    stack = build(name, size, images, labels, fresh=fresh)
    if memory:
        for epoch in range(3):
            train(stack, epoch, 5, last=epoch == 2)
        print(json.dumps({"MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    steps = count // BATCH
    train(stack, 0, steps)
    print("ready", flush=True)
    for epoch, _ in enumerate(sys.stdin, 1):
        clock, cores = time.perf_counter(), time.process_time()
        train(stack, epoch, steps)
        print(json.dumps([time.perf_counter() - clock, time.process_time() - cores]), flush=True)
    if hasattr(stack, "close"):
        stack.close()


class Worker:
    """A process of one variant."""

    def __init__(self, arguments: argparse.Namespace, name: str, size: int, variant: str) -> None:
        command = [
            sys.executable,
            __file__,
            "--worker",
            json.dumps([name, size, arguments.images, variant != "frozen"]),
        ]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        if variant == "against":
            environment["PYTHONPATH"] = arguments.against
        command += ["--memory"] if arguments.memory else []
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def line(self) -> str:
        """Return the next line of JSON, or ``ready``."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(("ready", "[", "{")):
                return line.strip()
        raise SystemExit("a worker has failed")

    def epoch(self) -> tuple[float, float]:
        """Train an epoch; returns seconds by the clock, and of all cores."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        clock, cores = json.loads(self.line())
        return clock, cores

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def compare(arguments: argparse.Namespace, name: str, size: int, variants: list[str]) -> None:
    """Let the variants take turns, and print what they took."""
    workers = {variant: Worker(arguments, name, size, variant) for variant in variants}
    for worker in workers.values():
        worker.line()
    taken: dict[str, list[tuple[float, float]]] = {variant: [] for variant in variants}
    for turn in range(arguments.repeats):
        for variant in variants if turn % 2 == 0 else reversed(variants):
            taken[variant].append(workers[variant].epoch())
    for worker in workers.values():
        worker.close()
    print(f"{name}, {size} member{'s' if size > 1 else ''}, {arguments.images:,} images")
    for variant, rows in taken.items():
        clock, cores = zip(*rows, strict=True)
        print(f"  {variant}: {common.spread(clock)} s by the clock, {common.spread(cores)} s of all cores")
    for variant in variants:
        if variant != "fresh":
            for place, what in enumerate(("clock", "cores")):
                ratios = [new[place] / old[place] for new, old in zip(taken["fresh"], taken[variant], strict=True)]
                low, _, high = statistics.quantiles(ratios, n=4)
                print(f"  fresh / {variant}, {what}: {statistics.median(ratios):.3f} (quartiles {low:.3f}, {high:.3f})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--images", type=int)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--against")
    parser.add_argument("--worker")
    arguments = parser.parse_args()
    if arguments.worker is not None:
        name, size, count, fresh = json.loads(arguments.worker)
        work(name, size, count, fresh, arguments.memory)
        return
    arguments.images = arguments.images or (54_000 if arguments.memory else 4000)
    variants = ["frozen", "fresh", *(["against"] if arguments.against else [])]
    print(common.machine())
    for name in STRATEGIES:
        for size in arguments.sizes[:1] if arguments.memory else arguments.sizes:
            if not arguments.memory:
                compare(arguments, name, size, variants)
                continue
            for variant in variants:
                worker = Worker(arguments, name, size, variant)
                print(
                    f"{name}, {arguments.images:,} images, {variant}: peak {json.loads(worker.line())['MiB']:,.0f} MiB"
                )
                worker.close()


if __name__ == "__main__":
    main()
