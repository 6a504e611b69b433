"""The README's question by a race of this checkout, against the grid of another one: whole commands, in turn.

    git worktree add ../before acaf690
    python benchmarks/race_against_grid.py ../before [--repeats 3]

Both are asked for in fresh folders with a MLflow store that exists already; confirmation and report are included.
Prints the seconds of both, their ratio, paired repeat by repeat, and the epochs that both trained: once for the whole
race, and once without the second confirmation, that of the chosen setting against the runner-up.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

import against
import common

QUESTION = ("data=mnist_5k", "data.source=bundled")


def epochs(folder: Path) -> int:
    """Return how many epochs the runs of all sweeps below a folder have trained."""
    return sum(len(history.read_text().splitlines()) for history in folder.glob("multirun/*/*/*/history.jsonl"))


def second_confirmation(folder: Path) -> tuple[float, int]:
    """Return the seconds and the epochs that the newest race in a folder took for its second confirmation, if any."""
    race = max(folder.glob("multirun/*/*"), key=lambda path: path.stat().st_mtime)
    jobs = json.loads((race / "sweep" / "sweep.json").read_text(encoding="utf-8"))["jobs"]
    ends: dict[int, float] = {}
    trained: dict[int, int] = {}
    for job in jobs:
        if job["role"] == "confirmation":
            own, stage = race / str(job["index"]), job["stage"]
            end = json.loads((own / "run.json").read_text(encoding="utf-8"))["end_time"]
            ends[stage] = max(end, ends.get(stage, end))
            trained[stage] = trained.get(stage, 0) + len((own / "history.jsonl").read_text().splitlines())
    first, last = min(ends), max(ends)
    return ends[last] - ends[first], sum(trained[stage] for stage in trained if stage != first)


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
        seconds: list[float] = []
        second_epochs = 0

        def measure(name: str) -> float:
            nonlocal second_epochs
            checkout, overrides = asked[name]
            taken = against.command(checkout, folders[name], overrides)
            if name == "race":
                second, second_epochs = second_confirmation(Path(folders[name]))
                seconds.append(taken - second)
            return taken

        taken = common.alternate(arguments.repeats, {name: partial(measure, name) for name in asked})
        trained = {name: epochs(Path(folder)) // arguments.repeats for name, folder in folders.items()}
    kinds = {
        "whole race": (taken["race"], trained["race"]),
        "race to its first confirmation": (seconds, trained["race"] - second_epochs),
    }
    print(f"grid: {common.spread(taken['grid'], 1)} s, {trained['grid']} epochs a sweep")
    for kind, (race, race_epochs) in kinds.items():
        shares = [ours / theirs for ours, theirs in zip(race, taken["grid"], strict=True)]
        print(
            f"{kind}: {common.spread(race, 1)} s, {common.spread(shares, 3)} of the grid's; "
            f"{race_epochs} epochs, {race_epochs / trained['grid']:.3f} of the grid's"
        )


if __name__ == "__main__":
    main()
