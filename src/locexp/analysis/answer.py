"""What a comparison says, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable

from locexp.analysis.comparison import SweepComparison, tie_break_of
from locexp.analysis.decision import Comparison, Verdict, pairs_of
from locexp.analysis.methods import by_verdict
from locexp.analysis.statistics import Interval, seeds_needed

VERDICTS: tuple[Verdict, ...] = ("better", "worse", "no difference seen", "too few seeds to tell")
TITLES = {
    "accuracy": "accuracy",
    "mean_iou": "mean IoU",
    "loc_acc_50": "loc_acc_50",
    "loc_acc_75": "loc_acc_75",
    "center_error_px": "centre error, px",
}


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
    said += _choice(found)
    said += _against_default(found)
    said += _ties(found)
    said += _methods(found)
    front = found.front
    best = ", ".join(found.settings[found.candidates[index]].label for index in front.best)
    knee = f" Its knee is {found.settings[found.candidates[front.knee]].label}." if front.knee is not None else ""
    said.append(
        f"The accuracy–IoU front (means on test): {best}.{knee} Hypervolume per seed {_value(front.hypervolume)} "
        f"against accuracy {front.reference[0]:.2f} and mean IoU {front.reference[1]:.3f}, which need no network."
    )
    return said


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
        said.append(f"Not to choose from, for fewer than two thirds of {_seeds(most)} have finished: {few}.")
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
    by = {verdict: _labels(found, (one.setting for one in against if one.verdict == verdict)) for verdict in VERDICTS}
    few, said = by["too few seeds to tell"], []
    pairs = pairs_of(len(found.candidates))
    over = f"over all {pairs} pairs " if pairs > 1 else ""
    if by["better"]:
        said.append(f"Better than the chosen one on test, though not on validation: {', '.join(by['better'])}.")
    if few:
        reachable = min(one.reachable for one in against if one.verdict == "too few seeds to tell")
        whom = "the other one is" if len(against) == 1 else f"{len(few)} of the {len(against)} others are"
        said.append(
            f"Whether {whom} worse than the chosen one cannot be told with {_seeds(found.decision.seeds)}: {over}the "
            f"smallest corrected p is {_p(reachable)}; {seeds_needed(pairs)} seeds are the least that could."
        )
        if len(few) < len(against):
            said[-1] += f" These are: {', '.join(few)}."
    if by["no difference seen"]:
        said.append(f"Not shown to be worse than the chosen one: {', '.join(by['no difference seen'])}.")
    if len(by["worse"]) == len(against):
        said.append("Every other setting is worse than the chosen one (corrected over all pairs).")
    return said


def _methods(found: SweepComparison) -> list[str]:
    """Say whether weighting methods do better than the best fixed weights, and than their own mean weights."""
    methods = found.methods
    if methods is None:
        return []
    labels = {index: one.label for index, one in enumerate(found.settings)}
    best = found.settings[methods.best_fixed]
    said = [
        f"The best fixed weights on validation are {best.label} ({_value(best.test[found.metric])} on test). Against "
        f"these, of {len(methods.against_fixed)} methods {_counted(by_verdict(methods.against_fixed, labels))} "
        "(on test; Wilcoxon over seeds, corrected by Holm over the methods)."
    ]
    if methods.against_replay:
        said.append(
            f"Against their own mean weights, frozen, of {len(methods.against_replay)} methods "
            f"{_counted(by_verdict(methods.against_replay, labels))}."
        )
    for index, (other, difference) in methods.equivalent.items():
        said.append(
            f"{labels[index]} is not counted: with two tasks it takes the direction of {labels[other]}; {difference}."
        )
    return said


def _counted(labels: dict[str, list[str]]) -> str:
    """Put verdicts into words: ``none does better; worse: a, b; no difference seen: c``."""
    better = labels.get("better", [])
    parts = [f"{len(better)} do better ({', '.join(better)})" if better else "none does better"]
    parts += [f"{verdict}: {', '.join(names)}" for verdict, names in labels.items() if verdict != "better"]
    return "; ".join(parts)


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


def _signed(interval: Interval) -> str:
    return f"{interval.mean:+.4f}" + (f" ± {interval.half_width:.4f}" if math.isfinite(interval.half_width) else "")
