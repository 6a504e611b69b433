"""Numbers with the digits that are known: half the width of an interval says how many."""

from __future__ import annotations

import math

from locexp.analysis.statistics import Interval

MOST, UNKNOWN = 4, 3
"""Decimals at most, and where there is no interval."""


def decimals(half_width: float) -> int:
    """Return how many decimals of a mean, and of its half width, say something.

    By the rule of the Particle Data Group (Review of Particle Physics, introduction, "Rounding"): of the half width,
    two digits where these are 10 to 35, one up to 95, and .096 is .10.
    """
    if not math.isfinite(half_width):
        return UNKNOWN
    if half_width <= 0:
        return MOST
    exponent = math.floor(math.log10(half_width))
    digits = half_width / 10.0**exponent
    known = 1 - exponent if digits < 3.55 else -exponent
    return min(MOST, max(0, known))


def short(interval: Interval) -> str:
    """Return a mean alone, with the digits that are known: ``0.943``."""
    return f"{interval.mean:.{decimals(interval.half_width)}f}"


def known(interval: Interval, *, sign: str = "") -> str:
    """Return a mean with half the width of its interval: ``0.943 ± 0.010``; ``sign`` is ``+`` where one is wanted."""
    places = decimals(interval.half_width)
    mean = f"{round(interval.mean, places) + 0.0:{sign}.{places}f}"  # no -0.00
    return f"{mean} ± {interval.half_width:.{places}f}" if math.isfinite(interval.half_width) else mean
