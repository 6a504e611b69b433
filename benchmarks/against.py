"""This checkout against another one, such as the commit before a change: training, a whole run, a whole sweep.

    git worktree add ../before COMMIT
    python benchmarks/against.py ../before [--repeats 5] [--images 30000] [--jobs 8]

Each repeat takes the other checkout and this one in turn, whole processes, in fresh folders with a MLflow store that
exists already. Prints the seconds of both and their ratio, paired repeat by repeat: above 1, this one is slower.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import common

HERE = Path(__file__).parents[1]
RUN = ("experiment=seed", "data.source=bundled")
SWEEP = ("--multirun", "data=mnist_5k", "data.source=bundled")


def training(checkout: Path, images: int) -> float:
    """Return the seconds of an epoch after the first, by the checkout's own ``benchmarks/throughput.py``."""
    os.environ["PYTHONPATH"] = str(checkout / "src")
    script = str(checkout / "benchmarks" / "throughput.py")
    seconds = common.worker(script, "--worker", "locexp", "--images", str(images), "--epochs", "3")
    return sum(seconds[1:]) / (len(seconds) - 1)


def command(checkout: Path, folder: str, overrides: tuple[str, ...]) -> float:
    """Return the seconds of a whole command in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "locexp.train", *overrides],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{checkout}: {' '.join(overrides)} failed:\n{done.stderr}")
    return time.perf_counter() - start


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="a checkout of another commit")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--images", type=int, default=30_000)
    parser.add_argument("--jobs", type=int, default=8)
    arguments = parser.parse_args()
    checkouts = {"before": arguments.other.resolve(), "now": HERE}
    print(f"{common.machine()}\nseconds, and now / before, median (lowest to highest) of {arguments.repeats}")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        folders = {"before": one, "now": other}
        for name, folder in folders.items():
            command(checkouts[name], folder, (*RUN, "data.limit=320", "trainer.epochs=1"))  # makes the store
        sweep = (*SWEEP, f"seed={','.join(map(str, range(arguments.jobs)))}")
        kinds = {
            f"an epoch of {arguments.images:,} images": lambda name: training(checkouts[name], arguments.images),
            "one run": lambda name: command(checkouts[name], folders[name], RUN),
            f"a sweep of {arguments.jobs} jobs": lambda name: command(checkouts[name], folders[name], sweep),
        }
        for kind, measure in kinds.items():
            taken = common.alternate(arguments.repeats, {name: partial(measure, name) for name in checkouts})
            ratios = [ours / theirs for ours, theirs in zip(taken["now"], taken["before"], strict=True)]
            print(
                f"{kind}: {common.spread(taken['before'])}, {common.spread(taken['now'])}, {common.spread(ratios, 3)}"
            )


if __name__ == "__main__":
    main()
