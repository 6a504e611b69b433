"""A comparison as tables: for the screen, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from locexp.analysis.answer import answers
from locexp.analysis.comparison import SettingSummary, SweepComparison, finite
from locexp.analysis.decision import Comparison
from locexp.analysis.results import METRICS, TASKS
from locexp.analysis.statistics import Interval
from locexp.analysis.wording import TITLES

SHORT = {"too few seeds to tell": "too few seeds"}


def table(found: SweepComparison, *, brief: bool = False) -> list[list[str]]:
    """Return the table that is read: one row a setting, by its ratio of weights; the first row holds the titles.

    Columns in which no setting has a value are left out; of a brief one, those that a screen has no room for, too.
    """
    shown = [name for name in METRICS if name != "center_error_px" or name == found.metric]
    terms_of = [f"Δ {TITLES[name]} %" for name in TASKS]
    rows = [
        ["setting", "n", "failed", *(TITLES[name] for name in shown), "floor", "skill", *terms_of, "Δm %", "verdict"]
    ]
    left_out = {"loc_acc_50" * (found.metric != "loc_acc_50"), "floor", *terms_of} if brief else set()
    for index in _ordered(found):
        setting = found.settings[index]
        cells = [setting.label + _mark(found, index), str(len(setting.runs.runs)), str(setting.runs.failures)]
        cells += [_cell(setting.test[name]) for name in shown]
        cells += [f"{setting.floor:.3f}" if math.isfinite(setting.floor) else ""]
        cells += ["" if setting.skill is None else f"{setting.skill:+.3f}"]
        mean, terms = setting.delta_m or (None, {})
        cells += [_percent(terms.get(name)) for name in TASKS]
        rows.append([*cells, _percent(mean), verdict(found, index)])
    kept = [title not in left_out and any(row[place] for row in rows[1:]) for place, title in enumerate(rows[0])]
    return [[cell for cell, keep in zip(row, kept, strict=True) if keep] for row in rows]


def _ordered(found: SweepComparison) -> list[int]:
    def key(index: int) -> tuple[Any, ...]:
        setting = found.settings[index].runs
        others = [value for name, value in setting.varied.items() if not name.startswith("loss.")]
        return others, math.isnan(setting.ratio), setting.ratio

    return sorted(range(len(found.settings)), key=key)


def _mark(found: SweepComparison, index: int) -> str:
    marks = [name for name, place in (("chosen", found.chosen), ("default", found.default)) if place == index]
    runs = found.settings[index].runs
    marks += [runs.role] if runs.role else []
    marks += [f"{runs.single_task} alone"] if runs.single_task else []
    return f" ({', '.join(marks)})" if marks else ""


def verdict(found: SweepComparison, index: int) -> str:
    """Return what the tests say of a setting against the default one."""
    if not found.settings[index].runs.runs:
        return "no run has finished"
    if found.default is None or index == found.default or index not in found.candidates:
        return ""
    place = found.candidates.index(index)
    one = next(one for one in found.decision.against_default if one.setting == place)
    return SHORT.get(one.verdict, one.verdict)


def as_text(rows: Sequence[Sequence[str]], most: int | None = None) -> list[str]:
    """Return a table as lines of a screen.

    Args:
        rows: of cells, as many in each.
        most: characters in a line; ``None`` for any number. A wider table is continued below, with its first column
            repeated.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    parts = [[0]]
    for column in range(1, len(widths)):
        longer = [*parts[-1], column]
        if most is None or len(longer) == 2 or sum(widths[place] + 2 for place in longer) - 2 <= most:
            parts[-1] = longer
        else:
            parts.append([0, column])
    lines: list[str] = []
    for part in parts:
        lines += [""] if lines else []
        lines += ["  ".join(row[column].ljust(widths[column]) for column in part).rstrip() for row in rows]
    return lines


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def as_csv(found: SweepComparison) -> str:
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
    families = {"against_default": found.decision.against_default, "against_chosen": found.decision.against_chosen}
    tested = {
        family: {found.candidates[one.setting]: one for one in comparisons} for family, comparisons in families.items()
    }
    writer.writerow([*head, *(f"{family}/{name}" for family in families for name in tests), *names])
    for index, setting in enumerate(found.settings):
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
                finite(setting.floor),
                skill,
                *delta,
                verdict(found, index),
                *(cell for family in families for cell in _tested(tested[family].get(index))),
                *numbers,
            ]
        )
    return stream.getvalue()


def _tested(one: Comparison | None) -> list[Any]:
    if one is None:
        return [""] * 5
    return [finite(one.difference.mean), finite(one.difference.half_width), one.p, one.corrected, one.verdict]


def as_json(found: SweepComparison) -> dict[str, Any]:
    """Return the whole comparison as plain values; numbers that are none are null."""
    labels, everything = [one.label for one in found.settings], range(len(found.settings))
    methods = found.methods

    def interval(value: Interval) -> dict[str, Any]:
        return {"mean": finite(value.mean), "half_width": finite(value.half_width), "n": value.n}

    def comparison(one: Comparison, places: Sequence[int] = found.candidates) -> dict[str, Any]:
        return {
            "setting": labels[places[one.setting]],
            "difference": interval(one.difference),
            "p": one.p,
            "corrected": one.corrected,
            "smallest_reachable": one.reachable,
            "verdict": one.verdict,
            "least_seeds": one.least,
            "seeds_that_would_do": one.would_do,
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
            "floor_mean_iou": finite(one.floor),
            "skill_mean_iou": one.skill,
            "delta_m": None if one.delta_m is None else {"mean": one.delta_m[0], "terms": one.delta_m[1]},
        }

    front = found.front
    return {
        "metric": found.metric,
        "chosen": found.settings[found.chosen].label,
        "default": None if found.default is None else found.settings[found.default].label,
        "answers": answers(found),
        "seeds": found.seeds,
        "settings": [setting(one) for one in found.settings],
        "against_default": [comparison(one) for one in found.decision.against_default],
        "against_chosen": [comparison(one) for one in found.decision.against_chosen],
        "chosen_minus_default_by_task": {name: comparison(one, everything) for name, one in found.by_task.items()},
        "methods": methods
        and {
            "best_fixed": labels[methods.best_fixed],
            "against_best_fixed": [comparison(one, everything) for one in methods.against_fixed],
            "against_replay": [comparison(one, everything) for one in methods.against_replay],
            "equivalent": {labels[index]: labels[other] for index, (other, _) in methods.equivalent.items()},
        },
        "chosen_minus_default_over_examples": {name: list(ends) for name, ends in found.over_examples.items()},
        "front": {
            "settings": [found.settings[found.candidates[index]].label for index in front.best],
            "knee": None if front.knee is None else found.settings[found.candidates[front.knee]].label,
            "reference": list(front.reference),
            "hypervolume": interval(front.hypervolume),
            "attained": {str(share): corners.tolist() for share, corners in front.attained.items()},
        },
    }


def _percent(value: float | None) -> str:
    return "" if value is None else f"{round(value, 2) + 0.0:+.2f}"  # no -0.00


def _cell(interval: Interval) -> str:
    if interval.n == 0:
        return ""
    return f"{interval.mean:.4f}" + (f" ±{interval.half_width:.4f}" if math.isfinite(interval.half_width) else "")
