"""The answer of a comparison in three lines: what to use, how sure that is, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from locexp.analysis.comparison import SweepComparison
from locexp.analysis.decision import PairedTest
from locexp.analysis.digits import known, short
from locexp.analysis.range_words import range_of_weights
from locexp.analysis.results import TASKS, TITLES
from locexp.analysis.sentences import probability
from locexp.errors import abbreviated, counted, listed, verb

LONGEST_NAMED = 14
"""Other settings are named where that takes so many characters at most; else they are counted."""

LEAST_GAP = 0.001
"""Smaller differences of means are not shown in digits."""


def headline(comparison: SweepComparison, *, longest_name: int | None = None) -> list[str]:
    """Return what to use, how sure that is, and what it costs: at most three sentences.

    They say less than :func:`~locexp.analysis.answer.answers`; where there is no default to compare with, the cost is
    the difference of means from the best of each task, which is no test.

    Args:
        comparison: of the sweep.
        longest_name: characters of a setting's name at most; ``None`` for any number.
    """
    names = [name if longest_name is None else abbreviated(name, longest_name) for name in comparison.names]
    if comparison.race is not None:
        return [_use(comparison, names, is_brief=True), _sure_of_race(comparison, names), _cost(comparison, names)]
    if len(comparison.candidates) == 1:
        return _alone(comparison, names)
    return [_use(comparison, names), _sure(comparison, names), _cost(comparison, names)]


def _alone(comparison: SweepComparison, names: Sequence[str]) -> list[str]:
    """Say what there is of a single setting; a sweep may have others that cannot be chosen."""
    what, other = "One setting to choose from", "other that could be chosen"
    if comparison.is_final:
        what, other = "One final setting", "other final setting to compare it with"
    elif len(comparison.settings) == 1:
        what, other = "One setting", "other setting to compare it with"
    is_default = ", the default" if comparison.is_final and comparison.default == comparison.chosen else ""
    return [
        f"{what}, {names[comparison.chosen]}{is_default}: {_value(comparison)}.",
        f"{_seeds(comparison)}, and no {other}.",
    ]


def _value(comparison: SweepComparison, *, is_brief: bool = False) -> str:
    metric = comparison.metric
    interval = comparison.settings[comparison.chosen].test[metric]
    return f"{TITLES[metric]} {short(interval) if is_brief else known(interval)} on test"


def _use(comparison: SweepComparison, names: Sequence[str], *, is_brief: bool = False) -> str:
    chosen, default, metric = comparison.chosen, comparison.default, comparison.metric
    value = _value(comparison, is_brief=is_brief)
    if default == chosen:
        return f"Use {names[chosen]}, the default: {value}."
    if default is None:
        return f"Use {names[chosen]}: {value}."
    other = short(comparison.settings[default].test[metric])
    return f"Use {names[chosen]}: {value} (default {_named(comparison, [default], names)}: {other})."


def _sure(comparison: SweepComparison, names: Sequence[str]) -> str:
    decision, chosen = comparison.decision, comparison.chosen
    test = next((test for test in decision.against_default if test.setting == chosen), None)
    seeds = _seeds(comparison, test)
    others, lead = _others(comparison, names)
    methods = _methods(comparison, names)
    if test is None:
        return f"{lead}: {others} ({seeds}){f'; {methods}' if methods else ''}."
    if test.difference.n == 0:
        return "Not sure: no seed has finished of both it and the default."
    if test.verdict == "too few seeds to tell":
        return f"Not sure: {_cannot_tell(test, seeds, 'the default')}."
    if lead != "Careful":
        others = methods or others
    by, by_luck = _by(test.corrected, seeds)
    rest = f"; {others}" if others and test.verdict != "no difference seen" else ""  # nothing is shown, so that is all
    heads = {
        "better": f"Sure: better than the default {by_luck}",
        "worse": f"Careful: on test the default is better {by_luck}",
        "no difference seen": f"Not sure: no difference from the default seen {by}",
    }
    return f"{heads[test.verdict]}{rest}."


def _sure_of_race(comparison: SweepComparison, names: Sequence[str]) -> str:
    """Return what the confirmation of a race has shown, and how much was not pursued."""
    tests, dropped = comparison.decision.against_chosen[:2], len(comparison.not_pursued)
    rest = f"; {counted(dropped, 'setting')} {verb(dropped, 'was', 'were')} not pursued to the end." if dropped else "."
    if not comparison.is_final:
        return f"Not sure: no confirmation on fresh seeds has ended: no test{rest}"
    if not tests:
        return f"Not sure: nothing else was confirmed: no test ({_seeds(comparison)}){rest}"
    if tests[0].verdict == "not tested":
        return f"Not sure: the planned confirmation has not ended: no test{rest}"
    others = [(test.setting, _named(comparison, [test.setting], names)) for test in tests]
    rival, *runner_up = (
        "the default" if index == comparison.default else f"the runner-up ({name})" for index, name in others
    )
    seeds = _seeds(comparison, tests[0])
    if tests[0].verdict == "too few seeds to tell":
        return f"Not sure: {_cannot_tell(tests[0], seeds, rival)}{rest}"
    by, by_luck = _by(tests[0].p, seeds)
    sentence = {
        "worse": f"Sure: better than {rival} {by_luck}",
        "better": f"Careful: on test {rival} is better {by_luck}",
        "no difference seen": f"Not sure: no difference from {rival} seen {by}",
    }[tests[0].verdict]
    if not runner_up or tests[0].verdict != "worse":
        return f"{sentence}{rest}"
    if tests[1].verdict == "better":
        return f"{sentence.replace('Sure', 'Careful')}, but on test {runner_up[0]} is better{rest}"
    more = {"worse": f"and than {runner_up[0]}", "not tested": f"{runner_up[0]} is not tested yet"}
    return f"{sentence}; {more.get(tests[1].verdict, f'{runner_up[0]} may do as well')}{rest}"


def _by(p: float, seeds: str) -> tuple[str, str]:
    """Return a p with its seeds, in short, and as a reader needs it who has never met one."""
    return f"(p = {probability(p)}, {seeds})", f"(p = {probability(p)} if it were luck, {seeds})"


def _cannot_tell(test: PairedTest, seeds: str, rival: str) -> str:
    if test.difference.n >= test.min_seeds:  # those without a difference do not count
        return f"too few of {seeds} differ from {rival} to tell"
    return f"{seeds} cannot tell it from {rival}; at least {test.min_seeds} are needed"


def _seeds(comparison: SweepComparison, test: PairedTest | None = None) -> str:
    """Return how many seeds speak: those that both settings of a test have."""
    count = len(comparison.settings[comparison.chosen].runs) if test is None else test.difference.n
    return counted(count, "fresh seed" if comparison.is_final else "seed")


def _others(comparison: SweepComparison, names: Sequence[str]) -> tuple[str, str]:
    """Return how the chosen setting does against the others but the default, and how sure that is, in a word or two."""
    tests = comparison.decision.against_chosen
    if comparison.default != comparison.chosen:
        tests = [test for test in tests if test.setting != comparison.default]
    if not tests:
        return "", ""
    with_verdict = {test.verdict: [one.setting for one in tests if one.verdict == test.verdict] for test in tests}
    better, worse = with_verdict.get("better", []), with_verdict.get("worse", [])
    if better:
        are = "is" if len(better) == 1 else "are"
        return f"on test, though not on validation, {_named(comparison, better, names)} {are} better", "Careful"
    if len(worse) == len(tests):
        return f"better than {'the other' if len(tests) == 1 else f'the {len(tests)} others'}", "Sure"
    if in_range := range_of_weights(comparison):
        return in_range, "Sure"
    worse += [] if comparison.equality is None else comparison.equality.having("worse")
    equal = [test.setting for test in tests if test.setting not in worse]
    if not equal:
        return "", "Sure"
    return f"{_named(comparison, equal, names)} may do as well", "Not sure"


def _methods(comparison: SweepComparison, names: Sequence[str]) -> str:
    """Return how many weighting methods are shown to beat the best fixed weights; empty where the sweep has none."""
    methods = comparison.methods
    if methods is None:
        return ""
    better = sum(test.verdict == "better" for test in methods.against_fixed)
    beat = f"{better} of {counted(len(methods.against_fixed), 'method')} {'beats' if better == 1 else 'beat'}"
    return f"{beat if better else 'no method is shown to beat'} the best fixed weights, {names[methods.best_fixed]}"


def _cost(comparison: SweepComparison, names: Sequence[str]) -> str:
    if not comparison.by_task:
        return _below_the_best(comparison, names)
    if not any(test.difference.n for test in comparison.by_task.values()):
        return "Cost: not known."
    lost, gained, unseen, cannot_tell = [], [], [], ""
    for task, test in comparison.by_task.items():
        difference = test.difference
        if test.verdict == "worse":
            lost.append(f"{known(replace(difference, mean=-difference.mean))} of {TITLES[task]}")
        elif test.verdict == "better":
            gained.append(f"{known(difference)} of {TITLES[task]}")
        else:
            unseen.append(f"{TITLES[task]} {known(difference, sign='+')}")
            if test.verdict in ("too few seeds to tell", "not tested"):
                cannot_tell = "too few seeds" if test.verdict == "too few seeds to tell" else "not tested"
    cost = " and ".join(lost) or cannot_tell or ("none seen" if unseen else "none")
    parts = [f"Cost: {cost}"]
    if unseen:
        parts[-1] += f", with {' and '.join(unseen)}" if lost else f" ({', '.join(unseen)})"
    if gained:
        parts.append(f"gain: {' and '.join(gained)}")
    return f"{'; '.join(parts)}."


def _below_the_best(comparison: SweepComparison, names: Sequence[str]) -> str:
    """Return how far below the best of each task the chosen setting is, where it cannot be compared with a default."""
    settings, chosen = comparison.settings, comparison.chosen
    below = []
    for task in TASKS:
        means = {index: settings[index].test[task].mean for index in comparison.candidates}
        best = max(means, key=lambda index: means[index])
        if means[best] > means[chosen]:
            name = _named(comparison, [best], names)
            gap = means[best] - means[chosen]
            shown = f"{gap:.3f}" if gap >= LEAST_GAP else f"less than {LEAST_GAP}"
            below.append(f"{shown} below the best {TITLES[task]} ({name})")
    none = "Cost: none; no setting to choose from has a better accuracy or mean IoU."  # one task alone may
    return f"Cost: {listed(below)}." if below else none


def _named(comparison: SweepComparison, indices: Sequence[int], names: Sequence[str]) -> str:
    """Return the names of settings, or their values where one key alone varies, or how many they are."""
    keys = {tuple(comparison.settings[index].varied) for index in comparison.candidates}
    is_one = len(keys) == 1 and len(next(iter(keys))) == 1
    values = [comparison.names[index].partition("=")[2] for index in indices]  # of the whole names
    given = [abbreviated(value, len(names[index])) for value, index in zip(values, indices, strict=True)]
    named = listed(given if is_one else [names[index] for index in indices])
    return named if len(indices) == 1 or len(named) <= LONGEST_NAMED else f"{len(indices)} others"
