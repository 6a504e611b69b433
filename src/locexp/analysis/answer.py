"""What a comparison says, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from locexp.analysis.comparison import SweepComparison, sign_of, tie_break_of
from locexp.analysis.decision import Comparison, Verdict, pairs_of
from locexp.analysis.methods import FIXED, by_verdict
from locexp.analysis.statistics import Interval, seeds_needed
from locexp.analysis.summary import SettingSummary
from locexp.analysis.wording import TITLES, named, probability, seeds, signed, value
from locexp.configuration.schema import BBOX, CLASSIFICATION

VERDICTS: tuple[Verdict, ...] = ("better", "worse", "no difference seen", "too few seeds to tell")


def answers(found: SweepComparison) -> list[str]:
    """Return the conclusion, a sentence or two each: which setting, against the default, the front, its limits."""
    said = [_use(found)]
    skills = [found.settings[index].skill for index in found.candidates]
    if all(skill is not None and skill <= 0 for skill in skills):
        said.append("No setting boxes better than one constant box does: train longer before you believe a choice.")
    if found.is_final:
        said.append(
            f"Compared are the {len(found.candidates)} settings that earlier stages chose, on fresh seeds that had no "
            "part in that choice; all verdicts are on these runs."
        )
    said += _choice(found)
    said += _against_default(found)
    said += _ties(found)
    said += _methods(found)
    front = found.front
    best = named(_labels(found, front.best))
    knee = f" Its knee is {found.settings[found.candidates[front.knee]].label}." if front.knee is not None else ""
    said.append(
        f"The accuracy–IoU front (means on test): {best}.{knee} Hypervolume per seed {value(front.hypervolume)} "
        f"against accuracy {front.reference[0]:.2f} and mean IoU {front.reference[1]:.3f}, which need no network."
    )
    return said


def _use(found: SweepComparison) -> str:
    chosen, name = found.settings[found.chosen], TITLES[found.metric]
    validation, test = value(chosen.validation[found.metric]), value(chosen.test[found.metric])
    beside = f"accuracy {value(chosen.test['accuracy'])}, mean IoU {value(chosen.test['mean_iou'])}; {_over(chosen)}"
    if len(found.candidates) == 1:
        return (
            f"There is one setting, {chosen.label}, and nothing to choose from: its {name} is {validation} on "
            f"validation, and {test} on test ({beside})."
        )
    return f"Use {chosen.label}: it has the best {name} on validation ({validation}), and {test} on test ({beside})."


def _over(setting: SettingSummary) -> str:
    count = len(setting.runs.runs)
    return f"mean ± 95 % interval over {seeds(count)}" if count > 1 else "one seed, which says nothing of the spread"


def _choice(found: SweepComparison) -> list[str]:
    """Say what was equal to the chosen setting, and what could not be chosen."""
    choice = found.decision.choice
    said = []
    if choice.equal:
        equal = ", ".join(_labels(found, choice.equal))
        second = TITLES[tie_break_of(found.metric)]
        how = (
            f"the choice fell by {second}"
            if choice.by_tie_break
            else f"so is {second}; the first of the list was taken"
        )
        said.append(f"Equal on validation: {equal}; {how}.")
    if choice.excluded:
        most = max(found.settings[index].test[found.metric].n for index in found.candidates)
        settings = [found.settings[found.candidates[index]] for index in choice.excluded]
        few = ", ".join(f"{one.label} ({len(one.runs.runs)})" for one in settings)
        said.append(f"Not to choose from, for fewer than half of {seeds(most)} have finished: {few}.")
    if choice.adjusted:
        said.append(
            "Some runs are missing: settings were chosen by their means on validation after taking out what each seed "
            "gives (two-way least squares), so none gains by lacking a bad seed. The table has plain means."
        )
    return said


def _labels(found: SweepComparison, places: Iterable[int]) -> list[str]:
    """Return the labels of candidates."""
    return [found.settings[found.candidates[place]].label for place in places]


def _against_default(found: SweepComparison) -> list[str]:
    if len(found.candidates) == 1:
        return []
    if found.default is None:
        return ["The default setting is not among those compared, so nothing is said of it."]
    chosen, default = found.settings[found.chosen].label, found.settings[found.default]
    keys = {key for index in found.candidates for key in found.settings[index].runs.varied}
    # What varies may be the learning rate: then it is no matter of weights.
    plural = keys <= {CLASSIFICATION, BBOX}
    are, they_reach, these_are = ("are", "they reach", "These are") if plural else ("is", "it reaches", "This is")
    name = f"{'default weights' if plural else 'default setting'} ({default.label})"
    if found.default == found.chosen:
        return [f"{these_are} the {name}: no other setting did better on validation."]
    verdict = next(one for one in found.decision.against_default if found.candidates[one.setting] == found.chosen)
    head = {
        "better": f"{chosen} is better than the {name}",
        "worse": f"The {name} {are} better on test, though not on validation",
        "no difference seen": f"No difference from the {name} was seen",
        "too few seeds to tell": f"Too few seeds to tell whether the {name} {are} worse",
    }[verdict.verdict]
    sign = sign_of(found.metric)
    difference = Interval(sign * verdict.difference.mean, verdict.difference.half_width, verdict.difference.n)
    said = [
        f"{head}: {they_reach} {value(default.test[found.metric])} on test; the difference is {signed(difference)} "
        f"({_test(verdict)})."
    ]
    if verdict.verdict in ("no difference seen", "too few seeds to tell"):
        said[-1] += f" {_would_do(verdict)}"
    parts = [
        f"{TITLES[task]} {signed(one.difference)} ({one.verdict}, p = {probability(one.corrected)})"
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
    by = {verdict: _labels(found, (one.setting for one in against if one.verdict == verdict)) for verdict in VERDICTS}
    few, said = by["too few seeds to tell"], []
    pairs = pairs_of(len(found.candidates))
    over = f"over all {pairs} pairs " if pairs > 1 else ""
    if by["better"]:
        said.append(f"Better than the chosen one on test, though not on validation: {named(by['better'])}.")
    if few:
        reachable = min(one.reachable for one in against if one.verdict == "too few seeds to tell")
        whom = "the other one is" if len(against) == 1 else f"{len(few)} of the {len(against)} others are"
        said.append(
            f"Whether {whom} worse than the chosen one cannot be told with {seeds(found.decision.seeds)}: {over}the "
            f"smallest corrected p is {probability(reachable)}; {seeds_needed(pairs)} seeds are the least that could."
        )
        if len(few) < len(against):
            said[-1] += f" These are: {named(few)}."
    if by["no difference seen"]:
        said.append(f"Not shown to be worse than the chosen one: {named(by['no difference seen'])}.")
    if len(by["worse"]) == len(against):
        said.append("Every other setting is worse than the chosen one (corrected over all pairs).")
    return said


def _methods(found: SweepComparison) -> list[str]:
    """Say whether weighting methods do better than the best fixed weights, and than their own mean weights."""
    methods = found.methods
    if methods is None:
        return []
    labels = {index: one.label for index, one in enumerate(found.settings)}
    names = [found.settings[one.setting].runs.method for one in methods.against_fixed]
    if len(set(names)) == len(names):  # nothing else varies among the methods, so their names will do
        labels = {
            index: one.runs.method if one.runs.method != FIXED else one.label
            for index, one in enumerate(found.settings)
        }
    sign = sign_of(found.metric)
    best, against = found.settings[methods.best_fixed], methods.against_fixed
    said = [
        f"The best fixed weights on validation are {best.label} ({value(best.test[found.metric])} on test), of "
        f"{methods.fixed}. Against these, of {_methods_counted(against, labels, sign)} (on test; Wilcoxon over seeds, "
        f"corrected by Holm over the methods; for “worse”, over all {len(against) * methods.fixed} pairs of a method "
        "and fixed weights, since the best ones were picked)."
    ]
    fixed = [one for one in (found.settings[index] for index in found.candidates) if one.runs.method == FIXED]
    if methods.fixed > 1 and best.runs.ratio in (
        min(one.runs.ratio for one in fixed),
        max(one.runs.ratio for one in fixed),
    ):
        said[-1] += " They lie at an end of what was tried: weights beyond it may be better still."
    if methods.against_replay:
        said.append(
            f"Against their own mean weights, frozen, of {_methods_counted(methods.against_replay, labels, sign)}. A "
            "method that does no better than its replay has found weights, and nothing that fixed ones could not give."
        )
    for index, (other, difference) in methods.equivalent.items():
        said.append(
            f"{labels[index]} is not counted: with two tasks it takes the direction of {labels[other]}; {difference}."
        )
    return said


def _methods_counted(comparisons: Sequence[Comparison], labels: Mapping[int, str], sign: float) -> str:
    """Put verdicts into words: ``3 methods none does better; worse: a, b; no difference seen: c``."""
    by = by_verdict(comparisons, labels)
    better = by.pop("better", [])
    do = "does" if len(better) == 1 else "do"
    parts = [f"{len(better)} {do} better ({', '.join(better)})" if better else "none does better"]
    for verdict, names in by.items():
        parts.append(f"{verdict}: {', '.join(names)}")
        if verdict == "no difference seen":
            parts[-1] += f" ({_left_open([one for one in comparisons if one.verdict == verdict], sign)})"
    return f"{len(comparisons)} {'method' if len(comparisons) == 1 else 'methods'} {'; '.join(parts)}"


def _left_open(comparisons: Sequence[Comparison], sign: float) -> str:
    """Say how large differences may be that were not seen: that none was seen does not make them zero."""
    known = [one.difference for one in comparisons if math.isfinite(one.difference.half_width)]
    ends = [sign * one.mean + side * one.half_width for one in known for side in (-1, 1)]
    low, high = min(ends), max(ends)
    return f"their 95 % intervals reach from {low:+.4f} to {high:+.4f}"


def _would_do(one: Comparison) -> str:
    if one.difference.n < 2:
        return f"One seed says nothing of the spread; {one.least} seeds are the least that could tell."
    if one.difference.mean == one.difference.half_width == 0:
        return "The runs are equal, seed by seed."
    if one.would_do is None:
        return "So small a difference would take more than 1000 seeds to show."
    return f"A difference like this one would take about {one.would_do} seeds to show (power .8)."


def _test(one: Comparison) -> str:
    return (
        f"Wilcoxon over {seeds(one.difference.n)}, p = {probability(one.p)}, corrected {probability(one.corrected)}, "
        f"smallest reachable {probability(one.reachable)}"
    )
