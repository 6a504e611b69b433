"""The range around a chosen ratio that is about as good on validation: where its edges are."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from locexp.evaluation.metrics import SELECTION_METRIC
from locexp.sweep.plans.bbox_weight import rounded
from locexp.sweep.racing.entrants import Entrants, of_ratio
from locexp.sweep.setting import Outcomes, Row, Setting, Stage, mean_outcome

MOST_ADDED = 4
"""Ratios that are added beyond each end of the axis: with four to a decade, one decade."""


def span(
    known: Entrants, chosen: Setting, reached: Mapping[int, Row], margin: float
) -> Generator[Stage, Outcomes, tuple[list[Setting], list[Setting]]]:
    """Train ratios on both sides of the chosen one until one is worse than it by more than a margin on validation.

    Ratios that stopped after a rung are continued; beyond the ends of the axis, ratios are added at its spacing.

    Args:
        known: who races.
        chosen: on one of its axes.
        reached: the outcomes of the settings that were trained to the end, by the ``id`` of the setting.
        margin: of ``SELECTION_METRIC``, > 0.

    Returns:
        The lowest and the highest setting of the range, the chosen one left out; and all that were trained here.
    """
    axis = next((one for one in known.chains if any(setting is chosen for setting in one.settings)), None)
    if axis is None:
        return [], []
    line = dict(zip(axis.ratios, axis.settings, strict=True))
    values = {
        ratio: mean_outcome(reached[id(setting)], SELECTION_METRIC)
        for ratio, setting in line.items()
        if id(setting) in reached
    }
    start = next(ratio for ratio, setting in line.items() if setting is chosen)
    best = values[start]
    assert best is not None
    ends = {False: start, True: start}
    added = {False: 0, True: 0}
    open_sides = [False, True]
    trained: list[Setting] = []
    while open_sides:
        asked: dict[float, Setting] = {}
        for upwards in list(open_sides):
            ratio = _next(sorted(line), ends[upwards], upwards=upwards)
            while ratio is not None and ratio in values:
                value = values[ratio]
                if value is None or value < best - margin:
                    open_sides.remove(upwards)
                    break
                ends[upwards] = ratio
                ratio = _next(sorted(line), ratio, upwards=upwards)
            if upwards not in open_sides:
                continue
            if ratio is None:
                if added[upwards] == MOST_ADDED:
                    open_sides.remove(upwards)
                    continue
                added[upwards] += 1
                ratio = ends[upwards] * axis.step if upwards else ends[upwards] / axis.step
                short = of_ratio(axis.cell, rounded(ratio))
                line[ratio] = short if short not in line.values() else of_ratio(axis.cell, ratio)
            asked[ratio] = line[ratio]
        if asked:
            outcomes = yield Stage(list(asked.values()), more=True)
            values |= {ratio: mean_outcome(row, SELECTION_METRIC) for ratio, row in zip(asked, outcomes, strict=True)}
            trained += asked.values()
    edges = [line[ends[upwards]] for upwards in (False, True) if ends[upwards] != start]
    return edges, trained


def _next(ratios: list[float], ratio: float, *, upwards: bool) -> float | None:
    beyond = [one for one in ratios if (one > ratio if upwards else one < ratio)]
    return (min(beyond) if upwards else max(beyond)) if beyond else None
