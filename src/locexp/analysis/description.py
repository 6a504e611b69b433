"""What a sweep is described with in MLflow: the answer, the front and the settings, in Markdown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from locexp.analysis.comparison import SweepComparison
from locexp.analysis.headline import headline
from locexp.analysis.results import TASKS, TITLES
from locexp.analysis.tables import Table, not_pursued_table, table
from locexp.errors import counted
from locexp.records.record import RunRecord
from locexp.system.commands import command
from locexp.tracking.descriptions import escaped
from locexp.tracking.limits import TAG
from locexp.tracking.links import HERE, sweep_links
from locexp.tracking.location import location_in, store_overrides
from locexp.tracking.mlflow_internals import artifact_address

MOST_ROWS, MOST_DROPPED = 24, 12
"""Rows of settings, and of those that a race did not pursue: a longer table would hide what is below it."""
LONGEST_NAME = 200
"""Characters of a setting's name in a sentence at most: the picture and the table below need room, too."""
GAP = "&ensp;"
"""Ends a cell: MLflow's tables leave no room between columns."""
LINKS = {
    "front": "the front in charts, a dot per run",
    "means": "means by setting",
    "charts": "the runs in charts",
    "report": "the whole report",
}


def describe(comparison: SweepComparison, parent: RunRecord, views: Collection[str]) -> str:
    """Return the description of a compared sweep, in at most :data:`~locexp.tracking.limits.TAG` characters.

    Args:
        comparison: of the sweep.
        parent: its parent run, from the store.
        views: see :func:`locexp.tracking.links.sweep_links`.
    """
    assert parent.run_id is not None
    links = sweep_links(HERE, parent, views)
    first, *others = headline(comparison, longest_name=LONGEST_NAME)
    again = command("compare", parent.tags["sweep_id"], *store_overrides(location_in(parent)))
    opening = [  # of which MLflow folds away all but the first lines
        " · ".join(f"[{title}]({links[name]})" for name, title in LINKS.items() if name in links),
        f"**{escaped(first)}** {escaped(' '.join(others))}",
        f"![The accuracy–IoU front]({artifact_address(parent.run_id, 'comparison/front.png')})",
    ]
    whole, dropped = table(comparison), not_pursued_table(comparison)
    whole = replace(whole, rows=[row for row in whole.rows if row.index not in comparison.not_pursued])
    titles = ["setting", *(TITLES[name] for name in dict.fromkeys([*TASKS, comparison.metric])), "verdict"]
    columns = [index for index, title in enumerate(whole.titles) if title in titles]
    for rows in range(min(max(len(whole.rows), len(dropped.rows)), MOST_ROWS), -1, -1):
        tables = [*_table(whole, columns, rows), *_table(dropped, range(2), min(rows, MOST_DROPPED))]
        text = "\n\n".join([*opening, *tables, f"`{again}` makes the report again."])
        if len(text) <= TAG:
            break
    return text[:TAG]


def _table(whole: Table, columns: Sequence[int], most: int) -> list[str]:
    """Return the table in Markdown, at most so many settings of it (marked ones first), and what is left out."""
    by_interest = sorted(range(len(whole.rows)), key=lambda index: not whole.rows[index].marks)
    shown = [whole.rows[index] for index in sorted(by_interest[:most])]
    lines = [[f"{escaped(whole.titles[column])}{GAP}" for column in columns], ["---"] * len(columns)]
    for row in shown:
        first, *others = (escaped(str(row.cells[column])) for column in columns)
        first = f"**{first}**" if "chosen" in row.marks else first
        lines.append([f"{text}{GAP}" for text in (first, *others)])
    left_out = len(whole.rows) - len(shown)
    parts = ["\n".join("| " + " | ".join(line) + " |" for line in lines)] if shown else []
    return [*parts, f"{counted(left_out, 'more setting')} in the report."] if left_out else parts
