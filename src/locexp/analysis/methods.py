"""Weighting methods in a sweep: against the best fixed weights, and against their own mean weights, frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from locexp.analysis.decision import Comparison, family
from locexp.analysis.results import SettingRuns
from locexp.losses.weighting import methods as known_methods

FIXED = "fixed"
METHOD, REPLAY = "loss/weighting", "replay"
"""The keys, in what varies, that name a run's method, and the method whose mean weights a fixed run has."""


@dataclass(frozen=True)
class Methods:
    """What a sweep says of its weighting methods; all indices are of settings.

    Attributes:
        best_fixed: the fixed weights with the best mean on validation.
        against_fixed: every other method against these, one test each, corrected by Holm.
        against_replay: methods against fixed runs with their own mean weights, likewise.
        equivalent: settings that are not tested, for another one takes the same direction: which, and the difference.
    """

    best_fixed: int
    against_fixed: list[Comparison]
    against_replay: list[Comparison]
    equivalent: dict[int, tuple[int, str]]


def equivalents(groups: Sequence[SettingRuns]) -> dict[int, tuple[int, str]]:
    """Return which settings differ from another one in nothing but a method that takes the same direction.

    Returns:
        By index, the index of the other setting, and in words what the difference is.
    """
    known = known_methods()
    places = {(group.method, _others(group)): index for index, group in enumerate(groups) if group.role == ""}
    found = {}
    for (method, others), index in places.items():
        declared = known[method].equivalent if method in known else None
        if declared is not None and (declared[0], others) in places:
            found[index] = (places[declared[0], others], declared[1])
    return found


def compare_methods(
    groups: Sequence[SettingRuns], candidates: Sequence[int], validation: np.ndarray, test: np.ndarray
) -> Methods | None:
    """Compare the methods of a sweep; ``None`` where it varies none.

    Args:
        groups: the settings.
        candidates: indices of those that are compared.
        validation, test: float (settings, seeds) for all ``groups``, the metric to compare by, higher is better.
    """
    fixed = [index for index in candidates if groups[index].method == FIXED]
    others = [index for index in candidates if groups[index].method != FIXED]
    if not fixed or not others:
        return None
    means = {index: np.nanmean(validation[index]) for index in fixed if np.isfinite(validation[index]).any()}
    best = max(means, key=lambda index: means[index])
    replays = {groups[index].varied[REPLAY]: index for index in range(len(groups)) if REPLAY in groups[index].varied}
    pairs = [(index, replays[groups[index].method]) for index in others if groups[index].method in replays]
    return Methods(
        best_fixed=best,
        against_fixed=family(test, best, others, len(others)),
        against_replay=_paired_families(test, pairs),
        equivalent={index: found for index, found in equivalents(groups).items() if index not in candidates},
    )


def _paired_families(test: np.ndarray, pairs: Sequence[tuple[int, int]]) -> list[Comparison]:
    """Compare each first with its second: one family, though the second differs."""
    rows = np.array([test[first] - test[second] for first, second in pairs] + [np.zeros(test.shape[1])])
    made = family(rows, len(pairs), range(len(pairs)), max(len(pairs), 1))
    return [replace(one, setting=pairs[one.setting][0]) for one in made]


def _others(group: SettingRuns) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value) for key, value in group.varied.items() if key != METHOD))


def by_verdict(comparisons: Sequence[Comparison], labels: Mapping[int, str]) -> dict[str, list[str]]:
    """Return the labels of compared settings by verdict."""
    found: dict[str, list[str]] = {}
    for one in comparisons:
        found.setdefault(one.verdict, []).append(labels[one.setting])
    return found
