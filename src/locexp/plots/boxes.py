"""Pictures of images with their boxes: truth in green and dashed, prediction in red and solid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

from locexp.bbox.geometry import to_pixels
from locexp.errors import abbreviated
from locexp.evaluation.metrics import Predictions, quadrants
from locexp.evaluation.terms import UserTerms, printable
from locexp.plots.files import without_math
from locexp.plots.mosaic import TEXT, TILE, Mosaic, sizes
from locexp.plots.names import fitted, font

TRUTH, PREDICTION = "#2ca02c", "#d62728"
LEGEND = (("truth", TRUTH, True), ("prediction", PREDICTION, False))
COLUMNS, WORST_COLUMNS = 6, 8
"""Examples in a row of a gallery, and in the one row of a section of the worst cases."""
SECTIONS = {
    "class_only": ("class right, box wrong (IoU < .5)", "lowest IoU first"),
    "box_only": ("class wrong, box right", "most confident first"),
    "neither": ("both wrong", "most confident first"),
    "both_right": ("both right", "lowest IoU first"),
}
"""The quadrants of the four-way split in the order of the page: what they are, and how their examples are sorted."""
LONGEST_TITLE = 44
"""How many letters fit above the sample."""
WORST_TILE = 150
"""About how wide an example of the worst cases is drawn."""


def outline(axes: Axes, boxes: np.ndarray, color: str, style: Any, line_width: float = 1.6) -> None:
    """Draw pixel boxes, float (n, 4)."""
    x1, y1, x2, y2 = boxes.T
    corners = np.stack([[x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1]], axis=-1).transpose(1, 0, 2)
    axes.add_collection(
        LineCollection(list(corners), colors=color, linestyles=style, linewidths=line_width, joinstyle="miter")
    )


def sample(image: np.ndarray, box: np.ndarray, title: str) -> Figure:
    """Return the classic picture: one image (uint8, (height, width[, 3])) and its predicted pixel box in red."""
    figure = Figure(figsize=(4, 4.3), layout="constrained")
    axes = figure.subplots()
    height, width = image.shape[:2]
    # Pixel i covers [i, i + 1): so half-open boxes are drawn exactly where they are.
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest", extent=(0, width, height, 0))
    outline(axes, np.reshape(box, (1, 4)), PREDICTION, "-", line_width=2.5)
    axes.set_axis_off()
    axes.set_title(without_math(abbreviated(title, LONGEST_TITLE)))
    return figure


def gallery(
    images: np.ndarray,
    predictions: Predictions,
    terms: UserTerms,
    chosen: np.ndarray,
    title: str,
    rows: Sequence[tuple[str, int]] | None = None,
    tile: int = TILE,
) -> Image.Image:
    """Return a page of examples with truth and prediction: above each ``true → predicted``, p and IoU, and its file.

    Args:
        images: uint8, (n, height, width[, 3]).
        predictions: of the same n examples.
        terms: of these, with class names that can be drawn.
        chosen: int (m,), indices to show, at least one.
        title: of the page.
        rows, tile: see :class:`locexp.plots.mosaic.Mosaic`; by default there are :data:`COLUMNS` in a row.
    """
    rows = rows or [("", min(COLUMNS, len(chosen) - first)) for first in range(0, len(chosen), COLUMNS)]
    height, width = images.shape[1:3]
    captions = [_caption(predictions, terms, index, sizes(width, height, tile)[1]) for index in chosen]
    lines = 1 + max(caption.count("\n") for caption in captions)
    mosaic = Mosaic(images[chosen], title, rows=rows, legend=LEGEND, tile=tile, caption_lines=lines)
    truth = to_pixels(predictions.truth[chosen], *predictions.canvas)
    boxes = to_pixels(predictions.boxes[chosen], *predictions.canvas)
    for position, index in enumerate(chosen):
        mosaic.caption(position, captions[position], "black" if predictions.correct[index] else PREDICTION)
        mosaic.outline(position, truth[position], TRUTH, dashed=True)
        mosaic.outline(position, boxes[position], PREDICTION)
    return mosaic.page


def _caption(predictions: Predictions, terms: UserTerms, index: int, width: float) -> str:
    """Return the lines above an example: its class and what is predicted, how sure and how well, and its file."""
    label, predicted = (terms.class_names[classes[index]] for classes in (predictions.labels, predictions.classes))
    lines = [f"{label} → {predicted}"]
    if font(TEXT).getlength(lines[0]) > width:
        both = [label] if label == predicted else [label, f"→ {predicted}"]
        lines = [fitted(name, width, TEXT) for name in both]
    lines.append(f"p {predictions.confidence[index]:.2f}  IoU {predictions.iou[index]:.2f}")
    if terms.files is not None:
        lines.append(fitted(printable(PurePath(terms.files[index]).name), width, TEXT))
    return "\n".join(lines)


def worst_cases(
    images: np.ndarray, predictions: Predictions, terms: UserTerms, chosen: Mapping[str, np.ndarray], title: str
) -> Image.Image:
    """Return a page with a row of examples for each way to be right or wrong, captioned as in a gallery.

    Args:
        images: uint8, (n, height, width[, 3]).
        predictions, terms: of the same n examples, see :func:`gallery`.
        chosen: by quadrant, indices to show, at most :data:`WORST_COLUMNS`; see
            :func:`locexp.evaluation.breakdown.worst_cases`.
        title: of the page.
    """
    members, rows = quadrants(predictions), []
    for name, (what, order) in SECTIONS.items():
        heading = f"{what}: {members[name].sum():,} of {len(images):,}"
        rows.append((f"{heading}, {order}" if members[name].any() else heading, len(chosen[name])))
    ordered = np.concatenate([chosen[name] for name in SECTIONS])
    return gallery(images, predictions, terms, ordered, title, rows, WORST_TILE)
