"""Pictures of digits with their boxes: truth in green and dashed, prediction in red and solid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from locexp.boxes import to_pixels
from locexp.metrics import Predictions

TRUTH, PREDICTION = "#2ca02c", "#d62728"


def _draw(axes: Axes, image: np.ndarray, boxes: Sequence[tuple[np.ndarray, str, str]]) -> None:
    height, width = image.shape
    # Pixel i covers [i, i + 1): so half-open boxes are drawn exactly where they are.
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest", extent=(0, width, height, 0))
    for (x1, y1, x2, y2), color, style in boxes:
        axes.add_patch(
            Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=color, linestyle=style, linewidth=1.6)
        )
    axes.set_axis_off()


def sample(image: np.ndarray, box: np.ndarray, digit: int) -> Figure:
    """Return the classic picture: one image (uint8, (height, width)) and its predicted pixel box in red."""
    figure = Figure(figsize=(4, 4.3), layout="constrained")
    axes = figure.subplots()
    _draw(axes, image, [(box, PREDICTION, "-")])
    axes.set_title(f"Predicted digit: {digit}")
    return figure


def gallery(images: np.ndarray, predictions: Predictions, chosen: np.ndarray, title: str, columns: int = 6) -> Figure:
    """Return a page of examples with truth and prediction, captioned ``true → predicted p, IoU``.

    Args:
        images: uint8, (n, height, width).
        predictions: of the same n examples.
        chosen: indices to show, at least one.
        title: of the page.
    """
    columns = min(columns, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(1.9 * columns, 2.15 * rows + 0.8), layout="constrained")
    truth = to_pixels(predictions.truth, *predictions.canvas)
    boxes = to_pixels(predictions.boxes, *predictions.canvas)
    classes, confidence, iou = predictions.classes, predictions.confidence, predictions.iou
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(chosen) :]:
        axes.set_axis_off()
    for axes, index in zip(grid, chosen, strict=False):
        _draw(axes, images[index], [(truth[index], TRUTH, "--"), (boxes[index], PREDICTION, "-")])
        right = classes[index] == predictions.labels[index]
        axes.set_title(
            f"{predictions.labels[index]} → {classes[index]}  p {confidence[index]:.2f}\nIoU {iou[index]:.2f}",
            fontsize=8,
            color="black" if right else PREDICTION,
        )
    figure.suptitle(title, fontsize=10)
    figure.legend(
        handles=[
            Line2D([], [], color=TRUTH, linestyle="--", label="truth"),
            Line2D([], [], color=PREDICTION, label="prediction"),
        ],
        loc="outside lower center",
        ncols=2,
        fontsize=8,
        frameon=False,
    )
    return figure
