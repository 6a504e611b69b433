"""The confirmation of a race: settings run again on fresh seeds, and tested in an order that was fixed beforehand.

The first setting was chosen on validation, by the race and on its seeds. It is tested against the second; only if it is
shown to be better, against what a later stage runs, the runner-up. Each test is at 5 %, uncorrected, and so is the
error of them all: of the comparisons whose settings are equal in truth, the first one in the order is either not
reached or tested at 5 % (Maurer, Hothorn & Lehmacher 1995). How many seeds there are is fixed beforehand, too, so what
has not ended is not tested.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from locexp.analysis.decision import Decision, PairedTest, family, untested
from locexp.evaluation.choice import Choice
from locexp.records.record import RunRecord
from locexp.records.sweep_list import CONFIRMATION

ENDED = ("FINISHED", "FAILED")
"""How runs end that are not waited for; those that were stopped may go on."""
FIRST = 2
"""So many settings of the first stage of a confirmation are tested; the others are run beside them."""


@dataclass
class Planned:
    """What a race runs again to confirm a setting.

    Attributes:
        place: of the setting in the order of the tests, the chosen one has 0; ``None`` for what is run beside these.
        unended: how many of its jobs have not ended.
    """

    place: int | None
    unended: int = 0


def planned(ordered: Sequence[RunRecord], jobs: Sequence[Mapping[str, Any]] | None) -> dict[str, Planned]:
    """Return what a race confirms by its config hash, in the order of the list, the chosen setting first.

    Args:
        ordered: the runs of the sweep in the order of its list.
        jobs: of that list; ``None`` where it cannot be read, so that only jobs with a run are known.
    """
    confirming = [run for run in ordered if run.tags.get("role") == CONFIRMATION]
    begun = [(run.tags["config_hash"], run.tags["seed"], 0) for run in confirming]
    ended = {key for key, run in zip(begun, confirming, strict=True) if run.status in ENDED}
    listed = begun
    if jobs is not None:
        own = [job for job in jobs if job["role"] == CONFIRMATION]
        listed = [(job["config_hash"], str(job["seed"]), int(job.get("stage", 0))) for job in own]
    found: dict[str, Planned] = {}
    places = itertools.count()
    for config_hash, _, stage in listed:
        if config_hash not in found:
            is_tested = len(found) < FIRST or stage > listed[0][2]
            found[config_hash] = Planned(next(places) if is_tested else None)
    for config_hash, seed, _ in dict.fromkeys(listed):
        found[config_hash].unended += (config_hash, seed, 0) not in ended
    return found


def confirm(test: np.ndarray, order: Sequence[int], default: int | None, ended: Collection[int]) -> Decision:
    """Test the first setting against the others, one after the other.

    Args:
        test: float (settings, seeds), the metric on test, higher is better; NaN where a run is missing.
        order: indices of the settings, the chosen one first.
        default: the index of the default setting.
        ended: the settings whose planned runs have all ended.
    """
    chosen, *others = order
    tests: list[PairedTest] = []
    goes_on = chosen in ended
    for other in others:
        goes_on = goes_on and other in ended
        (one,) = family(test, chosen, [other], 1) if goes_on else untested(test, chosen, [other])
        tests.append(one)
        goes_on = one.verdict == "worse"
    against_default = tests if default == chosen else []
    if default in others:
        is_tested = tests[others.index(default)].verdict != "not tested"
        against_default = family(test, default, [chosen], 1) if is_tested else untested(test, default, [chosen])
    return Decision(Choice(chosen), against_default, tests)
