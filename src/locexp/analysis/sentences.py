"""What the sentences of an answer are made of: p values, verdicts, the names of many settings."""

from __future__ import annotations

from collections.abc import Sequence

from locexp.analysis.decision import PairedTest

MAX_LABELS = 8


def by_verdict(tests: Sequence[PairedTest], labels: Sequence[str]) -> dict[str, list[str]]:
    """Return the labels of the tested settings by verdict."""
    grouped: dict[str, list[str]] = {}
    for test in tests:
        grouped.setdefault(test.verdict, []).append(labels[test.setting])
    return grouped


def seeds_it_takes(test: PairedTest) -> str:
    """Say how many seeds would show a difference like that of a test."""
    if test.difference.n < 2:
        return f"One seed says nothing about the spread; at least {test.min_seeds} seeds are needed."
    if test.difference.mean == test.difference.half_width == 0:
        return "The runs are equal, seed by seed."
    if test.seeds_for_power is None:
        return "So small a difference would take more than 1000 seeds to show."
    return f"A difference like this one would take about {test.seeds_for_power} seeds to show (power .8)."


def probability(p: float) -> str:
    """Return a p value with three decimals, or one digit where it is smaller."""
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1g}"


def shortened(labels: Sequence[str]) -> str:
    """Join labels; only the first of many: ``a, b, c and 9 others``."""
    if len(labels) <= MAX_LABELS + 1:
        return ", ".join(labels)
    return f"{', '.join(labels[:MAX_LABELS])} and {len(labels) - MAX_LABELS} others"
