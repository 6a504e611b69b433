"""Where a network localizes well and where not: IoU by class, size and position, and the worst cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from locexp.bbox import geometry as geometry
from locexp.evaluation.metrics import Predictions, quadrants

SIZE_GROUPS, POSITION_CELLS = 8, 5
"""At most this many groups of sizes, and cells of the canvas on each axis."""
LEAST_PER_GROUP = 20
"""There are so few groups that each has this many examples on average."""
SAME_PX = 1e-3
"""Boxes that differ by less are the same but for rounding."""


@dataclass(frozen=True)
class Groups:
    """IoU of groups of examples.

    Attributes:
        low, high: float64 (groups, dimensions), borders in pixels; a group holds its lower one, the last the upper too.
        count: int64 (groups,); 0 is possible.
        mean: float64 (groups,), the mean IoU; NaN where there is no example.
        standard_error: float64 (groups,), of the mean; NaN where there are fewer than two examples.
        quantiles: float64 (groups, 2), which 5 % and 95 % of the examples are below; NaN where there is none.
    """

    low: np.ndarray
    high: np.ndarray
    count: np.ndarray
    mean: np.ndarray
    standard_error: np.ndarray
    quantiles: np.ndarray


def all_the_same(predictions: Predictions) -> bool:
    """Return whether all true boxes are the same: there is no size or position to sort by."""
    return bool(np.ptp(_truth(predictions), axis=0).max() < SAME_PX)


def by_class(predictions: Predictions) -> Groups:
    """Return IoU by true class, all of them; borders are label and label + 1."""
    labels = np.arange(predictions.probabilities.shape[1], dtype=np.float64)[:, None]
    return _groups(predictions.iou, predictions.labels, labels, labels + 1)


def by_size(predictions: Predictions) -> Groups:
    """Return IoU by the side √(w·h) of the true box in pixels, in quantile groups; equal sizes stay together."""
    truth = _truth(predictions)
    # Boxes went through float32: whole pixels are whole again, so that ties are ties.
    side = np.round(np.sqrt(geometry.area(truth)), 4)
    number = max(1, min(SIZE_GROUPS, len(side) // LEAST_PER_GROUP))
    # Borders are sizes that occur, so no group is empty.
    edges = np.unique(np.quantile(side, np.linspace(0, 1, number + 1), method="lower"))
    edges = edges if len(edges) > 1 else np.repeat(edges, 2)
    group = np.searchsorted(edges[1:-1], side, "right")
    return _groups(predictions.iou, group, edges[:-1, None], edges[1:, None])


def by_position(predictions: Predictions) -> Groups:
    """Return IoU by the centre of the true box, row by row on a grid of equal cells over where centres are.

    An axis on which all centres are the same has one cell.
    """
    center = geometry.centers(_truth(predictions))
    number = max(1, min(POSITION_CELLS, int(np.sqrt(len(center) / LEAST_PER_GROUP))))
    low, extent = center.min(axis=0), np.ptp(center, axis=0)
    cells = np.where(extent < SAME_PX, 1, number)
    step = extent / cells
    position = np.divide(center - low, step, out=np.zeros_like(center), where=extent >= SAME_PX)
    column, row = np.clip(np.floor(position), 0, cells - 1).astype(np.int64).T
    down, across = np.divmod(np.arange(cells.prod()), cells[0])
    corner = np.stack([across, down], axis=1)
    return _groups(predictions.iou, row * cells[0] + column, low + corner * step, low + (corner + 1) * step)


def _truth(predictions: Predictions) -> np.ndarray:
    return geometry.to_pixels(predictions.truth, *predictions.canvas)


def _groups(iou: np.ndarray, group: np.ndarray, low: np.ndarray, high: np.ndarray) -> Groups:
    number = len(low)
    count = np.bincount(group, minlength=number)
    members = np.split(iou[np.argsort(group, kind="stable")], np.cumsum(count)[:-1])
    mean, error, quantiles = np.full(number, np.nan), np.full(number, np.nan), np.full((number, 2), np.nan)
    for index, values in enumerate(members):
        if len(values):
            mean[index], quantiles[index] = values.mean(), np.quantile(values, (0.05, 0.95))
        if len(values) > 1:
            error[index] = values.std(ddof=1) / np.sqrt(len(values))
    return Groups(low, high, count, mean, error, quantiles)


def columns(groups: Groups, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return groups as the columns of a table; what is not known of a group is NaN.

    Args:
        groups: of (groups, dimensions).
        names: of the dimensions, which become ``…_from`` and ``…_to``.
    """
    ends = {"from": groups.low, "to": groups.high}
    borders = {f"{name}_{end}": ends[end][:, index] for index, name in enumerate(names) for end in ends}
    low, high = groups.quantiles.T
    values = {"mean_iou": groups.mean, "standard_error": groups.standard_error, "iou_q05": low, "iou_q95": high}
    return borders | {"count": groups.count} | values


def worst_cases(predictions: Predictions, most: int) -> dict[str, np.ndarray]:
    """Return at most ``most`` indices of each of the :func:`~locexp.evaluation.metrics.quadrants`, worst first.

    Where the class is right, the worst have the lowest IoU, and among those without overlap the farthest centres; where
    it is wrong, the highest confidence.
    """
    iou, far, confidence = predictions.iou, predictions.center_error_px, predictions.confidence
    chosen = {}
    for name, members in quadrants(predictions).items():
        indices = np.flatnonzero(members)
        keys = (-far, iou) if name in ("both_right", "class_only") else (-confidence,)
        chosen[name] = indices[np.lexsort([key[indices] for key in keys])][:most]
    return chosen
