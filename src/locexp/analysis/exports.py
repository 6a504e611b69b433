"""Every number of a comparison, for programs: CSV with one row per setting, and JSON with all of it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from locexp.analysis.answer import answers
from locexp.analysis.comparison import SweepComparison
from locexp.analysis.decision import PairedTest
from locexp.analysis.equality import equal_range
from locexp.analysis.free import FreeWeights
from locexp.analysis.paste import chosen_weights, in_full
from locexp.analysis.race import Race
from locexp.analysis.results import TASKS, SettingRuns
from locexp.analysis.statistics import Interval
from locexp.analysis.tables import verdict
from locexp.evaluation.metrics import BESIDE, METRICS

TEST_COLUMNS = ("difference", "half_width", "p", "corrected", "verdict")
INTERVAL_COLUMNS = ("mean", "half_width", "n")
RACE_COLUMNS = ("not_pursued", "race/epochs", "race/validation")


def as_csv(comparison: SweepComparison) -> str:
    """Return every number of the settings as CSV: the :func:`columns`, one row per setting."""
    stream = io.StringIO()
    csv.writer(stream).writerows(columns(comparison))
    return stream.getvalue()


def columns(comparison: SweepComparison) -> list[list[object]]:
    """Return a list of titles, then one of values per setting, ``None`` where there is none.

    The tests against the default and the chosen setting, then mean, half width and n of each metric on test and
    validation; of a race, the :data:`RACE_COLUMNS`.
    """
    decision = comparison.decision
    families = {"against_default": decision.against_default, "against_chosen": decision.against_chosen}
    tests = [{test.setting: _test_cells(test) for test in family} for family in families.values()]
    titles = ["setting", "config_hash", "failed", "floor/mean_iou", "skill", "delta_m"]
    titles += [*(f"delta_m/{name}" for name in TASKS), "verdict"]
    titles += [f"{family}/{name}" for family in families for name in TEST_COLUMNS]
    titles += ["equality/verdict", "equality/p_as_good", "equality/p_worse"]
    measured = {"test": (*METRICS, *BESIDE.values()), "kept": METRICS}
    titles += [f"{part}/{name}/{number}" for part in measured for name in measured[part] for number in INTERVAL_COLUMNS]
    rows: list[list[object]] = [[*titles]]
    for index, setting in enumerate(comparison.settings):
        delta_m, terms = comparison.delta_m.get(index, (None, {}))
        row: list[object] = [setting.label, setting.config_hash, setting.failures, finite(setting.baseline)]
        row += [setting.skill, delta_m, *(terms.get(name) for name in TASKS), verdict(comparison, index)]
        for cells in tests:
            row += cells.get(index, [None] * len(TEST_COLUMNS))
        row += _standing_cells(comparison, index)
        for intervals in (setting.test | setting.test_beside, setting.validation):
            row += [number for interval in intervals.values() for number in _interval(interval).values()]
        rows.append(row)
    if comparison.race is not None:
        rows[0] += RACE_COLUMNS
        for index, row in enumerate(rows[1:]):
            row += of_race(comparison.race, comparison.settings[index], index).values()
    return rows


def of_race(race: Race, setting: SettingRuns, index: int) -> dict[str, object]:
    """Return, by the :data:`RACE_COLUMNS`, when and why a race did not pursue a setting (empty where it did), for how
    many epochs it was trained in it, and the metric on validation in the best of them."""
    epochs, value = race.reached(index)
    return dict(zip(RACE_COLUMNS, (setting.not_pursued, epochs, finite(value)), strict=True))


def _test_cells(test: PairedTest) -> list[object]:
    numbers = (test.difference.mean, test.difference.half_width, test.p, test.corrected)
    return [*map(finite, numbers), test.verdict]


def _standing_cells(comparison: SweepComparison, index: int) -> list[object]:
    found = None if comparison.equality is None else comparison.equality.standings.get(index)
    return [None] * 3 if found is None else [found.verdict, found.p_as_good, found.p_worse]


def as_json(comparison: SweepComparison) -> dict[str, Any]:
    """Return the whole comparison as plain values; numbers that are not finite are null."""
    labels = [setting.label for setting in comparison.settings]
    decision, front, methods = comparison.decision, comparison.front, comparison.methods
    weights = chosen_weights(comparison)
    return {
        "metric": comparison.metric,
        "chosen": labels[comparison.chosen],
        "default": None if comparison.default is None else labels[comparison.default],
        "answers": answers(comparison),
        "seeds": comparison.seeds,
        "settings": [_setting(comparison, index) for index in range(len(labels))],
        "against_default": [_test(test, labels) for test in decision.against_default],
        "against_chosen": [_test(test, labels) for test in decision.against_chosen],
        "chosen_minus_default_by_task": {name: _test(test, labels) for name, test in comparison.by_task.items()},
        "methods": None
        if methods is None
        else {
            "best_fixed": labels[methods.best_fixed],
            "against_best_fixed": [_test(test, labels) for test in methods.against_fixed],
            "against_replay": [_test(test, labels) for test in methods.against_replay],
            "equivalent": {labels[index]: labels[other] for index, (other, _) in methods.equivalent.items()},
        },
        "chosen_minus_default_over_examples": {
            name: list(ends) for name, ends in (comparison.over_examples or {}).items()
        },
        "equality": None
        if comparison.equality is None
        else {
            "margin": comparison.equality.margin,
            "settings": {labels[index]: asdict(one) for index, one in comparison.equality.standings.items()},
            "range": [
                labels[index] for index in equal_range(comparison.settings, comparison.equality, comparison.chosen)
            ],
        },
        "free": [_free(found, labels) for found in comparison.free],
        "to_paste": [] if weights is None else [asdict(line) for line in in_full(weights)],
        "front": {
            "settings": [labels[index] for index in front.best],
            "knee": None if front.knee is None else labels[front.knee],
            "reference": list(front.reference),
            "hypervolume": _interval(front.hypervolume),
            "attained": {str(share): corners.tolist() for share, corners in front.attained.items()},
        },
    }


def _free(found: FreeWeights, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "metric": found.metric,
        "margin": found.margin,
        "alone": labels[found.alone],
        "most": None if found.last is None else labels[found.last.setting],
        "tests": [
            {"setting": labels[step.setting], "difference": _interval(step.difference), "p": finite(step.p)}
            for step in found.steps
        ],
        "over_examples": None if found.over_examples is None else list(found.over_examples),
    }


def finite(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return value if math.isfinite(value) else None


def _interval(interval: Interval) -> dict[str, Any]:
    return {name: finite(getattr(interval, name)) for name in INTERVAL_COLUMNS}


def _test(test: PairedTest, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "setting": labels[test.setting],
        "difference": _interval(test.difference),
        "p": finite(test.p),
        "corrected": finite(test.corrected),
        "smallest_reachable": finite(test.smallest_reachable_p),
        "verdict": test.verdict,
        "least_seeds": test.min_seeds,
        "seeds_that_would_do": test.seeds_for_power,
    }


def _setting(comparison: SweepComparison, index: int) -> dict[str, Any]:
    setting, delta_m = comparison.settings[index], comparison.delta_m.get(index)
    measured_beside = {name: interval for name, interval in setting.test_beside.items() if interval.n}
    race = {} if comparison.race is None else of_race(comparison.race, setting, index)
    return {
        "label": setting.label,
        "config_hash": setting.config_hash,
        "varied": setting.varied,
        "runs": {str(seed): run.run_id for seed, run in setting.runs.items()},
        "failed": setting.failures,
        "test": {name: _interval(interval) for name, interval in (setting.test | measured_beside).items()},
        "validation": {name: _interval(interval) for name, interval in setting.validation.items()},
        "floor_mean_iou": finite(setting.baseline),
        "skill_mean_iou": setting.skill,
        "delta_m": None if delta_m is None else dict(zip(("mean", "terms"), delta_m, strict=True)),
        **race,
    }
