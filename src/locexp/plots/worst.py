"""The worst-cases page: what went wrong, sorted by the four-way split."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image

from locexp.evaluation.metrics import Predictions, quadrants
from locexp.plots.boxes import gallery

COLUMNS = 8
"""Examples of a section, in one row."""
SECTIONS = {
    "class_only": ("class right, box wrong (IoU < .5)", "lowest IoU first"),
    "box_only": ("class wrong, box right", "most confident first"),
    "neither": ("both wrong", "most confident first"),
    "both_right": ("both right", "lowest IoU first"),
}
"""The quadrants of the four-way split in the order of the page: what they are, and how their examples are sorted."""
TILE = 150
"""About how wide an example is drawn."""


def page(images: np.ndarray, predictions: Predictions, chosen: Mapping[str, np.ndarray], title: str) -> Image.Image:
    """Return a page with a row of examples for each way to be right or wrong, captioned as in a gallery.

    Args:
        images: uint8, (n, height, width).
        predictions: of the same n examples.
        chosen: by quadrant, indices to show, at most :data:`COLUMNS`; see
            :func:`~locexp.evaluation.breakdown.worst_cases`.
        title: of the page.
    """
    counts = {name: int(members.sum()) for name, members in quadrants(predictions).items()}
    rows, shown = [], []
    for name, (what, order) in SECTIONS.items():
        heading = f"{what}: {counts[name]:,} of {len(images):,}"
        rows.append((f"{heading}, {order}" if counts[name] else heading, len(chosen[name])))
        shown += chosen[name].tolist()
    return gallery(images, predictions, np.array(shown), title, rows, TILE)
