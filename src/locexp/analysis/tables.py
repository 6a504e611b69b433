"""The table of a comparison that people read: on a screen, in Markdown and in the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from locexp.analysis.comparison import SweepComparison
from locexp.analysis.results import TASKS, TITLES, SettingRuns
from locexp.analysis.statistics import Interval
from locexp.errors import counted
from locexp.evaluation.metrics import BESIDE, METRICS
from locexp.records.sweep_list import CONFIRMATION

SHORT_VERDICTS = {"too few seeds to tell": "too few seeds"}
CONFIRMED = "confirmed"
DELTAS = {name: f"Δ {TITLES[name]} %" for name in TASKS}
"""Titles of the terms of Δm."""


@dataclass(frozen=True)
class Cell:
    """A value as text, with half the width of its interval where it has one."""

    value: str = ""
    half_width: str = ""

    def __str__(self) -> str:
        return f"{self.value} ±{self.half_width}" if self.half_width else self.value


@dataclass(frozen=True)
class Row:
    """A setting.

    Attributes:
        index: of the setting.
        marks: what sets it apart: ``chosen``, ``default``, its role (``runner-up`` or :data:`CONFIRMED` where a race
            has confirmed it), the task that it trained alone.
        cells: one per column; the first is what varies, with its marks.
    """

    index: int
    marks: list[str]
    cells: list[Cell]


@dataclass(frozen=True)
class Table:
    """One row per setting under the titles of the columns."""

    titles: list[str]
    rows: list[Row]

    @property
    def lines(self) -> list[list[str]]:
        """The titles, then the rows, all as text."""
        return [self.titles, *(list(map(str, row.cells)) for row in self.rows)]


def table(comparison: SweepComparison, *, brief: bool = False) -> Table:
    """Return the table of a comparison, ordered by the ratio of the weights.

    Columns in which no setting has a value are left out; a brief table also lacks those that a screen has no room for.
    """
    ordered = sorted(range(len(comparison.settings)), key=lambda index: order_of(comparison.settings[index]))
    marks = [marks_of(comparison, index) for index in ordered]
    rows = [_cells(comparison, index, of_setting) for index, of_setting in zip(ordered, marks, strict=True)]
    left_out = {"baseline", *DELTAS.values()} if brief else set()
    if brief and comparison.metric != "loc_acc_50":
        left_out.add("loc_acc_50")
    shown = [title for title in rows[0] if title not in left_out and any(cells[title].value for cells in rows)]
    shown_rows = [
        Row(index, marked, [cells[title] for title in shown])
        for index, marked, cells in zip(ordered, marks, rows, strict=True)
    ]
    return Table(shown, shown_rows)


def not_pursued_table(comparison: SweepComparison) -> Table:
    """Return what a race did not pursue, with when and why, in the order of the other table."""
    ordered = sorted(comparison.not_pursued, key=lambda index: order_of(comparison.settings[index]))
    settings = [(index, comparison.settings[index]) for index in ordered]
    rows = [Row(index, [], [Cell(setting.label), Cell(setting.not_pursued)]) for index, setting in settings]
    return Table(["not pursued", "when and why"], rows)


def order_of(setting: SettingRuns) -> tuple[list[str], bool, float]:
    """Return what the rows of a table are ordered by."""
    others = [value for name, value in setting.varied.items() if not name.startswith("loss.")]
    return others, math.isnan(setting.ratio), setting.ratio


def marks_of(comparison: SweepComparison, index: int) -> list[str]:
    """Return what sets a setting apart, see :class:`Row`."""
    setting = comparison.settings[index]
    role = setting.role
    if role == CONFIRMATION:
        is_runner_up = setting.place is not None and index not in (comparison.chosen, comparison.default)
        role = "runner-up" if is_runner_up else CONFIRMED
    marks = {
        "chosen": index == comparison.chosen,
        "default": index == comparison.default,
        role: role,
        f"{setting.single_task} alone": setting.single_task,
    }
    return [mark for mark, has_it in marks.items() if has_it]


def _cells(comparison: SweepComparison, index: int, marks: Sequence[str]) -> dict[str, Cell]:
    """Return what a setting has in each column, by the column's title."""
    setting = comparison.settings[index]
    delta_m, terms = comparison.delta_m.get(index, (None, {}))
    means = setting.test | setting.test_beside
    shown = [name for name in METRICS if name != "center_error_px" or name == comparison.metric]
    metrics = [name for metric in shown for name in (metric, BESIDE.get(metric)) if name is not None]
    return {
        "setting": Cell(f"{setting.label} ({', '.join(marks)})" if marks else setting.label),
        "n": Cell(str(len(setting.runs))),
        "failed": Cell(str(setting.failures)),
        **{TITLES[name]: _mean(means[name]) for name in metrics},
        "baseline": Cell(f"{setting.baseline:.3f}" if math.isfinite(setting.baseline) else ""),
        "skill": Cell("" if setting.skill is None else f"{setting.skill:+.3f}"),
        **{title: _percent(terms.get(name)) for name, title in DELTAS.items()},
        "Δm %": _percent(delta_m),
        "on validation": _on_validation(comparison, index),
        "verdict": Cell(verdict(comparison, index)),
        "vs best": Cell(standing(comparison, index)),
    }


def _on_validation(comparison: SweepComparison, index: int) -> Cell:
    """Return how a setting did in a race, on validation, and after how many epochs; empty where there was none."""
    if comparison.race is None:
        return Cell()
    epochs, value = comparison.race.reached(index)
    return Cell(f"{value:.4f} ({counted(epochs, 'epoch')})" if math.isfinite(value) else "")


def _mean(interval: Interval) -> Cell:
    if interval.n == 0:
        return Cell()
    half_width = f"{interval.half_width:.4f}" if math.isfinite(interval.half_width) else ""
    return Cell(f"{interval.mean:.4f}", half_width)


def _percent(value: float | None) -> Cell:
    return Cell() if value is None else Cell(f"{round(value, 2) + 0.0:+.2f}")  # no -0.00


def verdict(comparison: SweepComparison, index: int) -> str:
    """Return the verdict of the tests on a setting against the default one; empty where none was made."""
    setting = comparison.settings[index]
    if not setting.runs:
        return "not pursued" if setting.not_pursued else "paused" if setting.paused else "no run has finished"
    verdicts = {test.setting: test.verdict for test in comparison.decision.against_default}
    return SHORT_VERDICTS.get(verdicts.get(index, ""), verdicts.get(index, ""))


def standing(comparison: SweepComparison, index: int) -> str:
    """Return whether a setting is ``as good`` as the best, ``worse`` or ``open``; empty where it was not tested."""
    found = None if comparison.equality is None else comparison.equality.standings.get(index)
    return "" if found is None else found.verdict


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
        if most is None or len(longer) == 2 or sum(widths[index] + 2 for index in longer) - 2 <= most:
            parts[-1] = longer
        else:
            parts.append([0, column])
    lines: list[str] = []
    for part in parts:
        lines += [""] if lines else []
        lines += ["  ".join(row[column].ljust(widths[column]) for column in part).rstrip() for row in rows]
    return lines


def as_markdown(table: Table) -> str:
    """Return a table in Markdown."""
    head, *body = ["| " + " | ".join(line) + " |" for line in table.lines]
    return "\n".join([head, "|" + "---|" * len(table.titles), *body])
