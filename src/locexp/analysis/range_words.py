"""Practical equality, and what costs nothing, in words."""

from __future__ import annotations

from dataclasses import replace

from locexp.analysis.comparison import SweepComparison
from locexp.analysis.digits import known
from locexp.analysis.equality import LEAST_SEEDS, Verdict, equal_range
from locexp.analysis.free import FreeWeights, Step
from locexp.analysis.margins import as_loss, as_margin
from locexp.configuration.schema import BBOX
from locexp.errors import counted, listed
from locexp.evaluation.metrics import sign_of

ALONE = {"classification": "the class alone", "bbox": "the box alone"}
OTHER = {"classification": "box", "bbox": "class"}
VERDICTS: tuple[Verdict, ...] = ("as good", "worse", "open")


def range_of_weights(comparison: SweepComparison) -> str:
    """Return which weights around the chosen ones are as good as the best; empty where no second one is shown to be."""
    if comparison.equality is None:
        return ""
    found = equal_range(comparison.settings, comparison.equality, comparison.chosen)
    if len(found) < 2:
        return ""
    low, high = (_value(comparison, index) for index in (found[0], found[-1]))
    what = "weights" if _bbox_alone_varies(comparison) else "ratios"
    margin = as_margin(comparison.metric, comparison.equality.margin)
    return f"of the {what} tried from {low} to {high}, none loses {margin}"


def on_equality(comparison: SweepComparison) -> list[str]:
    """Return which settings are as good as the best, worse, and open."""
    equality = comparison.equality
    if equality is None:
        return []
    labels = {verdict: [comparison.settings[index].label for index in equality.having(verdict)] for verdict in VERDICTS}
    parts = [f"{verdict}: {listed(labels[verdict]) or 'none'}" for verdict in VERDICTS]
    sentences = [
        f"Which settings lose less than {as_loss(comparison.metric, equality.margin)} against every other, so against "
        "the best, whichever that is (max-t over flips of signs, p at most .05 for the whole sweep)? "
        f"{'; '.join(parts)}."
    ]
    most = max(len(comparison.settings[index].runs) for index in comparison.candidates)
    if most < LEAST_SEEDS:
        sentences[-1] += f" With {counted(most, 'seed')} none can be told; at least {LEAST_SEEDS} are needed."
    return sentences


def on_free(comparison: SweepComparison) -> list[str]:
    """Return, for each metric that is to be kept, the most weight of the other task that costs less than the margin."""
    return [_free(comparison, found) for found in comparison.free]


def on_free_tests(comparison: SweepComparison) -> list[str]:
    """Return the tests behind :func:`on_free`, in words."""
    return [f"{_free(comparison, found)} {_tests(comparison, found)}" for found in comparison.free]


def _free(comparison: SweepComparison, found: FreeWeights) -> str:
    step, other = found.last or found.steps[0], OTHER[found.task]
    most, name = as_loss(found.metric, found.margin), _name(comparison, step.setting)
    head = f"The most {other} for free: {name} loses"
    if found.last is None:
        head = f"No {other} for free: {name} is not shown to lose"
    return f"{head} less than {most} against {ALONE[found.task]} ({_difference(found, step)})."


def _tests(comparison: SweepComparison, found: FreeWeights) -> str:
    way = "rising" if found.task == "classification" else "falling"
    passed = sum(step.is_kept for step in found.steps)
    text = f"Tested in {way} weight of the box, each by a paired one-sided t test at 5 %: {passed} passed"
    if found.failed is None:
        text += ", which are all that were tried."
    else:
        failed = _name(comparison, found.failed.setting)
        text += f"; {failed} did not ({_difference(found, found.failed)}), which ends it."
    if found.over_examples is not None and found.last is not None:
        low, high = found.over_examples
        last = _name(comparison, found.last.setting)
        text += f" Over test examples, {last}: {low:+.4f} to {high:+.4f} (95 % bootstrap)."
    return text


def _difference(found: FreeWeights, step: Step) -> str:
    difference = step.difference
    if difference.n < 2:
        return "fewer than two common seeds"
    shown = known(replace(difference, mean=sign_of(found.metric) * difference.mean), sign="+")
    return f"{shown}, p = {step.p:.1g}, {counted(difference.n, 'seed')}"


def _name(comparison: SweepComparison, index: int) -> str:
    return _value(comparison, index) if _bbox_alone_varies(comparison) else comparison.names[index]


def _value(comparison: SweepComparison, index: int) -> str:
    """Return a weight of the box, or a ratio of weights where both vary."""
    if _bbox_alone_varies(comparison):
        return comparison.names[index].partition("=")[2]
    return f"{comparison.settings[index].ratio:.3g}"


def _bbox_alone_varies(comparison: SweepComparison) -> bool:
    return all(tuple(comparison.settings[index].varied) == (BBOX,) for index in comparison.candidates)
