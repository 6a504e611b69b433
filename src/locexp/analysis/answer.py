"""The answer of a comparison, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from locexp.analysis.comparison import SweepComparison, tie_break_of
from locexp.analysis.decision import PairedTest
from locexp.analysis.methods import FIXED
from locexp.analysis.race_answer import chosen_by_race, confirmation, not_pursued
from locexp.analysis.range_words import on_equality, on_free_tests
from locexp.analysis.results import TITLES
from locexp.analysis.sentences import by_verdict, probability, seeds_it_takes, shortened
from locexp.analysis.statistics import seeds_needed
from locexp.configuration.schema import BBOX, CLASSIFICATION
from locexp.errors import counted, listed
from locexp.evaluation.metrics import sign_of
from locexp.records.sweep_list import setting_name

LEAST_TRIED = 4
"""Values of a key that make an axis, whose end is worth a word."""
NO_TABLES = "No intervals over test examples: a table predictions.csv is missing or cannot be read."


def answers(comparison: SweepComparison) -> list[str]:
    """Return the conclusions, a sentence or two each: which setting, against the default, the front, their limits."""
    if comparison.race is not None:
        sentences = [chosen_by_race(comparison) if comparison.is_final else _chosen(comparison)]
        sentences += [*_nothing_learned(comparison), *confirmation(comparison), *_by_task(comparison)]
        sentences += [
            *_at_an_end(comparison),
            *not_pursued(comparison),
            *on_equality(comparison),
            *on_free_tests(comparison),
        ]
        return [*sentences, _front(comparison)]
    sentences = [_chosen(comparison), *_nothing_learned(comparison)]
    if comparison.is_final:
        sentences.append(
            f"The comparison is among the {counted(len(comparison.candidates), 'setting')} that earlier stages chose, "
            "on fresh seeds that had no part in that choice; all verdicts are on these runs."
        )
    sentences += [*_limits_of_choice(comparison), *_at_an_end(comparison)]
    sentences += _against_default(comparison)
    sentences += _not_shown_worse(comparison)
    sentences += [*on_equality(comparison), *on_free_tests(comparison)]
    sentences += _methods(comparison)
    return [*sentences, _front(comparison)]


def _front(comparison: SweepComparison) -> str:
    front = comparison.front
    labels = [setting.label for setting in comparison.settings]
    best = shortened([labels[index] for index in front.best])
    knee = "" if front.knee is None else f" Its knee is {labels[front.knee]}."
    return (
        f"The accuracy–IoU front (means on test): {best}.{knee} Hypervolume per seed {front.hypervolume:.4f}, "
        f"measured from accuracy {front.reference[0]:.2f} and mean IoU {front.reference[1]:.3f}, which need no network."
    )


def cautions(comparison: SweepComparison) -> list[str]:
    """Return those conclusions without which the others may be taken for more than they are."""
    missing = [NO_TABLES] if comparison.over_examples is None else []
    return [*_nothing_learned(comparison), *_limits_of_choice(comparison), *_at_an_end(comparison), *missing]


def _nothing_learned(comparison: SweepComparison) -> list[str]:
    skills = [comparison.settings[index].skill for index in comparison.candidates]
    if not all(skill is not None and skill <= 0 for skill in skills):
        return []
    return ["No setting locates objects better than one constant box does: train longer before you trust a choice."]


def _at_an_end(comparison: SweepComparison) -> list[str]:
    """Say of which key the chosen value is the smallest or the largest that was tried: the best may lie beyond."""
    if _nothing_learned(comparison):
        return []
    chosen = comparison.settings[comparison.chosen].varied
    sentences = []
    for key in chosen:
        rest = chosen | {key: ""}
        values = [
            one.varied[key] for one in comparison.settings if key in one.varied and one.varied | {key: ""} == rest
        ]
        tried = {number for number in map(_number, values) if number > 0}
        value = _number(chosen[key])
        if len(tried) < LEAST_TRIED or value not in (min(tried), max(tried)):
            continue
        which, other = ("largest", "larger") if value == max(tried) else ("smallest", "smaller")
        name = setting_name({key: chosen[key]})
        sentences.append(f"{name} is the {which} of the {len(tried)} tried: a {other} one may be better.")
    return sentences


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _chosen(comparison: SweepComparison) -> str:
    chosen, title = comparison.settings[comparison.chosen], TITLES[comparison.metric]
    validation, test = (f"{part[comparison.metric]:.4f}" for part in (chosen.validation, chosen.test))
    count = len(chosen.runs)
    over = f"mean ± 95 % interval over {count} seeds" if count > 1 else "one seed, which says nothing about the spread"
    headline = f"accuracy {chosen.test['accuracy']:.4f}, mean IoU {chosen.test['mean_iou']:.4f}; {over}"
    if len(comparison.candidates) == 1:
        return (
            f"There is one setting, {chosen.label}, and nothing to choose from: its {title} is {validation} on "
            f"validation, and {test} on test ({headline})."
        )
    return f"Use {chosen.label}: it has the best {title} on validation ({validation}), and {test} on test ({headline})."


def _limits_of_choice(comparison: SweepComparison) -> list[str]:
    """Say what was equal to the chosen setting, and what could not be chosen."""
    choice = comparison.decision.choice
    sentences = []
    if choice.equal:
        equal = listed(comparison.settings[index].label for index in choice.equal)
        second = TITLES[tie_break_of(comparison.metric)]
        how = f"{second} decided" if choice.by_tie_break else f"so is {second}, so the first in the list was taken"
        sentences.append(f"Equal on validation: {equal}; {how}.")
    if choice.excluded:
        most = max(comparison.settings[index].test[comparison.metric].n for index in comparison.candidates)
        settings = [comparison.settings[index] for index in choice.excluded]
        excluded = listed(f"{setting.label} ({len(setting.runs)})" for setting in settings)
        sentences.append(f"Not eligible, because fewer than half of {counted(most, 'seed')} have finished: {excluded}.")
    if choice.adjusted:
        sentences.append(
            "Some runs are missing: settings were chosen by their means on validation after taking out the effect of "
            "each seed (two-way least squares), so none gains by lacking a bad seed. The table has plain means."
        )
    return sentences


def _against_default(comparison: SweepComparison) -> list[str]:
    if len(comparison.candidates) == 1:
        return []
    if comparison.default is None:
        return ["The default setting is not among those compared, so there are no tests against it."]
    chosen, default = comparison.settings[comparison.chosen].label, comparison.settings[comparison.default]
    keys = {key for index in comparison.candidates for key in comparison.settings[index].varied}
    are_weights = keys <= {CLASSIFICATION, BBOX}  # it may be the learning rate that varies
    are, they_reach, these_are = ("are", "they reach", "These are") if are_weights else ("is", "it reaches", "This is")
    name = f"{'default weights' if are_weights else 'default setting'} ({default.label})"
    if comparison.default == comparison.chosen:
        return [f"{these_are} the {name}: no other setting did better on validation."]
    tests = comparison.decision.against_default
    test = next(test for test in tests if test.setting == comparison.chosen)
    head = {
        "better": f"{chosen} is better than the {name}",
        "worse": f"The {name} {are} better on test, though not on validation",
        "no difference seen": f"No difference from the {name} was seen",
        "too few seeds to tell": f"Too few seeds to tell whether the {name} {are} worse",
    }[test.verdict]
    difference = replace(test.difference, mean=sign_of(comparison.metric) * test.difference.mean)
    sentences = [
        f"{head}: {they_reach} {default.test[comparison.metric]:.4f} on test; the difference is "
        f"{difference:+.4f} (Wilcoxon over {counted(test.difference.n, 'seed')}, p = "
        f"{probability(test.p)}, corrected {probability(test.corrected)}, smallest reachable "
        f"{probability(test.smallest_reachable_p)})."
    ]
    if test.verdict in ("no difference seen", "too few seeds to tell"):
        sentences[-1] += f" {seeds_it_takes(test)}"
    return [*sentences, *_by_task(comparison)]


def _by_task(comparison: SweepComparison) -> list[str]:
    """Say what is gained and lost by task against the default setting, if that is another one."""
    sentences = []
    parts = [
        f"{TITLES[task]} {test.difference:+.4f} ({test.verdict}"
        + (")" if test.verdict == "not tested" else f", p = {probability(test.corrected)})")
        for task, test in comparison.by_task.items()
    ]
    if parts:
        sentences.append("By task, chosen minus default: " + "; ".join(parts) + ".")
    if comparison.over_examples is None:
        sentences.append(NO_TABLES)
    elif comparison.over_examples:
        intervals = [
            f"{TITLES[key]} {low:+.4f} to {high:+.4f}" for key, (low, high) in comparison.over_examples.items()
        ]
        sentences.append(f"95 % bootstrap intervals of the difference over test examples: {'; '.join(intervals)}.")
    return sentences


def _not_shown_worse(comparison: SweepComparison) -> list[str]:
    """Say which settings the chosen one is not shown to beat."""
    tests = comparison.decision.against_chosen
    if not tests:
        return []
    settings_with = by_verdict(tests, [setting.label for setting in comparison.settings])
    sentences = []
    if better := settings_with.get("better"):
        sentences.append(f"Better than the chosen one on test, though not on validation: {shortened(better)}.")
    if undecided := settings_with.get("too few seeds to tell"):
        pairs = math.comb(len(comparison.candidates), 2)
        smallest = min(test.smallest_reachable_p for test in tests if test.verdict == "too few seeds to tell")
        over = f", corrected over all {pairs} pairs," if pairs > 1 else ""
        seeds = counted(len(comparison.settings[comparison.chosen].runs), "seed")
        which = f"{len(undecided)} of the {len(tests)} others are"
        if len(undecided) == len(tests):
            which = "the other one is" if len(tests) == 1 else f"the {len(tests)} others are"
        sentences.append(
            f"Whether {which} worse than the chosen one cannot be decided with {seeds}: the smallest p they can "
            f"give{over} is {probability(smallest)}; at least {seeds_needed(pairs)} seeds are needed."
        )
        if len(undecided) < len(tests):
            sentences[-1] += f" These are: {shortened(undecided)}."
    if equal := settings_with.get("no difference seen"):
        sentences.append(f"Not shown to be worse than the chosen one: {shortened(equal)}.")
    if settings_with.keys() == {"worse"}:
        sentences.append("Every other setting is worse than the chosen one (corrected over all pairs).")
    return sentences


def _methods(comparison: SweepComparison) -> list[str]:
    """Say whether weighting methods do better than the best fixed weights, and than their own mean weights."""
    methods = comparison.methods
    if methods is None:
        return []
    sign = sign_of(comparison.metric)
    best, tests = comparison.settings[methods.best_fixed], methods.against_fixed
    # Where nothing else varies among the methods, their names are enough.
    are_named = len({comparison.settings[test.setting].method for test in tests}) == len(tests)
    labels = [
        setting.method if are_named and setting.method != FIXED else setting.label for setting in comparison.settings
    ]
    sentences = [
        f"The best fixed weights on validation, of {methods.fixed} tried, are {best.label} "
        f"({best.test[comparison.metric]:.4f} on test). Against these, {_verdicts(tests, labels, sign)} (on test; "
        "Wilcoxon over seeds, corrected by Holm over the methods; for “worse”, over all "
        f"{len(tests) * methods.fixed} pairs of a method and fixed weights, since the best ones were picked)."
    ]
    candidates = [comparison.settings[index] for index in comparison.candidates]
    ratios = [setting.ratio for setting in candidates if setting.method == FIXED]
    if methods.fixed > 1 and best.ratio in (min(ratios), max(ratios)):
        sentences[-1] += " They are at an end of the range that was tried: weights beyond it may be better still."
    if methods.against_replay:
        sentences.append(
            f"Against their own mean weights, frozen (the replay), {_verdicts(methods.against_replay, labels, sign)}. "
            "A method that does no better than its replay has found weights, but nothing that fixed ones cannot give."
        )
    for index, (other, difference) in methods.equivalent.items():
        sentences.append(
            f"{labels[index]} is not counted: with two tasks it takes the direction of {labels[other]}; {difference}."
        )
    return sentences


def _verdicts(tests: Sequence[PairedTest], labels: Sequence[str], sign: float) -> str:
    """Put verdicts into words: ``1 of 3 methods does better (a); worse: b; no difference seen: c (…)``."""
    settings_with = by_verdict(tests, labels)
    better = settings_with.pop("better", [])
    methods = counted(len(tests), "method")
    parts = [f"none of {methods} does better"]
    if better:
        do = "does" if len(better) == 1 else "do"
        parts = [f"{len(better)} of {methods} {do} better ({', '.join(better)})"]
    for verdict, names in settings_with.items():
        parts.append(f"{verdict}: {', '.join(names)}")
        if verdict == "no difference seen":
            # That no difference was seen does not make it zero.
            unseen = [test.difference for test in tests if test.verdict == verdict]
            known = [interval for interval in unseen if math.isfinite(interval.half_width)]
            ends = [sign * interval.mean + side * interval.half_width for interval in known for side in (-1, 1)]
            parts[-1] += f" (their 95 % intervals reach from {min(ends):+.4f} to {max(ends):+.4f})"
    return "; ".join(parts)
