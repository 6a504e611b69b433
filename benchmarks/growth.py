"""What memory a process keeps over many runs of a sweep.

    python benchmarks/growth.py [--jobs 100] [--launcher basic]

A process takes the command ``--multirun seed=0,1,…`` on 1,000 of the bundled digits, one epoch each, in a fresh folder.
It reads its resident memory whenever runs have ended and their networks have been freed: after each run of the basic
launcher, after each stack of the stacked one (the process that draws pictures is not counted). Printed: the curve, and
what a run adds to it after the first tenth of the runs, by least squares.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile

import common
import numpy as np


def measure(jobs: int, launcher: str) -> dict[str, list[float]]:
    """Run a sweep in this process; returns how many runs had ended and the memory in MiB, each time it was read."""
    import psutil

    from locexp.cli.train import train_command
    from locexp.sweep import launchers, stacks

    ended: list[float] = []
    memory: list[float] = []
    forget = stacks.forget_networks
    process = psutil.Process()

    def watched() -> None:
        forget()
        ended.append(float(sum(name.isdigit() for name in os.listdir(folder))))
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
    return {"ended": ended, "memory": memory}


def main() -> None:
    """Measure, or be the process that is measured (``--worker``)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--launcher", choices=("basic", "stacked"), default="basic")
    parser.add_argument("--worker", action="store_true")
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(measure(arguments.jobs, arguments.launcher)))
        return
    options = ["--worker", "--jobs", str(arguments.jobs), "--launcher", arguments.launcher]
    made = common.worker(__file__, *options)
    ended, memory = np.array(made["ended"]), np.array(made["memory"])
    print(f"{common.machine()}\n{arguments.jobs} runs one after the other, hydra/launcher={arguments.launcher}")
    step = max(1, len(ended) // 20)
    for runs, used in list(zip(ended, memory, strict=True))[step - 1 :: step]:
        print(f"  after {runs:4.0f} runs {used:8,.0f} MiB")
    if len(ended) < 10:
        sys.exit(f"memory was read {len(ended)} times only: too few for a slope; take more --jobs")
    late = ended > arguments.jobs / 10
    slope = np.polyfit(ended[late], memory[late], 1)[0]
    print(f"a run adds {slope:.2f} MiB after the first {arguments.jobs // 10}")


if __name__ == "__main__":
    main()
