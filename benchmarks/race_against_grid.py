"""The README's question by a race of this checkout, against the grid of another one: whole commands, in turn.

    git worktree add ../before acaf690
    python benchmarks/race_against_grid.py ../before [--repeats 3]

Both are asked for in fresh folders with a MLflow store that exists already; confirmation and report are included.
Prints the seconds of both, their ratio, paired repeat by repeat, and the epochs that both trained.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

import against
import common

QUESTION = ("data=mnist_5k", "data.source=bundled")


def epochs(folder: Path) -> int:
    """Return how many epochs the runs of all sweeps below a folder have trained."""
    return sum(len(history.read_text().splitlines()) for history in folder.glob("multirun/*/*/*/history.jsonl"))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="a checkout of the commit whose grid is the measure")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    asked = {
        "grid": (arguments.other.resolve(), (*QUESTION, "sweep=bbox_weight")),
        "race": (against.HERE, (*QUESTION, "sweep=race")),
    }
    print(f"{common.machine()}\nseconds, and race / grid, median (lowest to highest) of {arguments.repeats}")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        folders = {"grid": one, "race": other}
        for name, (checkout, _) in asked.items():
            against.command(checkout, folders[name], (*against.RUN, "data.limit=320", "trainer.epochs=1"))
        taken = common.alternate(
            arguments.repeats,
            {
                name: partial(against.command, checkout, folders[name], overrides)
                for name, (checkout, overrides) in asked.items()
            },
        )
        trained = {name: epochs(Path(folder)) // arguments.repeats for name, folder in folders.items()}
    shares = [race / grid for race, grid in zip(taken["race"], taken["grid"], strict=True)]
    print(f"grid {common.spread(taken['grid'], 1)} s, {trained['grid']} epochs a sweep")
    print(f"race {common.spread(taken['race'], 1)} s, {trained['race']} epochs a sweep")
    print(
        f"race / grid {common.spread(shares, 3)} of the seconds, {trained['race'] / trained['grid']:.3f} of the epochs"
    )


if __name__ == "__main__":
    main()
