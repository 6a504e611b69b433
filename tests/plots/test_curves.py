"""Ticks that can be read, however few or many epochs there are and however near the weights."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from locexp.plots.curves import epoch_ticks, weighting


def labels_of(axes: Axes, which: str) -> list[str]:
    """Return the labels that are seen; fails where two of them overlap."""
    figure = axes.figure
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    labels = [label for tick in ticks if low <= tick.get_loc() <= high for label in (tick.label1, tick.label2)]
    seen = [label for label in labels if label.get_visible() and label.get_text()]
    boxes = [text.get_window_extent() for text in seen]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    return [text.get_text() for text in seen]


@pytest.mark.parametrize("epochs", [1, 2, 3, 5, 12, 50, 300])
def test_ticks_are_at_whole_epochs(epochs: int) -> None:
    axes = Figure(figsize=(3, 3)).subplots()
    axes.plot(range(1, epochs + 1), np.ones(epochs))
    epoch_ticks(axes, epochs)
    labels = labels_of(axes, "x")
    assert labels == [str(int(label)) for label in labels]
    assert len(labels) == 1 if epochs == 1 else len(labels) >= 2


@pytest.mark.parametrize("last", [1.1, 1.7, 2.5, 6.0, 25.0, 1e4])
def test_weights_that_are_near_each_other_have_labels_that_can_be_read(last: float) -> None:
    history = [
        {"epoch": 1.0, "weights/classification": 1.0, "weights/bbox": 1.0, "time/step_ms": 1.0},
        {"epoch": 2.0, "weights/classification": 1.0, "weights/bbox": last, "time/step_ms": 1.0},
    ]
    figure = weighting(history)
    assert figure is not None
    assert len(labels_of(figure.axes[0], "y")) >= 2
