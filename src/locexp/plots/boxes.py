"""Pictures of digits with their boxes: truth in green and dashed, prediction in red and solid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

from locexp.bbox.geometry import to_pixels
from locexp.evaluation.metrics import Predictions
from locexp.plots.mosaic import TILE, Mosaic, rows_of

TRUTH, PREDICTION = "#2ca02c", "#d62728"
LEGEND = (("truth", TRUTH, True), ("prediction", PREDICTION, False))
COLUMNS = 6


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


def gallery(
    images: np.ndarray,
    predictions: Predictions,
    chosen: np.ndarray,
    title: str,
    rows: Sequence[tuple[str, int]] | None = None,
    tile: int = TILE,
) -> Image.Image:
    """Return a page of examples with truth and prediction, captioned ``true → predicted p, IoU``.

    Args:
        images: uint8, (n, height, width).
        predictions: of the same n examples.
        chosen: int (m,), indices to show, at least one.
        title: of the page.
        rows, tile: see :class:`locexp.plots.mosaic.Mosaic`; by default there are :data:`COLUMNS` in a row.
    """
    rows = rows_of(len(chosen), COLUMNS) if rows is None else rows
    mosaic = Mosaic(images[chosen], title, rows=rows, legend=LEGEND, tile=tile)
    truth = to_pixels(predictions.truth[chosen], *predictions.canvas)
    boxes = to_pixels(predictions.boxes[chosen], *predictions.canvas)
    for place, index in enumerate(chosen):
        label, predicted = predictions.labels[index], predictions.classes[index]
        text = f"{label} → {predicted}  p {predictions.confidence[index]:.2f}\nIoU {predictions.iou[index]:.2f}"
        mosaic.caption(place, text, "black" if predicted == label else PREDICTION)
        mosaic.outline(place, truth[place], TRUTH, dashed=True)
        mosaic.outline(place, boxes[place], PREDICTION)
    return mosaic.page
