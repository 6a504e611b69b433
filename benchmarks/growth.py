"""What grows with the number of runs in a process, and with the epochs of a run.

    python benchmarks/growth.py [--jobs 100] [--launcher basic] [--plot growth.png]
    python benchmarks/growth.py --jobs 1000 --launcher stacked
    python benchmarks/growth.py --jobs 0 --epochs 1 2 4 8 16 32 --repeats 3

A process takes the command ``--multirun seed=0,1,…`` on 1,000 of the bundled digits, one epoch each, in a fresh
folder. It reads the clock and its resident memory whenever runs have ended and their networks have been freed: after
each run of the basic launcher, after each stack of the stacked one (the process that draws pictures is not counted).
Printed: the curve; what a run adds to the memory after the first tenth of the runs, by least squares; and the seconds
that a run takes in the second and in the last tenth. ``--epochs`` adds the seconds of whole runs of 4,000 digits by
themselves, each a command of its own, and what an epoch adds to them, by least squares.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial

import common
import numpy as np


def measure(jobs: int, launcher: str) -> dict[str, list[float]]:
    """Run a sweep in this process; returns how many runs had ended, when, and the memory in MiB, after each stack."""
    import psutil

    from locexp.cli.train import train_command
    from locexp.sweep import launchers, stacks

    ended: list[float] = []
    seconds: list[float] = []
    memory: list[float] = []
    forget = stacks.forget_networks
    process = psutil.Process()

    def watched() -> None:
        forget()
        ended.append(float(sum(name.isdigit() for name in os.listdir(folder))))
        seconds.append(time.perf_counter())
        memory.append(process.memory_info().rss / 2**20)

    launchers.forget_networks = stacks.forget_networks = watched
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        folder = os.path.join(place, "sweep")
        seeds = "seed=" + ",".join(map(str, range(jobs)))
        overrides = ["data=mnist_5k", "data.limit=1000", "trainer.epochs=1", f"hydra/launcher={launcher}"]
        with contextlib.redirect_stdout(sys.stderr):
            if train_command(["--multirun", *overrides, seeds, f"hydra.sweep.dir={folder}"]):
                sys.exit("the sweep failed")
        os.chdir("/")
    return {"ended": ended, "seconds": seconds, "memory": memory}


def whole_run(epochs: int) -> float:
    """Return the seconds of a command that trains one run for so many epochs."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["data=mnist_5k", "data.source=bundled", f"trainer.epochs={epochs}"]
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "locexp.train", *words], cwd=folder, check=True, capture_output=True)
        return time.perf_counter() - start


def show_runs(jobs: int, launcher: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure runs one after the other, print what they add, and return when they had ended, the seconds and MiB."""
    made = common.worker(__file__, "--worker", "--jobs", str(jobs), "--launcher", launcher)
    ended, seconds, memory = (np.array(made[name]) for name in ("ended", "seconds", "memory"))
    print(f"{jobs} runs one after the other, hydra/launcher={launcher}")
    step = max(1, len(ended) // 20)
    for runs, used in list(zip(ended, memory, strict=True))[step - 1 :: step]:
        print(f"  after {runs:4.0f} runs {used:8,.0f} MiB")
    if len(ended) < 10:
        sys.exit(f"memory was read {len(ended)} times only: too few for a slope; take more --jobs")
    late = ended > jobs / 10
    slope = np.polyfit(ended[late], memory[late], 1)[0]
    print(f"a run adds {slope:.2f} MiB after the first {jobs // 10}")
    for name, first, last in (("second", 0.1, 0.2), ("last", 0.9, 1.0)):
        part = (ended >= first * jobs) & (ended <= last * jobs)
        each = np.polyfit(ended[part], seconds[part], 1)[0]
        print(f"a run takes {each:.2f} s in the {name} tenth")
    return ended, seconds, memory


def show_epochs(epochs: list[int], repeats: int) -> dict[int, list[float]]:
    """Measure whole runs of so many epochs in turn, print what an epoch adds, and return their seconds."""
    taken = common.alternate(repeats, {str(count): partial(whole_run, count) for count in epochs})
    counts = np.repeat(epochs, repeats)
    values = np.concatenate([taken[str(count)] for count in epochs])
    slope, rest = np.polyfit(counts, values, 1)
    for count in epochs:
        print(f"  {count:3} epochs {common.spread(taken[str(count)], 1)} s, the line {rest + slope * count:.1f} s")
    print(f"an epoch adds {slope:.2f} s to {rest:.1f} s")
    return {count: taken[str(count)] for count in epochs}


def plot(path: str, runs: tuple[np.ndarray, ...] | None, epochs: dict[int, list[float]]) -> None:
    """Draw seconds and memory over the number of runs, and seconds over epochs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    clock, memory, axes = figure.subplots(1, 3)
    if runs is not None:
        ended, seconds, used = runs
        clock.plot(ended, seconds - seconds[0], ".-")
        memory.plot(ended, used, ".-")
    if epochs:
        for count, values in epochs.items():
            axes.plot([count] * len(values), values, "o", color="tab:blue")
    clock.set(xlabel="runs that have ended", ylabel="seconds since the first", ylim=(0, None))
    memory.set(xlabel="runs that have ended", ylabel="memory of the process, MiB", ylim=(0, None))
    axes.set(xlabel="epochs of a run", ylabel="seconds of the command", xlim=(0, None), ylim=(0, None))
    for one in (clock, memory, axes):
        one.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, or be the process that is measured (``--worker``)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100, help="runs in one process; 0 for none")
    parser.add_argument("--launcher", choices=("basic", "stacked"), default="basic")
    parser.add_argument("--epochs", type=int, nargs="+", default=[])
    parser.add_argument("--repeats", type=int, default=3, help="of each number of epochs")
    parser.add_argument("--plot")
    parser.add_argument("--worker", action="store_true")
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(measure(arguments.jobs, arguments.launcher)))
        return
    print(common.machine())
    runs = show_runs(arguments.jobs, arguments.launcher) if arguments.jobs else None
    epochs = show_epochs(arguments.epochs, arguments.repeats) if arguments.epochs else {}
    if arguments.plot:
        plot(arguments.plot, runs, epochs)


if __name__ == "__main__":
    main()
