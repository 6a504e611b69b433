"""Every number of a comparison, for programs: CSV with one row per setting, and JSON with all of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from locexp.analysis.answer import answers
from locexp.analysis.comparison import SweepComparison, finite
from locexp.analysis.decision import PairedTest
from locexp.analysis.results import METRICS, TASKS
from locexp.analysis.statistics import Interval
from locexp.analysis.summary import SettingSummary
from locexp.analysis.tables import verdict


def as_csv(comparison: SweepComparison) -> str:
    """Return every number of the settings as CSV.

    The tests against the default and the chosen setting, then mean, half width and n of each metric on test and
    validation.
    """
    stream = io.StringIO()
    writer = csv.writer(stream)
    parts = ("mean", "half_width", "n")
    names = [f"{part}/{name}/{which}" for part in ("test", "kept") for name in METRICS for which in parts]
    terms = [f"delta_m/{name}" for name in TASKS]
    head = ["setting", "config_hash", "failed", "floor/mean_iou", "skill", "delta_m", *terms, "verdict"]
    tests = ("difference", "half_width", "p", "corrected", "verdict")
    families = {
        "against_default": comparison.decision.against_default,
        "against_chosen": comparison.decision.against_chosen,
    }
    tested = {
        family: {comparison.candidates[one.setting]: one for one in comparisons}
        for family, comparisons in families.items()
    }
    writer.writerow([*head, *(f"{family}/{name}" for family in families for name in tests), *names])
    for index, setting in enumerate(comparison.settings):
        intervals = [part[name] for part in (setting.test, setting.validation) for name in METRICS]
        numbers = [finite(getattr(interval, which)) for interval in intervals for which in parts]
        mean, terms_of = setting.delta_m or (None, {})
        delta = [mean, *(terms_of.get(name) for name in TASKS)]
        runs = setting.runs
        skill = "" if setting.skill is None else setting.skill
        writer.writerow(
            [
                setting.label,
                runs.config_hash,
                runs.failures,
                finite(setting.baseline),
                skill,
                *delta,
                verdict(comparison, index),
                *(cell for family in families for cell in _tested(tested[family].get(index))),
                *numbers,
            ]
        )
    return stream.getvalue()


def _tested(one: PairedTest | None) -> list[Any]:
    if one is None:
        return [""] * 5
    return [finite(one.difference.mean), finite(one.difference.half_width), one.p, one.corrected, one.verdict]


def as_json(comparison: SweepComparison) -> dict[str, Any]:
    """Return the whole comparison as plain values; numbers that are none are null."""
    labels, everything = [one.label for one in comparison.settings], range(len(comparison.settings))
    methods = comparison.methods

    def interval(value: Interval) -> dict[str, Any]:
        return {"mean": finite(value.mean), "half_width": finite(value.half_width), "n": value.n}

    def paired_test(one: PairedTest, places: Sequence[int] = comparison.candidates) -> dict[str, Any]:
        return {
            "setting": labels[places[one.setting]],
            "difference": interval(one.difference),
            "p": one.p,
            "corrected": one.corrected,
            "smallest_reachable": one.smallest_reachable_p,
            "verdict": one.verdict,
            "least_seeds": one.min_seeds,
            "seeds_that_would_do": one.seeds_for_power,
        }

    def setting(one: SettingSummary) -> dict[str, Any]:
        return {
            "label": one.label,
            "config_hash": one.runs.config_hash,
            "varied": one.runs.varied,
            "runs": {str(seed): run.run_id for seed, run in one.runs.runs.items()},
            "failed": one.runs.failures,
            "test": {name: interval(value) for name, value in one.test.items()},
            "validation": {name: interval(value) for name, value in one.validation.items()},
            "floor_mean_iou": finite(one.baseline),
            "skill_mean_iou": one.skill,
            "delta_m": None if one.delta_m is None else {"mean": one.delta_m[0], "terms": one.delta_m[1]},
        }

    front = comparison.front
    return {
        "metric": comparison.metric,
        "chosen": comparison.settings[comparison.chosen].label,
        "default": None if comparison.default is None else comparison.settings[comparison.default].label,
        "answers": answers(comparison),
        "seeds": comparison.seeds,
        "settings": [setting(one) for one in comparison.settings],
        "against_default": [paired_test(one) for one in comparison.decision.against_default],
        "against_chosen": [paired_test(one) for one in comparison.decision.against_chosen],
        "chosen_minus_default_by_task": {
            name: paired_test(one, everything) for name, one in comparison.by_task.items()
        },
        "methods": methods
        and {
            "best_fixed": labels[methods.best_fixed],
            "against_best_fixed": [paired_test(one, everything) for one in methods.against_fixed],
            "against_replay": [paired_test(one, everything) for one in methods.against_replay],
            "equivalent": {labels[index]: labels[other] for index, (other, _) in methods.equivalent.items()},
        },
        "chosen_minus_default_over_examples": {name: list(ends) for name, ends in comparison.over_examples.items()},
        "front": {
            "settings": [comparison.settings[comparison.candidates[index]].label for index in front.best],
            "knee": None if front.knee is None else comparison.settings[comparison.candidates[front.knee]].label,
            "reference": list(front.reference),
            "hypervolume": interval(front.hypervolume),
            "attained": {str(share): corners.tolist() for share, corners in front.attained.items()},
        },
    }
