"""What a comparison says, in sentences and tables."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from locexp.analysis.comparison import SettingSummary, SweepComparison, finite
from locexp.analysis.decision import Comparison
from locexp.analysis.results import METRICS
from locexp.analysis.statistics import Interval, seeds_needed

TITLES = {
    "accuracy": "accuracy",
    "mean_iou": "mean IoU",
    "loc_acc_50": "loc_acc_50",
    "loc_acc_75": "loc_acc_75",
    "center_error_px": "centre error, px",
}
SHORT = {"no difference seen": "no difference seen", "too few seeds to tell": "too few seeds"}


def answers(found: SweepComparison) -> list[str]:
    """Return the conclusion, a sentence or two each: which setting, against the default, the front, its limits."""
    chosen = found.settings[found.chosen]
    name = TITLES[found.metric]
    said = [
        f"Use {chosen.label}: it has the best {name} on validation "
        f"({_value(chosen.validation[found.metric])}), and {_value(chosen.test[found.metric])} on test "
        f"(accuracy {_value(chosen.test['accuracy'])}, mean IoU {_value(chosen.test['mean_iou'])}; "
        f"mean ± 95 % interval over {_seeds(chosen.test[found.metric].n)})."
    ]
    said += _against_default(found)
    said += _ties(found)
    front = found.front
    best = ", ".join(found.settings[found.candidates[index]].label for index in front.best)
    knee = f" Its knee is {found.settings[found.candidates[front.knee]].label}." if front.knee is not None else ""
    said.append(
        f"The accuracy–IoU front (means on test): {best}.{knee} Hypervolume per seed {_value(front.hypervolume)} "
        f"against accuracy {front.reference[0]:.2f} and mean IoU {front.reference[1]:.3f}, which need no network."
    )
    return said


def _against_default(found: SweepComparison) -> list[str]:
    if found.default is None:
        return ["The default weights are not among the settings, so nothing is said of them."]
    default = found.settings[found.default]
    if found.default == found.chosen:
        return [f"These are the default weights ({default.label}): no other setting did better on validation."]
    verdict = next(one for one in found.decision.against_default if found.candidates[one.setting] == found.chosen)
    head = {
        "better": f"The default weights ({default.label}) are not a good choice here",
        "worse": f"The default weights ({default.label}) are better on test, though not on validation",
        "no difference seen": f"No difference from the default weights ({default.label}) was seen",
        "too few seeds to tell": f"Too few seeds to tell whether the default weights ({default.label}) are worse",
    }[verdict.verdict]
    sign = -1.0 if found.metric == "center_error_px" else 1.0
    difference = Interval(sign * verdict.difference.mean, verdict.difference.half_width, verdict.difference.n)
    said = [
        f"{head}: they reach {_value(default.test[found.metric])} on test; the difference is {_signed(difference)} "
        f"({_test(verdict)})."
    ]
    if verdict.verdict in ("no difference seen", "too few seeds to tell"):
        said[-1] += f" {_would_do(verdict, len(found.candidates) - 1)}"
    parts = [
        f"{TITLES[task]} {_signed(one.difference)} ({one.verdict}, p = {_p(one.corrected)})"
        for task, one in found.by_task.items()
    ]
    if parts:
        said.append("By task, chosen minus default: " + "; ".join(parts) + ".")
    if found.over_examples:
        intervals = [f"{TITLES[key]} {low:+.4f} to {high:+.4f}" for key, (low, high) in found.over_examples.items()]
        said.append("Over test examples (bootstrap, 95 %) the difference lies in: " + "; ".join(intervals) + ".")
    return said


def _ties(found: SweepComparison) -> list[str]:
    """Say which settings the chosen one is not shown to beat."""
    against = found.decision.against_chosen
    if not against:
        return []
    reachable = max(one.reachable for one in against)
    labels = [
        found.settings[found.candidates[one.setting]].label for one in against if one.verdict == "no difference seen"
    ]
    few = [one for one in against if one.verdict == "too few seeds to tell"]
    if few:
        pairs = len(found.candidates) * (len(found.candidates) - 1) // 2
        whom = "the other one is" if len(against) == 1 else f"{len(few)} of the {len(against)} others are"
        over = f"over all {pairs} pairs " if pairs > 1 else ""
        return [
            f"Whether {whom} worse than the chosen one cannot be told with {_seeds(found.decision.seeds)}: {over}the "
            f"smallest corrected p is {_p(reachable)}; {seeds_needed(pairs)} seeds are the least that could."
        ]
    if labels:
        return [f"Not shown to be worse than the chosen one: {', '.join(labels)}."]
    return ["Every other setting is worse than the chosen one (corrected over all pairs)."]


def _would_do(one: Comparison, comparisons: int) -> str:
    if one.would_do is None:
        return "So small a difference would take more than 1000 seeds to show."
    return (
        f"A difference like this one would take about {max(one.would_do, seeds_needed(comparisons))} seeds to show "
        f"(power .8)."
    )


def _test(one: Comparison) -> str:
    return (
        f"Wilcoxon over {_seeds(one.difference.n)}, p = {_p(one.p)}, corrected {_p(one.corrected)}, smallest reachable "
        f"{_p(one.reachable)}"
    )


def _seeds(count: int) -> str:
    return f"{count} seed" if count == 1 else f"{count} seeds"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1g}"


def _value(interval: Interval) -> str:
    return (
        f"{interval.mean:.4f} ± {interval.half_width:.4f}"
        if math.isfinite(interval.half_width)
        else (f"{interval.mean:.4f}")
    )


def _cell(interval: Interval) -> str:
    return f"{interval.mean:.4f}" + (f" ±{interval.half_width:.4f}" if math.isfinite(interval.half_width) else "")


def _signed(interval: Interval) -> str:
    return f"{interval.mean:+.4f}" + (f" ± {interval.half_width:.4f}" if math.isfinite(interval.half_width) else "")


COLUMNS = ("setting", "n", "failed", "accuracy", "mean IoU", "skill", "loc_acc_50", "loc_acc_75", "Δm %", "verdict")


def table(found: SweepComparison) -> list[list[str]]:
    """Return the table that is read: one row a setting, by its ratio of weights; the first row holds the titles."""
    rows = [list(COLUMNS)]
    for index in _ordered(found):
        setting = found.settings[index]
        cells = [setting.label + _mark(found, index), str(setting.test["accuracy"].n), str(setting.runs.failures)]
        cells += [_cell(setting.test[name]) for name in ("accuracy", "mean_iou")]
        cells += ["" if setting.skill is None else f"{setting.skill:+.3f}"]
        cells += [_cell(setting.test[name]) for name in ("loc_acc_50", "loc_acc_75")]
        cells += ["" if setting.delta_m is None else f"{setting.delta_m[0]:+.2f}", verdict(found, index)]
        rows.append(cells)
    return rows


def _ordered(found: SweepComparison) -> list[int]:
    def key(index: int) -> tuple[Any, ...]:
        setting = found.settings[index].runs
        others = [value for name, value in setting.varied.items() if not name.startswith("loss.")]
        return others, setting.ratio

    return sorted(range(len(found.settings)), key=key)


def _mark(found: SweepComparison, index: int) -> str:
    marks = [name for name, place in (("chosen", found.chosen), ("default", found.default)) if place == index]
    if found.settings[index].runs.single_task:
        marks.append(f"{found.settings[index].runs.single_task} alone")
    return f" ({', '.join(marks)})" if marks else ""


def verdict(found: SweepComparison, index: int) -> str:
    """Return what the tests say of a setting against the default one."""
    if found.default is None or index == found.default or index not in found.candidates:
        return ""
    place = found.candidates.index(index)
    one = next(one for one in found.decision.against_default if one.setting == place)
    return SHORT.get(one.verdict, one.verdict)


def as_text(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table as lines of a screen."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def as_csv(found: SweepComparison) -> str:
    """Return every number of the settings as CSV: mean, half width and n of each metric on test and validation."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    parts = ("mean", "half_width", "n")
    names = [f"{part}/{name}/{which}" for part in ("test", "kept") for name in METRICS for which in parts]
    writer.writerow(["setting", "config_hash", "failed", "floor/mean_iou", "skill", "delta_m", "verdict", *names])
    for index, setting in enumerate(found.settings):
        intervals = [part[name] for part in (setting.test, setting.validation) for name in METRICS]
        numbers = [getattr(interval, which) for interval in intervals for which in parts]
        delta = "" if setting.delta_m is None else setting.delta_m[0]
        runs = setting.runs
        skill = "" if setting.skill is None else setting.skill
        writer.writerow(
            [
                setting.label,
                runs.config_hash,
                runs.failures,
                setting.floor,
                skill,
                delta,
                verdict(found, index),
                *numbers,
            ]
        )
    return stream.getvalue()


def as_json(found: SweepComparison) -> dict[str, Any]:
    """Return the whole comparison as plain values; numbers that are none are null."""

    def interval(value: Interval) -> dict[str, Any]:
        return {"mean": finite(value.mean), "half_width": finite(value.half_width), "n": value.n}

    def comparison(one: Comparison) -> dict[str, Any]:
        return {
            "setting": found.settings[found.candidates[one.setting]].label,
            "difference": interval(one.difference),
            "p": one.p,
            "corrected": one.corrected,
            "smallest_reachable": one.reachable,
            "verdict": one.verdict,
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
            "floor_mean_iou": one.floor,
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
        "chosen_minus_default_by_task": {name: comparison(one) for name, one in found.by_task.items()},
        "chosen_minus_default_over_examples": {name: list(ends) for name, ends in found.over_examples.items()},
        "front": {
            "settings": [found.settings[found.candidates[index]].label for index in front.best],
            "knee": None if front.knee is None else found.settings[found.candidates[front.knee]].label,
            "reference": list(front.reference),
            "hypervolume": interval(front.hypervolume),
            "attained": {str(share): corners.tolist() for share, corners in front.attained.items()},
        },
    }
