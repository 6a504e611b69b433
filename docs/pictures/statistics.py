"""Draw the pictures of docs/statistics.md: docs/pictures/statistics_*.png.

    python docs/pictures/statistics.py

The runs in them are drawn at random, not trained: what they show is how to read such numbers. The table of chances is
computed.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from scipy import stats

FOLDER = Path(__file__).parent
BLUE, ORANGE, GREY = "#3057c4", "#d9730d", "#8a8f98"
SEEDS = 10
LEVEL = 0.05


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the mean and half the width of its 95 % interval (Student's t)."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(half)


def runs() -> tuple[np.ndarray, np.ndarray]:
    """Return the accuracies of two settings over the same seeds: what a seed gives, both share."""
    random = np.random.default_rng(4)
    shared = random.normal(0, 0.006, SEEDS)
    return (
        0.962 + shared + random.normal(0, 0.0015, SEEDS),
        0.966 + shared + random.normal(0, 0.0015, SEEDS),
    )


def draw_seeds(axes: tuple[Axes, Axes], first: np.ndarray) -> None:
    """One setting: its runs, and the interval of its mean after three of them and after ten."""
    left, right = axes
    left.plot(np.arange(SEEDS), first, "o", color=BLUE)
    left.set(xlabel="seed", ylabel="accuracy", title="One setting, ten seeds", xticks=range(SEEDS))
    counts = np.arange(2, SEEDS + 1)
    means, halves = np.array([interval(first[:count]) for count in counts]).T
    right.fill_between(counts, means - halves, means + halves, color=BLUE, alpha=0.2, linewidth=0)
    right.plot(counts, means, color=BLUE)
    right.set(xlabel="seeds used", title="Mean and 95 % interval", xticks=counts, ylim=(0.94, 0.985))


def draw_paired(axes: tuple[Axes, Axes], first: np.ndarray, second: np.ndarray) -> None:
    """Two settings side by side, and their difference seed by seed."""
    left, right = axes
    for one, other in zip(first, second, strict=True):
        left.plot([0, 1], [one, other], color=GREY, linewidth=0.8)
    for place, (values, colour) in enumerate(((first, BLUE), (second, ORANGE))):
        left.plot(np.full(SEEDS, place), values, "o", color=colour)
        mean, half = interval(values)
        left.errorbar(place + (0.2 if place else -0.2), mean, half, fmt="s", color=colour, capsize=4)
    left.set(xlim=(-0.5, 1.5), ylabel="accuracy", title="A line joins the runs of one seed")
    left.set_xticks([0, 1], ["weight A", "weight B"])
    difference = second - first
    right.axhline(0, color=GREY, linewidth=0.8)
    right.plot(np.arange(SEEDS), difference, "o", color=ORANGE)
    mean, half = interval(difference)
    right.errorbar(SEEDS + 0.3, mean, half, fmt="s", color=ORANGE, capsize=4)
    right.set(xlabel="seed", ylabel="B minus A", title="The difference, seed by seed", xticks=range(SEEDS))


def draw_corrected(axes: Axes) -> None:
    """The chance of at least one false alarm among independent comparisons, with and without a correction."""
    counts = np.arange(1, 31)
    axes.plot(counts, 100 * (1 - (1 - LEVEL) ** counts), color=ORANGE, label="each tested at 5 %")
    axes.plot(counts, 100 * (1 - (1 - LEVEL / counts) ** counts), color=BLUE, label="corrected")
    axes.set(xlabel="settings compared that are truly equal", ylabel="chance of a false alarm, %", ylim=(0, 100))
    axes.legend(frameon=False)


def draw_front(axes: Axes) -> None:
    """Settings by both metrics: those on the front, one beside it, the corner of both tasks alone."""
    accuracy = np.array([0.970, 0.972, 0.968, 0.958, 0.935])
    iou = np.array([0.760, 0.815, 0.860, 0.882, 0.895])
    axes.plot(accuracy[1:], iou[1:], "o-", color=BLUE, label="the front")
    axes.plot(accuracy[0], iou[0], "o", color=GREY, label="beaten in both")
    axes.plot(0.974, 0.900, "*", color=ORANGE, markersize=13, label="each task alone")
    axes.annotate("", (0.974, 0.900), (accuracy[2], iou[2]), arrowprops={"arrowstyle": "<->", "color": ORANGE})
    axes.text(0.9665, 0.882, "Δm", color=ORANGE, ha="right")
    axes.axhline(0.726, color=GREY, linestyle=":", linewidth=1)
    axes.text(0.9305, 0.730, "a constant box: skill 0", color=GREY)
    axes.set(xlabel="accuracy", ylabel="mean IoU", xlim=(0.93, 0.98), ylim=(0.70, 0.92))
    axes.legend(frameon=False, loc="center left")


def main() -> None:
    """Draw, and save beside this script."""
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    first, second = runs()
    for name, columns, draw in (
        ("seeds", 2, lambda axes: draw_seeds(axes, first)),
        ("paired", 2, lambda axes: draw_paired(axes, first, second)),
        ("corrected", 1, draw_corrected),
        ("front", 1, draw_front),
    ):
        width = 7.2 if columns == 2 else 4.0
        figure, axes = plt.subplots(1, columns, figsize=(width, 2.8), layout="constrained")
        draw(axes)
        path = FOLDER / f"statistics_{name}.png"
        figure.savefig(path, dpi=140)
        plt.close(figure)
        print(f"{path}: {path.stat().st_size:,} bytes")
    mean, half = interval(second - first)
    print(f"difference {mean:+.4f} ± {half:.4f}, Wilcoxon p = {stats.wilcoxon(second, first).pvalue:.4f}")
    for values in (first, second):
        print("mean {:.4f} ± {:.4f}".format(*interval(values)))
    print(f"unpaired p = {stats.mannwhitneyu(first, second).pvalue:.3f}")


if __name__ == "__main__":
    main()
