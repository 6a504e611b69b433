"""Weighting methods in a sweep: against the best fixed weights, and against their own mean weights, frozen.

The best fixed weights are picked on validation among several, and validation and test come from the same networks, so
on test they look better than they are. That makes it harder for a method to be called better, so Holm's correction
counts only the methods for that; but for "worse", every pair of a method and fixed weights could have been compared,
and it counts all of these. A method whose seeds speak against it, but not enough for that, is called "not better".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from locexp.analysis.decision import PairedTest, family
from locexp.analysis.results import SettingRuns
from locexp.analysis.statistics import ALPHA
from locexp.configuration.schema import METHOD
from locexp.evaluation.choice import choose
from locexp.losses.weighting import methods as known_methods
from locexp.records.sweep_list import REPLAY

FIXED = "fixed"


@dataclass(frozen=True)
class Methods:
    """How the weighting methods of a sweep compare; all indices are of settings.

    Attributes:
        best_fixed: the fixed weights with the best mean on validation.
        fixed: how many fixed weights there were to pick from.
        against_fixed: every method against these.
        against_replay: methods against fixed runs with their own mean weights, one family corrected by Holm.
        equivalent: settings that are not tested because another one takes the same direction: which one, and in words
            how they differ.
    """

    best_fixed: int
    fixed: int
    against_fixed: list[PairedTest]
    against_replay: list[PairedTest]
    equivalent: dict[int, tuple[int, str]]


def equivalents(groups: Sequence[SettingRuns]) -> dict[int, tuple[int, str]]:
    """Return the settings that differ from another one only in a method that takes the same direction.

    Returns:
        By index, the index of the other setting, and in words how the methods differ.
    """
    known = known_methods()
    finished = [index for index, group in enumerate(groups) if group.runs and group.role == ""]
    index_of = {(groups[index].method, _besides_method(groups[index])): index for index in finished}
    equivalent = {}
    for (method, others), index in index_of.items():
        declared = known[method].equivalent if method in known else None
        if declared is not None and (declared[0], others) in index_of:
            equivalent[index] = (index_of[declared[0], others], declared[1])
    return equivalent


def compare_methods(
    groups: Sequence[SettingRuns],
    candidates: Sequence[int],
    validation: np.ndarray,
    test: np.ndarray,
    tie_break: np.ndarray,
) -> Methods | None:
    """Compare the methods of a sweep; ``None`` where it does not vary them.

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
    pairs = [(index, replays[name]) for index, name in names.items() if name in replays]
    return Methods(
        best_fixed=best,
        fixed=len(fixed),
        against_fixed=against_picked(test, best, others, len(fixed)),
        against_replay=family(test, [replay for _, replay in pairs], [index for index, _ in pairs], len(pairs)),
        equivalent={index: other for index, other in equivalents(groups).items() if index not in candidates},
    )


def against_picked(test: np.ndarray, best: int, others: Sequence[int], picked_from: int) -> list[PairedTest]:
    """Compare methods with fixed weights that were picked for being best: see the head of this module."""
    for_better = family(test, best, others, len(others))
    for_worse = family(test, best, others, len(others) * picked_from)
    return [
        replace(one, verdict="not better") if one.verdict == "worse" and strict.corrected > ALPHA else one
        for one, strict in zip(for_better, for_worse, strict=True)
    ]


def _besides_method(group: SettingRuns) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value) for key, value in group.varied.items() if key != METHOD))
