"""What a screen shows of a comparison: the headline, the settings that matter, and where the rest is."""

from __future__ import annotations

import itertools
import math
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import replace

from locexp.analysis.comparison import SweepComparison
from locexp.analysis.digits import known
from locexp.analysis.headline import headline
from locexp.analysis.range_words import on_free
from locexp.analysis.results import TASKS, TITLES
from locexp.analysis.statistics import Interval
from locexp.analysis.tables import CONFIRMED, as_text, marks_of, order_of, standing, verdict
from locexp.errors import abbreviated, counted
from locexp.evaluation.metrics import BESIDE, sign_of

ROWS_OF_OTHERS = 20
"""What the end of a sweep writes besides the settings of its table, in rows of a terminal of 80 columns."""
FEWEST_ROWS = 6
MOST_ROWS = 12
"""Rows of a table in a file or a pipe."""
NARROWEST, LEAST_NAMED = 12, 16
"""Characters of a setting's name in the table, and in a sentence, at least."""
SHORTER_VERDICTS = {"no difference seen": "none seen", "no run has finished": "none finished"}
MEANINGS = {
    "loc_acc_50": "loc_acc_50: class right, IoU at least .5",
    "loc_acc_75": "loc_acc_75: class right, IoU at least .75",
    "open": "open: not told apart",
    "skill": "skill 0: a constant box",
}
"""What a title, or a word in a column, does not say of itself."""
ALONE = {"classification": "class alone", "bbox": "box alone"}


