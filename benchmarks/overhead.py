"""Everything of a run that is not training, over a bare ``import tensorflow``.

    python benchmarks/overhead.py [--repeats 5] [--overrides data=file data.path=…]

Each repeat times, one after the other, a process that only imports TensorFlow and the whole command ``experiment=seed``
in a folder that has an MLflow store already. What is not training is the wall time less the epochs and their
validation; in the strict figure every epoch counts as long as the median of the later ones, so that tracing the graph
and what MLflow's thread took from the first epochs are overhead too. The breakdown is of one run; MLflow's thread runs
beside the training, so its line is not part of the sum.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common

STAGES = {
    "compose and validate": ("locexp.cli.train", "StagedJobs"),
    "check folders and store": ("locexp.cli.train", "_check_surroundings"),
    "load data, make boxes": ("locexp.run.prepare", "load_training_data"),
    "import TensorFlow and Keras": ("locexp.run.prepare", "start_tensorflow"),
    "check the save round trip": ("locexp.run.prepare", "check_round_trip"),
    "train (with validation)": ("locexp.run.execute", "train"),
    "save and reload": ("locexp.run.run", "save_checked"),
    "tables": ("locexp.run.run", "write_tables"),
    "pictures": ("locexp.plots.pictures", "draw_pictures"),
    "wait for MLflow at the end": ("locexp.tracking.tracker", "Tracker.finish"),
    "(beside) import MLflow, open store, start run": ("locexp.tracking.tracker", "Tracker._start"),
}


def broken_down(overrides: list[str]) -> dict[str, float]:
    """Run the command in this process and return the seconds of its stages."""
    seconds: dict[str, float] = {}

    def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def wrapper(*arguments: Any, **keys: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*arguments, **keys)
            finally:
                seconds[name] = seconds.get(name, 0) + time.perf_counter() - start

        return wrapper

    def patch(names: list[str]) -> None:
        for name in names:
            module, path = STAGES[name]
            owner: Any = importlib.import_module(module)
            *outer, last = path.split(".")
            for part in outer:
                owner = getattr(owner, part)
            setattr(owner, last, timed(name, getattr(owner, last)))

    from locexp.cli.train import train_command

    early = [name for name, (module, _) in STAGES.items() if module in ("locexp.cli.train", "locexp.run.prepare")]
    patch(early)
    prepare = importlib.import_module("locexp.run.prepare")
    original = prepare.prepare

    def prepare_then_patch(cfg: Any, **keys: Any) -> Any:
        made = original(cfg, **keys)
        patch([name for name in STAGES if name not in early])
        return made

    prepare.prepare = prepare_then_patch
    if train_command(overrides):
        sys.exit("the command failed")
    return seconds


def run(folder: str, overrides: list[str]) -> tuple[float, float, float]:
    """Return wall seconds, and those that are not training, plainly and strictly, of a command in a folder."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "locexp.train", *overrides], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    wall = time.perf_counter() - start
    path = max(Path(folder).glob("multirun/*/*/history.jsonl"), key=lambda path: path.stat().st_mtime)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    epochs = [row["time/epoch_seconds"] + row["time/evaluation_seconds"] for row in rows]
    return wall, wall - sum(epochs), wall - len(epochs) * statistics.median(epochs[2:])


def bare_import() -> float:
    """Return the wall seconds of a process that imports TensorFlow."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Measure, or be the run that is broken down (``--worker``)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--overrides", nargs="*", default=["experiment=seed", "data.source=bundled"])
    parser.add_argument("--worker", action="store_true")
    arguments = parser.parse_args()
    if arguments.worker:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            stages = broken_down(arguments.overrides)
            print(json.dumps(stages))
        return
    print(f"{common.machine()}\nseconds of {' '.join(arguments.overrides)}")
    bare_import()  # the first reads from the disk
    taken: list[tuple[float, float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        run(folder, [*arguments.overrides, "data.limit=320", "trainer.epochs=3"])  # makes the store
        for _ in range(arguments.repeats):
            taken.append((bare_import(), *run(folder, arguments.overrides)))
            print(
                "  import {:.2f}  command {:.2f}  not training {:.2f}, strictly {:.2f}".format(*taken[-1]), flush=True
            )
    print(f"import tensorflow      {common.spread([row[0] for row in taken])}")
    print(f"the whole command      {common.spread([row[1] for row in taken])}")
    print(f"not training           {common.spread([row[2] for row in taken])}")
    print(f"  strictly             {common.spread([row[3] for row in taken])}")
    for name, column in (("ratio", 2), ("ratio, strictly", 3)):
        print(f"{name:22} {common.spread([row[column] / row[0] for row in taken])}   (target <= 1.2)")
    stages = common.worker(__file__, "--worker", "--overrides", *arguments.overrides)
    print("breakdown of one run:")
    for name, seconds in stages.items():
        print(f"  {name:46} {seconds:6.2f}")
    print(f"median ratio, strictly: {statistics.median(row[3] / row[0] for row in taken):.2f}")


if __name__ == "__main__":
    main()
