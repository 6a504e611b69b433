"""The answer of a race, in sentences: what it chose, what its confirmation has shown, what was not pursued."""

from __future__ import annotations

from dataclasses import replace

from locexp.analysis.comparison import SweepComparison
from locexp.analysis.decision import PairedTest
from locexp.analysis.results import TITLES
from locexp.analysis.sentences import probability, seeds_it_takes, shortened
from locexp.errors import counted
from locexp.evaluation.metrics import sign_of


def chosen_by_race(comparison: SweepComparison) -> str:
    """Say which setting a race chose, and how it does on the fresh seeds of the confirmation."""
    chosen, title = comparison.settings[comparison.chosen], TITLES[comparison.metric]
    seeds = counted(len(chosen.runs), "fresh seed")
    return (
        f"Use {chosen.label}: the race chose it on validation. On "
        f"{seeds} its {title} is {chosen.test[comparison.metric]:.4f} on test (accuracy "
        f"{chosen.test['accuracy']:.4f}, mean IoU {chosen.test['mean_iou']:.4f}; mean ± 95 % interval over seeds)."
    )


def confirmation(comparison: SweepComparison) -> list[str]:
    """Say what the tests of a race's confirmation have shown, in their order."""
    tests = comparison.decision.against_chosen
    if not comparison.is_final:
        return ["No confirmation on fresh seeds has ended: these are estimates on the seeds of the race, and no test."]
    if not tests:
        return ["Nothing else was confirmed on these seeds, so there is nothing to test it against."]
    sentences = [
        "The confirmation is on fresh seeds, which had no part in the choice, in an order that was fixed beforehand: "
        "each test at 5 %, uncorrected, and the next one only where the one before has shown the chosen setting to be "
        "better."
    ]
    rivals = []
    for test in tests:
        rival = "default setting" if test.setting == comparison.default else "runner-up"
        rivals.append(f"the {rival} ({comparison.settings[test.setting].label})")
    for place, (test, rival) in enumerate(zip(tests, rivals, strict=True)):
        if test.verdict != "not tested":
            sentences.append(f"Against {rival}: {_result(comparison, test)}")
            continue
        unended = any(comparison.settings[index].unended for index in (comparison.chosen, test.setting))
        stopped = place > 0 and tests[place - 1].verdict not in ("worse", "not tested")
        why = f"nothing is shown against {rivals[place - 1]}" if stopped else "a test before it is missing"
        why = why if stopped or not unended else "the planned confirmation has not ended"
        sentences.append(f"Against {rival}: no test, since {why}.")
    return sentences


def _result(comparison: SweepComparison, test: PairedTest) -> str:
    """Put the test of a setting against the chosen one into words, seen from the chosen one."""
    difference = replace(test.difference, mean=-sign_of(comparison.metric) * test.difference.mean)
    head = {
        "worse": "the chosen setting is better",
        "better": "the chosen setting is worse on test",
        "no difference seen": "no difference seen",
    }.get(test.verdict, "too few seeds to tell")
    sentence = (
        f"{head}; chosen minus other {difference:+.4f} (Wilcoxon over {counted(test.difference.n, 'seed')}, "
        f"p = {probability(test.p)}, smallest reachable {probability(test.smallest_reachable_p)})."
    )
    is_open = test.verdict in ("no difference seen", "too few seeds to tell")
    return f"{sentence} {seeds_it_takes(test)}" if is_open else sentence


def not_pursued(comparison: SweepComparison) -> list[str]:
    """Say which settings a race did not pursue, and what that means."""
    dropped = comparison.not_pursued
    if not dropped:
        return []
    names = shortened([comparison.settings[index].label for index in dropped])
    return [
        f"Not pursued to the end, so neither tested nor called worse: {len(dropped)} of "
        f"{counted(len(comparison.settings), 'setting')} ({names}). The report and comparison.csv say when and why."
    ]