def brief(comparison: SweepComparison, width: int | None) -> list[str]:
    """Return what a screen shows of a comparison.

    Args:
        comparison: of a sweep.
        width: of the terminal; ``None`` for a file or a pipe, whose lines may be of any length.
    """
    sentences = headline(comparison, longest_name=None if width is None else max(LEAST_NAMED, width // 2))
    sentences += on_free(comparison)
    rows = MOST_ROWS if width is None else max(FEWEST_ROWS, shutil.get_terminal_size().lines - ROWS_OF_OTHERS)
    shown = settings_that_matter(comparison, rows)
    dropped = len(comparison.not_pursued)
    left_out = len({*range(len(comparison.settings))} - {*shown, *comparison.not_pursued})
    parts = [counted(left_out, "more setting")] if left_out else []
    parts += [f"{counted(dropped, 'setting')} not pursued"] if dropped else []
    more = f"{', '.join(parts)}: report, comparison.csv. " if parts else ""
    more += "Tests: compare.details=true"
    lines, words = _table(comparison, shown, width)
    meanings = "; ".join(meaning for word, meaning in MEANINGS.items() if word in words)
    below = [meanings, more] if meanings else [more]
    return [*_wrapped(sentences, width), "", *lines, *_wrapped(below, width)]


def _wrapped(sentences: Sequence[str], width: int | None) -> list[str]:
    """Return sentences as lines, broken between words."""
    return [line for text in sentences for line in ([text] if width is None else textwrap.wrap(text, width))]


def settings_that_matter(comparison: SweepComparison, most: int) -> list[int]:
    """Return at most so many settings in the order of the table.

    First the chosen and the default one, then what may be as good or better, what the front consists of, each task
    alone, and the best of the others on validation; at least the first two. Of those that a race did not pursue, the
    default one alone.
    """
    settings, metric = comparison.settings, comparison.metric
    by_validation = sorted(
        (index for index in range(len(settings)) if settings[index].runs),
        key=lambda index: -sign_of(metric) * settings[index].validation[metric].mean,
    )
    tests = {test.setting: test.verdict for test in comparison.decision.against_chosen}
    wanted = [comparison.chosen]
    wanted += [] if comparison.default is None else [comparison.default]
    wanted += [] if comparison.methods is None else [comparison.methods.best_fixed]
    first = set(wanted)
    wanted += [index for index in by_validation if tests.get(index) in ("better", "no difference seen")]
    wanted += [index for index in by_validation if index in comparison.front.best]
    wanted += [index for index in by_validation if settings[index].single_task]
    wanted += [*by_validation, *(index for index in range(len(settings)) if not settings[index].not_pursued)]
    kept = list(dict.fromkeys(wanted))[: max(most, len(first))]
    return sorted(kept, key=lambda index: order_of(settings[index]))


def _table(comparison: SweepComparison, shown: Sequence[int], width: int | None) -> tuple[list[str], set[str]]:
    """Return the lines of a table, and the words in it. A column that nobody would miss is left out without room."""
    settings, metrics = comparison.settings, dict.fromkeys([comparison.metric, *TASKS])
    title, names = _names(comparison)
    verdicts = [verdict(comparison, index) for index in shown]
    needed: dict[str, list[str]] = {}
    for name in metrics:
        needed[TITLES[name]] = [_mean(settings[index].test[name]) for index in shown]
        if (beside := BESIDE.get(name)) is not None:
            needed[TITLES[beside]] = [_mean(settings[index].test_beside[beside]) for index in shown]
        if name == comparison.metric:  # which the verdicts are about
            untested = "not tested" if comparison.decision.against_default else ""
            needed["vs default"] = [
                SHORTER_VERDICTS.get(one, one) or ("" if index == comparison.default else untested)
                for index, one in zip(shown, verdicts, strict=True)
            ]
    if (
        len({len(setting.runs) for setting in settings if not setting.not_pursued}) > 1
    ):  # else the headline says how many seeds there are
        needed["n"] = [str(len(settings[index].runs)) for index in shown]
    if any(setting.failures for setting in settings):
        needed["failed"] = [str(settings[index].failures) for index in shown]
    deltas = [comparison.delta_m.get(index) for index in shown]
    skills = [settings[index].skill for index in shown]
    others = {
        "vs best": [standing(comparison, index) for index in shown],
        "Δm %": ["" if delta is None else f"{round(delta[0], 1) + 0.0:+.1f}" for delta in deltas],
        "skill": ["" if skill is None else f"{round(skill, 2) + 0.0:+.2f}" for skill in skills],
    }
    columns = {head: cells for head, cells in needed.items() if any(cells)}
    labels = [names[index] for index in shown]
    taken = sum(_width(*column) for column in columns.items())
    if width is not None:
        widest = max(_width(*column) for column in columns.items())
        most = width - taken if width - taken >= NARROWEST else max(NARROWEST, width - widest)
        title, *labels = (abbreviated(label, most) for label in (title, *labels))
    taken += max(len(title), *map(len, labels))
    for head, cells in others.items():
        if any(cells) and (width is None or taken + _width(head, cells) <= width):
            columns[head] = cells
            taken += _width(head, cells)
    lines = [[title, *columns], *([label, *row] for label, *row in zip(labels, *columns.values(), strict=True))]
    return as_text(lines, width), {*columns, *itertools.chain.from_iterable(columns.values())}


def _names(comparison: SweepComparison) -> tuple[str, list[str]]:
    """Return the title of the first column, and what the settings are called in it, with their marks.

    Where all settings vary the same keys these are the title, and settings are called by their values.
    """
    settings, title, names = comparison.settings, "setting", list(comparison.names)
    tasks = [None if setting.beside else setting.single_task for setting in settings]
    alone = [task is not None and tasks.count(task) == 1 for task in tasks]  # two of a task have their own names
    keys = {tuple(setting.varied) for setting, is_alone in zip(settings, alone, strict=True) if not is_alone}
    words = [
        name.split(" ") if len(setting.varied) > 1 else [name] for name, setting in zip(names, settings, strict=True)
    ]
    if len(keys) == 1 and all(
        is_alone or len(of_one) == len(setting.varied)  # else a value has a space in it
        for of_one, setting, is_alone in zip(words, settings, alone, strict=True)
    ):
        title = ", ".join(word.partition("=")[0] for word in words[alone.index(False)])
        names = [", ".join(word.partition("=")[2] for word in of_one) for of_one in words]
    for index, is_alone in enumerate(alone):
        marks = marks_of(comparison, index)
        if is_alone:
            task = settings[index].single_task or ""
            names[index] = ALONE[task]
            marks.remove(f"{task} alone")
        if CONFIRMED in marks and len(marks) > 1:  # they always are
            marks.remove(CONFIRMED)
        names[index] += f" ({', '.join(marks)})" if marks else ""
    return title, names


def _mean(interval: Interval) -> str:
    """Return a mean with half the width of its interval; two equal values have none that says anything."""
    if interval.n == 2 and interval.half_width == 0:
        interval = replace(interval, half_width=math.nan)
    return known(interval).replace("± ", "±") if interval.n else ""


def _width(title: str, cells: Sequence[str]) -> int:
    """Return how wide a column is, with the gap before it."""
    return 2 + max(map(len, (title, *cells)))
