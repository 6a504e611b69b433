"""Where on its axis of weights a race of ``benchmarks/transfer.py`` has its best, and what is as good as that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from locexp.evaluation.choice import adjusted_means
from locexp.sweep.racing.standing import LEVEL, apart

MARGIN = 0.01
"""How much less than the best a weight may reach and still be as good."""
ERRORS = 2.0
"""How many standard errors of a difference the noise may hide."""
REACH = 1.25
"""How many decades away from the highest mean of three neighbours a weight still has a part in the fit."""
LEAST = 0.05
"""A case whose best weight reaches less than this tells nothing."""


@dataclass(frozen=True)
class Response:
    """How test ``loc_acc_75`` depends on the weight near its best; all positions are log10 of the weight.

    A parabola (a line, where that has no top) through the weights near the best that were trained to the end: their
    means over seeds with the seeds' own effects taken out, by least squares, two seeds counting twice.

    Attributes:
        first, last: the lowest and highest of these weights.
        coefficients: of the polynomial, the highest power first.
        covariance: of the coefficients.
        lower_end, upper_end: whether they are the ends of the axis, so that nothing is known beyond.
        step: between two weights of the axis.
    """

    first: float
    last: float
    coefficients: np.ndarray
    covariance: np.ndarray
    lower_end: bool
    upper_end: bool
    step: float

    @property
    def best(self) -> float:
        """Where the curve is highest, between the first and the last."""
        if len(self.coefficients) == 3:
            top = -self.coefficients[1] / (2 * self.coefficients[0])
            return float(np.clip(top, self.first, self.last))
        return self.last if self.coefficients[0] > 0 else self.first

    @property
    def value(self) -> float:
        """What the best reaches."""
        return float(np.polyval(self.coefficients, self.best))

    def loss_at(self, where: float) -> float:
        """Return how much less than the best a weight reaches; a guess by the tangent beyond what was trained to the
        end, at most all of it."""
        inside = float(np.clip(where, self.first, self.last))
        less = self.value - float(np.polyval(self.coefficients, inside))
        if (where < self.first and not self.lower_end) or (where > self.last and not self.upper_end):
            less += abs(float(np.polyval(np.polyder(self.coefficients), inside)) * (where - inside))
        return min(less, self.value)

    def tolerance(self, where: np.ndarray) -> np.ndarray:
        """Return how much less than the best still counts as good: the margin, or what the noise can hide if more."""
        powers = np.arange(len(self.coefficients))[::-1]
        away = where[:, None] ** powers - self.best**powers
        return np.maximum(MARGIN, ERRORS * np.sqrt(np.einsum("ij,jk,ik->i", away, self.covariance, away)))

    def span(self, *, strict: bool = False) -> tuple[float, float]:
        """Return the range that is as good as the best; infinite where it reaches an end of the axis.

        Args:
            strict: by the margin alone, whatever the noise.
        """
        # Half a step beyond the outermost weights: those that follow were dropped.
        line = np.linspace(self.first, self.last, 1001)
        less = self.value - np.polyval(self.coefficients, line)
        good = line[less <= (MARGIN if strict else self.tolerance(line))]
        low, high = float(good.min()), float(good.max())
        if low == line[0]:
            low = -math.inf if self.lower_end else low - self.step / 2
        if high == line[-1]:
            high = math.inf if self.upper_end else high + self.step / 2
        return low, high

    @property
    def width(self) -> float:
        """Of the range in decades, up to the ends of the axis."""
        low, high = self.span()
        return min(high, self.last) - max(low, self.first)


def response(curve: Sequence[Mapping[str, Any]], axis: tuple[float, float], points: int) -> Response:
    """Fit the curve of a case.

    Args:
        curve: its weights, with what those reached that were trained to the end.
        axis: its lowest and highest ratio.
        points: how many ratios are on it.
    """
    rows = [row for row in curve if row["ends"]]
    seeds = sorted({end["seed"] for row in rows for end in row["ends"]})
    reached = np.full((len(rows), len(seeds)), np.nan)
    for row, values in zip(rows, reached, strict=True):
        for end in row["ends"]:
            values[seeds.index(end["seed"])] = end["test"]
    places, means = np.log10([row["weight"] for row in rows]), adjusted_means(reached)
    smooth = [means[max(0, one - 1) : one + 2].mean() for one in range(len(means))]
    near = np.abs(places - places[int(np.argmax(smooth))]) <= REACH
    places, means, counts = places[near], means[near], np.isfinite(reached[near]).sum(axis=1)
    step = math.log10(axis[1] / axis[0]) / (points - 1)
    for degree in (2, 1):
        design = np.vander(places, degree + 1) * np.sqrt(counts)[:, None]
        coefficients = np.linalg.lstsq(design, means * np.sqrt(counts), rcond=None)[0]
        if degree == 1 or coefficients[0] < 0:
            break  # a curve without a top says no more than whether it rises or falls
    misfit = means * np.sqrt(counts) - design @ coefficients
    spread = float((misfit**2).sum() / max(1, len(places) - degree - 1))
    first, last = float(places.min()), float(places.max())
    low, high = math.log10(axis[0]), math.log10(axis[1])
    close = step / 4  # weights have three digits
    covariance = spread * np.linalg.pinv(design.T @ design)
    return Response(first, last, coefficients, covariance, first < low + close, last > high - close, step)


def why_silent(curve: Sequence[Mapping[str, Any]], fitted: Response) -> str:
    """Return why a case tells nothing of a good weight, empty where it does."""
    if fitted.value < LEAST:
        return f"at best {fitted.value:.3f}"
    rising = sorted(curve, key=lambda row: row["weight"])
    if any(not row["ends"] for row in rising):
        return ""  # the race has told the weights apart: some were dropped
    ends = np.array([[row["ends"][0]["test"]] for row in rising])
    p = apart(ends, [list(range(len(rising)))])
    return f"weights do not differ by more than noise (p {p:.2f})" if p > LEVEL else ""
