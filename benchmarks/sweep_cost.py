"""What tracking and reporting cost in a sweep: the sweep against the same trainings with nothing kept.

    python benchmarks/sweep_cost.py [--jobs 10] [--repeats 3] [--overrides data=mnist_5k]
    python benchmarks/sweep_cost.py --jobs 8 --overrides data=fashion_mnist     # 60,000 images, 5 epochs
    python benchmarks/sweep_cost.py --launcher basic

Each repeat times two processes, one after the other: the command ``--multirun seed=0,1,…`` in a fresh folder, so with
a new MLflow store, and a process that builds, trains and tests the same networks with the same functions, one by one
or in stacks as the launcher does, but opens no store and writes nothing. The difference is all that a sweep adds:
MLflow (its import, too), checkpoints, models, tables, pictures, the sweep's own bookkeeping and its comparison. The
breakdown is of the seconds per run that the sweep waits for; what MLflow's thread does beside the training shows in the
difference only.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import importlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import common

STAGES = {
    "checkpoints": ("locexp.run.run", "write_checkpoint"),
    "save and reload the model": ("locexp.run.run", "save_checked"),
    "tables": ("locexp.run.run", "write_tables"),
    "pictures, drawn here": ("locexp.plots.pictures", "draw_pictures"),
    "wait for pictures": ("locexp.run.run", "Run.wait_for_pictures"),
    "wait for MLflow": ("locexp.tracking.tracker", "Tracker.finish"),
    "compare, at the end": ("locexp.cli.train", "_compare"),
}


def overrides_of(arguments: argparse.Namespace) -> list[str]:
    """Return the sweep's overrides."""
    seeds = ",".join(map(str, range(arguments.jobs)))
    return [*arguments.overrides, f"seed={seeds}", f"hydra/launcher={arguments.launcher}"]


def bare(overrides: list[str], *, stacked: bool) -> None:
    """Build, train and test the networks of a sweep, and keep nothing."""
    from locexp.configuration.compose import composing
    from locexp.run.prepare import prepare
    from locexp.sweep.jobs import StagedJobs
    from locexp.sweep.launchers import usual_members
    from locexp.system.process import core_count

    with composing() as composer:
        jobs = StagedJobs(composer, overrides, multirun=True).next_stage({})
    stacks = math.ceil(len(jobs) / usual_members(core_count())) if stacked else len(jobs)
    size = math.ceil(len(jobs) / stacks)
    for group in [jobs[first : first + size] for first in range(0, len(jobs), size)]:
        made = [prepare(job.cfg, stacked=stacked) for job in group]
        import keras

        from locexp.training.stack import Stack
        from locexp.training.trainer import train

        first = made[0]
        stack = Stack([one.member for one in made], *first.data.arrays("train"))
        train(stack, first.schedule, first.data.arrays("validation"))
        tested = stack.evaluations(range(len(made)), *first.data.arrays("test"), first.schedule.evaluation_batch_size)
        for evaluation in tested.values():
            evaluation.result()
        del made, first, stack
        keras.backend.clear_session()
        gc.collect()


def broken_down(overrides: list[str], *, stacked: bool) -> dict[str, float]:
    """Run the sweep in this process and return the seconds of its stages, all runs together."""
    seconds = dict.fromkeys(STAGES, 0.0)
    from locexp.cli.train import train_command
    from locexp.system.tensorflow import start_tensorflow

    start_tensorflow(stacked=stacked)

    def timed(name: str, call: Any) -> Any:
        @functools.wraps(call)
        def wrapper(*given: Any, **keys: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*given, **keys)
            finally:
                seconds[name] += time.perf_counter() - start

        return wrapper

    for name, (module, path) in STAGES.items():
        owner: Any = importlib.import_module(module)
        *outer, last = path.split(".")
        for part in outer:
            owner = getattr(owner, part)
        setattr(owner, last, timed(name, getattr(owner, last)))
    with contextlib.redirect_stdout(sys.stderr):
        if train_command(["--multirun", *overrides]):
            sys.exit("the command failed")
    return seconds


def wall(command: list[str]) -> float:
    """Return the seconds of a process in a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


def main() -> None:
    """Measure, or be one of the processes (``--worker``)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--overrides", nargs="*", default=["data=mnist_5k"])
    parser.add_argument("--launcher", choices=("basic", "stacked"), default="stacked")
    parser.add_argument("--worker", choices=("bare", "stages"))
    arguments = parser.parse_args()
    overrides = overrides_of(arguments)
    if arguments.worker == "bare":
        bare(overrides, stacked=arguments.launcher == "stacked")
        return
    if arguments.worker == "stages":
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            print(json.dumps(broken_down(overrides, stacked=arguments.launcher == "stacked")))
        return
    print(f"{common.machine()}\nsweep of {arguments.jobs} runs: {' '.join(overrides)}")
    options = ["--jobs", str(arguments.jobs), "--launcher", arguments.launcher, "--overrides", *arguments.overrides]
    here = [str(Path(__file__).resolve()), *options]
    taken = []
    for _ in range(arguments.repeats):
        taken.append((wall(["-m", "locexp.train", "--multirun", *overrides]), wall([*here, "--worker", "bare"])))
        print("  sweep {:.1f} s  bare {:.1f} s".format(*taken[-1]), flush=True)
    print(f"the sweep              {common.spread([row[0] for row in taken])}")
    print(f"the trainings alone    {common.spread([row[1] for row in taken])}")
    print(f"cost a run, seconds    {common.spread([(row[0] - row[1]) / arguments.jobs for row in taken])}")
    shares = [100 * (row[0] - row[1]) / row[0] for row in taken]
    print(f"share of the sweep, %  {common.spread(shares)}   median {statistics.median(shares):.1f}")
    stages = common.worker(__file__, "--worker", "stages", *options)
    print("seconds per run that the sweep waits for:")
    for name, seconds in stages.items():
        print(f"  {name:30} {seconds / arguments.jobs:6.3f}")


if __name__ == "__main__":
    main()
