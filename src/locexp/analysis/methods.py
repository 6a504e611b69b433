"""Weighting methods in a sweep: against the best fixed weights, and against their own mean weights, frozen.

The best fixed weights are picked on validation among several, and validation and test come from the same networks, so
on test they look better than they are. That makes it harder for a method to be called better, so the methods alone
need to be counted for that; but for "worse", every pair of a method and fixed weights could have been compared, and
all of these are counted. A method whose seeds speak against it, but not enough for that, is called "not better".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from locexp.analysis.decision import Comparison, family
from locexp.analysis.results import SettingRuns
from locexp.analysis.statistics import ALPHA
from locexp.configuration.schema import METHOD
from locexp.evaluation.choice import choose
from locexp.losses.weighting import methods as known_methods
from locexp.records.sweep_list import REPLAY

FIXED = "fixed"


@dataclass(frozen=True)
class Methods:
    """What a sweep says of its weighting methods; all indices are of settings.

    Attributes:
        best_fixed: the fixed weights with the best mean on validation.
        fixed: how many fixed weights there were to pick from.
        against_fixed: every other method against these.
        against_replay: methods against fixed runs with their own mean weights, one family corrected by Holm.
        equivalent: settings that are not tested, for another one takes the same direction: which, and the difference.
    """

    best_fixed: int
    fixed: int
    against_fixed: list[Comparison]
    against_replay: list[Comparison]
    equivalent: dict[int, tuple[int, str]]


def equivalents(groups: Sequence[SettingRuns]) -> dict[int, tuple[int, str]]:
    """Return which settings differ from another one in nothing but a method that takes the same direction.

    Returns:
        By index, the index of the other setting, and in words what the difference is.
    """
    known = known_methods()
    having = [index for index, group in enumerate(groups) if group.runs and group.role == ""]
    places = {(groups[index].method, _others(groups[index])): index for index in having}
    found = {}
    for (method, others), index in places.items():
        declared = known[method].equivalent if method in known else None
        if declared is not None and (declared[0], others) in places:
            found[index] = (places[declared[0], others], declared[1])
    return found


def compare_methods(
    groups: Sequence[SettingRuns],
    candidates: Sequence[int],
    validation: np.ndarray,
    test: np.ndarray,
    tie_break: np.ndarray,
) -> Methods | None:
    """Compare the methods of a sweep; ``None`` where it varies none.

    Args:
        groups: the settings.
        candidates: indices of those that are compared.
        validation, test: float (settings, seeds) for all ``groups``, the metric to compare by, higher is better.
        tie_break: on validation, what decides among equal ones.
    """
    fixed = [index for index in candidates if groups[index].method == FIXED]
    others = [index for index in candidates if groups[index].method != FIXED]
    if not fixed or not others:
        return None
    best = choose(validation, tie_break, fixed).index
    replays = {
        (group.varied[REPLAY], group.beside): index
        for index, group in enumerate(groups)
        if REPLAY in group.varied and group.runs
    }
    names = {index: (groups[index].method, groups[index].beside) for index in others}
    paired = [(index, replays[name]) for index, name in names.items() if name in replays]
    return Methods(
        best_fixed=best,
        fixed=len(fixed),
        against_fixed=against_picked(test, best, others, len(fixed)),
        against_replay=_paired_families(test, paired),
        equivalent={index: found for index, found in equivalents(groups).items() if index not in candidates},
    )


def against_picked(test: np.ndarray, best: int, others: Sequence[int], picked_from: int) -> list[Comparison]:
    """Compare methods with fixed weights that were picked for being best: see the head of this module."""
    made = family(test, best, others, len(others))
    strict = family(test, best, others, len(others) * picked_from)
    return [
        replace(one, verdict="not better") if one.verdict == "worse" and harder.corrected > ALPHA else one
        for one, harder in zip(made, strict, strict=True)
    ]


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
