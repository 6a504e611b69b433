"""What the recipes of ``conf/experiment/`` reach on the bundled digits over several splits, beside the classic network.

    python benchmarks/quality.py [tight scatter clutter jitter] [--folds 5] [--folder quality] [--plot quality.png]
    python benchmarks/quality.py scatter --folds 1 --overrides trainer.epochs=40

Each fold is one command, ``python -m locexp.train experiment=RECIPE data.split_seed=FOLD``, which trains on 4,000
digits, validates on 500 and tests on 500. The classic network is trained on the same scenes (``bbox=`` of the recipe)
with the defaults, but for a box weight of 100 and ten epochs. Printed: means over the folds with Student's 95 %
interval, and for each target whether the mean reaches it. Folds overlap in what they train on, so the intervals are a
little too narrow. A fold that has finished in ``--folder`` is not run again: give another folder for other overrides.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import common

TARGETS: dict[str, dict[str, float]] = {
    "tight": {"accuracy": 0.985, "mean_iou": 0.93, "loc_acc_75": 0.97},
    "scatter": {"accuracy": 0.975, "mean_iou": 0.90, "loc_acc_50": 0.97, "right_at_70": 0.95},
    "clutter": {"accuracy": 0.96},
    "jitter": {},
}
METRICS = ("accuracy", "mean_iou", "loc_acc_50", "right_at_70", "loc_acc_75")
CLASSIC = ("data=mnist_5k", "loss.bbox_weight=100", "trainer.epochs=10")
BOXES = {
    "tight": ("bbox=tight",),
    "scatter": ("bbox=scatter", "bbox.fresh=true"),
    "clutter": ("bbox=clutter", "bbox.fresh=true"),
    "jitter": ("bbox=jitter", "bbox.pixels=2"),
}


def train(directory: Path, overrides: Sequence[str]) -> None:
    """Run the command, unless it has finished in that folder already."""
    record = directory / "run.json"
    if record.exists() and json.loads(record.read_text())["status"] == "FINISHED":
        return
    start = time.perf_counter()
    command = [sys.executable, "-m", "locexp.train", *overrides, f"hydra.run.dir={directory}"]
    done = subprocess.run(command, cwd=directory.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[1:])} failed:\n{done.stdout}{done.stderr}")
    (directory / "wall.json").write_text(json.dumps(time.perf_counter() - start))
    print(f"  {directory.name}  {time.perf_counter() - start:.0f} s", flush=True)


def results(directory: Path) -> dict[str, float]:
    """Return the test metrics of a run, with the share of digits that are right at an IoU above .7, and its seconds."""
    metrics: dict[str, Any] = json.loads((directory / "run.json").read_text())["metrics"]
    with (directory / "tables" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    right = [row["label"] == row["predicted"] and float(row["iou"]) > 0.7 for row in rows]
    found = {name.removeprefix("test/"): float(value) for name, value in metrics.items() if name.startswith("test/")}
    seconds = json.loads((directory / "wall.json").read_text())
    return {**found, "right_at_70": statistics.mean(right), "seconds": seconds}


def interval(values: Sequence[float]) -> str:
    """Return the mean with Student's 95 % interval."""
    from scipy import stats

    if len(values) < 2:
        return f"{values[0]:.4f}"
    half = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.mean(values):.4f} ± {half:.4f}"


def report(recipe: str, folds: dict[str, list[dict[str, float]]]) -> None:
    """Print the table of a recipe."""
    names = [*METRICS, *(["clean_mean_iou", "clean_loc_acc_75"] if recipe == "jitter" else [])]
    print(f"{recipe}, {len(folds['recipe'])} folds")
    print(f"  {'':18}{'recipe':>18}{'classic':>18}   target")
    for name in names:
        of_recipe, of_classic = ([fold[name] for fold in folds[side]] for side in ("recipe", "classic"))
        line = f"  {name:18}{interval(of_recipe):>18}{interval(of_classic):>18}"
        target = TARGETS[recipe].get(name)
        if target is not None:
            line += f"   {target} {'reached' if statistics.mean(of_recipe) >= target else 'missed'}"
        print(line)
    seconds = [common.spread([fold["seconds"] for fold in folds[side]], 0) for side in ("recipe", "classic")]
    print(f"  seconds a fold: recipe {seconds[0]}, classic {seconds[1]}", flush=True)


def draw(curves: dict[str, list[Path]], path: Path) -> None:
    """Draw validation accuracy and mean IoU over the epochs, a panel a recipe and a line a fold."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        1, len(curves), figsize=(4 * len(curves), 3.2), squeeze=False, sharey=True, layout="constrained"
    )
    for panel, (recipe, folds) in zip(panels[0], curves.items(), strict=True):
        for number, directory in enumerate(folds):
            rows = [json.loads(line) for line in (directory / "history.jsonl").read_text().splitlines()]
            epochs = range(1, len(rows) + 1)
            for name, colour in (("accuracy", "C0"), ("mean_iou", "C1")):
                label = f"validation {name.replace('_iou', ' IoU')}" if number == 0 else None
                panel.plot(epochs, [row[f"val/{name}"] for row in rows], color=colour, linewidth=0.8, label=label)
        panel.set(title=f"experiment={recipe}", xlabel="epoch", ylim=(0.5, 1))
        panel.grid(alpha=0.3)
    panels[0][0].legend(loc="lower right", fontsize=8)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Train what is missing, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=list(TARGETS), help=", ".join(TARGETS))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("quality"))
    parser.add_argument(
        "--overrides", nargs="*", default=[], help="overrides for the recipes, not for the classic network"
    )
    parser.add_argument("--together", type=int, default=1, help="commands at a time, each on its share of the cores")
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    unknown = set(arguments.recipes) - set(TARGETS)
    if unknown:
        parser.error(f"unknown recipes {', '.join(sorted(unknown))}; known: {', '.join(TARGETS)}")
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{common.machine()}; {arguments.together} at a time", flush=True)
    threads = ["trainer.threads=1"] if arguments.together > 1 else []
    for recipe in arguments.recipes:
        jobs: dict[str, list[tuple[Path, list[str]]]] = {"recipe": [], "classic": []}
        for fold in range(arguments.folds):
            split = [f"data.split_seed={fold}", *threads]
            overrides = {
                "recipe": [f"experiment={recipe}", *arguments.overrides],
                "classic": [*CLASSIC, *BOXES[recipe]],
            }
            for side, given in overrides.items():
                jobs[side].append((folder / f"{recipe}-{side}-{fold}", [*given, *split]))
        with ThreadPoolExecutor(arguments.together) as pool:
            list(pool.map(lambda job: train(*job), [*jobs["recipe"], *jobs["classic"]]))
        report(recipe, {side: [results(directory) for directory, _ in made] for side, made in jobs.items()})
    if arguments.plot is not None:
        curves = {
            recipe: [folder / f"{recipe}-recipe-{fold}" for fold in range(arguments.folds)]
            for recipe in arguments.recipes
        }
        draw(curves, arguments.plot)


if __name__ == "__main__":
    main()
