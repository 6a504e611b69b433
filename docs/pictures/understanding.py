"""Draw the pictures of docs/understanding.md from a finished race: docs/pictures/understanding_*.png.

python -m locexp.train data=mnist_5k sweep=race
python docs/pictures/understanding.py multirun/DATE/TIME      (the folder of that sweep)
"""

from __future__ import annotations

import sys
from math import comb
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

import locexp
from locexp.analysis.frames import Sweep
from locexp.analysis.headline import headline

FOLDER = Path(__file__).parent
BLUE, RED, GREY = "#3057c4", "#c62828", "#8a8f98"
WEIGHT, SEEDS = "loss.bbox_weight", 6


def draw_race(axes: Axes, sweep: Sweep) -> None:
    """Every setting on the seeds of the race, for as long as it was pursued."""
    chosen = sweep.settings.loc[sweep.settings["chosen"], WEIGHT].item()
    raced = sweep.epochs[(sweep.epochs["role"] != "confirmation") & (sweep.epochs[WEIGHT] > 0)]
    norm, colours = LogNorm(raced[WEIGHT].min(), raced[WEIGHT].max()), plt.colormaps["viridis"]
    for weight, rows in raced.groupby(WEIGHT):
        line = rows.groupby("epoch")[f"val/{sweep.metric}"].mean()
        colour = RED if weight == chosen else colours(norm(weight))
        axes.plot(line.index, line, "o-", color=colour, linewidth=3 if weight == chosen else 1.2, markersize=3)
        if rows["epoch"].max() < raced["epoch"].max():
            axes.plot(line.index[-1], line.iloc[-1], "x", color=colour, markersize=7, markeredgewidth=1.8)
    axes.plot([], [], color=RED, linewidth=3, label=f"chosen: bbox_weight={chosen:g}")
    axes.plot([], [], "kx", markersize=7, label="not pursued from here")
    last = raced["epoch"].max()
    axes.set(xlabel="epoch", ylabel=f"{sweep.metric} on validation", xticks=range(1, last + 1))
    axes.legend(frameon=False, loc="lower right")
    plt.colorbar(plt.cm.ScalarMappable(norm, colours), ax=axes, label="bbox_weight")


def pairs(sweep: Sweep) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Return the fresh seeds, and the metric on test of the default and of the chosen setting with each."""
    settings = sweep.settings.set_index("setting")
    runs = sweep.runs[sweep.runs["role"] == "confirmation"].set_index("setting")
    both = [runs.loc[settings.index[settings[which]].item()].sort_values("seed") for which in ("default", "chosen")]
    default, chosen = (one[f"test/{sweep.metric}"].to_numpy() for one in both)
    return both[0]["seed"].tolist(), default, chosen


def draw_pairs(axes: Axes, sweep: Sweep) -> None:
    """Both settings with each fresh seed; a line joins the two."""
    seeds, default, chosen = pairs(sweep)
    for place, (one, other) in enumerate(zip(default, chosen, strict=True)):
        axes.plot([place, place], [one, other], color=GREY, linewidth=1)
    axes.plot(range(len(seeds)), chosen, "o", color=RED, label="chosen")
    axes.plot(range(len(seeds)), default, "s", color=BLUE, label="default")
    axes.set(xlabel="fresh seed", ylabel=f"{sweep.metric} on test", title="The confirmation")
    axes.set_xticks(range(len(seeds)), seeds)
    axes.legend(frameon=False)


def draw_luck(axes: Axes) -> None:
    """How often luck alone makes so many of six seeds speak for the same one of two equal settings."""
    counts = np.arange(SEEDS + 1)
    ways = np.array([comb(SEEDS, count) for count in counts])
    bars = axes.bar(counts, 100 * ways / 2**SEEDS, color=[RED if count in (0, SEEDS) else GREY for count in counts])
    axes.bar_label(bars, [f"{count} of 64" for count in ways], fontsize=7, padding=1)
    axes.set(xlabel="seeds that speak for A", ylabel="how often, %", ylim=(0, 36))
    axes.set_title("Luck alone, A and B being equal")


def main() -> None:
    """Draw, save beside this script, and print the numbers that the page quotes."""
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    sweep = locexp.load_sweep(Path(sys.argv[1]))
    race, axes = plt.subplots(figsize=(7.2, 3.4), layout="constrained")
    draw_race(axes, sweep)
    sure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.9), layout="constrained")
    draw_pairs(left, sweep)
    draw_luck(right)
    for name, figure in (("race", race), ("sure", sure)):
        path = FOLDER / f"understanding_{name}.png"
        figure.savefig(path, dpi=120)
        print(f"{path}: {path.stat().st_size:,} bytes")
    print(*headline(sweep.comparison), sep="\n")
    seeds, default, chosen = pairs(sweep)
    for row in zip(seeds, default, chosen, strict=True):
        print("seed {}: default {:.3f}, chosen {:.3f}".format(*row))


if __name__ == "__main__":
    main()
