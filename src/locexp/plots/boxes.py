"""Pictures of digits with their boxes: truth in green and dashed, prediction in red and solid."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from locexp.boxes import to_pixels
from locexp.metrics import Predictions

TRUTH, PREDICTION = "#2ca02c", "#d62728"


def outline(axes: Axes, boxes: np.ndarray, color: str, style: Any, line_width: float = 1.6) -> None:
    """Draw pixel boxes, float (n, 4)."""
    x1, y1, x2, y2 = boxes.T
    corners = np.stack([[x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1]], axis=-1).transpose(1, 0, 2)
    axes.add_collection(
        LineCollection(list(corners), colors=color, linestyles=style, linewidths=line_width, joinstyle="miter")
    )


def sample(image: np.ndarray, box: np.ndarray, digit: int) -> Figure:
    """Return the classic picture: one image (uint8, (height, width)) and its predicted pixel box in red."""
    figure = Figure(figsize=(4, 4.3), layout="constrained")
    axes = figure.subplots()
    height, width = image.shape
    # Pixel i covers [i, i + 1): so half-open boxes are drawn exactly where they are.
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest", extent=(0, width, height, 0))
    outline(axes, np.reshape(box, (1, 4)), PREDICTION, "-", line_width=2.5)
    axes.set_axis_off()
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
    truth = to_pixels(predictions.truth, *predictions.canvas)
    boxes = to_pixels(predictions.boxes, *predictions.canvas)
    classes, confidence, iou = predictions.classes, predictions.confidence, predictions.iou
    height, width = images.shape[1:]
    # All examples are one image in one axes (an axes each takes ten times as long to draw); units are its pixels.
    step_x, step_y = width + round(0.12 * width), height + round(0.30 * width)
    mosaic = np.full((rows * step_y, columns * step_x), 255, np.uint8)
    corners = [(place % columns * step_x, place // columns * step_y) for place in range(len(chosen))]
    inches = 1.75 / step_x
    size = (inches * columns * step_x, inches * rows * step_y + 0.75)
    figure = Figure(figsize=size)
    axes = figure.add_axes((0, 0.35 / size[1], 1, (size[1] - 0.75) / size[1]))
    axes.set_axis_off()
    for (left, top), index in zip(corners, chosen, strict=True):
        mosaic[top : top + height, left : left + width] = images[index]
        right = classes[index] == predictions.labels[index]
        axes.text(
            left + width / 2,
            top - 0.02 * width,
            f"{predictions.labels[index]} → {classes[index]}  p {confidence[index]:.2f}\nIoU {iou[index]:.2f}",
            ha="center",
            va="bottom",
            fontsize=8,
            color="black" if right else PREDICTION,
        )
    extent = (0, columns * step_x, rows * step_y, 0)
    axes.imshow(mosaic, cmap="gray", vmin=0, vmax=255, interpolation="nearest", extent=extent)
    offsets = np.tile(np.array(corners, float), 2)
    outline(axes, truth[chosen] + offsets, TRUTH, "--")
    outline(axes, boxes[chosen] + offsets, PREDICTION, "-")
    axes.set_xlim(-0.06 * width, columns * step_x - 0.06 * width)
    axes.set_ylim(rows * step_y - 0.28 * width, -0.28 * width)
    figure.suptitle(title, fontsize=10, y=1 - 0.1 / size[1], va="top")
    figure.legend(
        handles=[
            Line2D([], [], color=TRUTH, linestyle="--", label="truth"),
            Line2D([], [], color=PREDICTION, label="prediction"),
        ],
        loc="lower center",
        ncols=2,
        fontsize=8,
        frameon=False,
    )
    return figure
