"""The table of a comparison: its rows, and how they are written."""

from __future__ import annotations

import csv
import io

import pytest

from locexp.analysis.comparison import SweepComparison, compare_settings
from locexp.analysis.exports import as_csv, as_json
from locexp.analysis.results import sort_runs
from locexp.analysis.tables import Cell, as_markdown, as_text, table
from tests.analysis.test_methods import run


def compared(default: str = "a") -> SweepComparison:
    """Three weights, of which 4 is best, and the classification alone."""
    scores = {"8": ("c", 0.5), "4": ("b", 0.7), "1": ("a", 0.6), "0": ("alone", 0.2)}
    runs = [
        run(name, seed, job, score, weight=weight)
        for seed in range(2)
        for job, (weight, (name, score)) in enumerate(scores.items())
    ]
    return compare_settings(sort_runs(runs), default_hash=default, metric="loc_acc_75", read=lambda *_: None)


def test_rows_are_ordered_by_weight_and_carry_their_marks() -> None:
    rows = table(compared()).rows
    assert [(str(row.cells[0]), row.marks) for row in rows] == [
        ("bbox_weight=0 (classification alone)", ["classification alone"]),
        ("bbox_weight=1 (default)", ["default"]),
        ("bbox_weight=4 (chosen)", ["chosen"]),
        ("bbox_weight=8", []),
    ]
    assert table(compared(default="b")).rows[2].marks == ["chosen", "default"]


def test_columns_without_a_value_are_left_out_and_a_brief_table_has_fewer() -> None:
    whole, brief = table(compared()), table(compared(), brief=True)
    metrics = ["accuracy", "mean IoU", "loc_acc_50", "loc_acc_75"]
    assert whole.titles == [
        "setting",
        "n",
        "failed",
        *metrics,
        "baseline",
        "skill",
        "verdict",
    ]  # no Δ: the box alone was not run
    assert brief.titles == ["setting", "n", "failed", "accuracy", "mean IoU", "loc_acc_75", "skill", "verdict"]
    assert {len(row.cells) for row in whole.rows} == {10}
    baseline = [row.cells[whole.titles.index("baseline")] for row in whole.rows]
    assert baseline == [Cell("0.300")] * 4
    assert whole.rows[1].cells[3].half_width  # accuracy, over two seeds


def test_what_is_beside_a_metric_is_shown_where_every_run_of_a_setting_has_it() -> None:
    """Runs have a macro accuracy where classes are unequal; of locexp 0.1 none has."""

    def titles(metric: str, *seeds_without: int) -> list[str]:
        runs = [run(name, seed, job, 0.5 + job / 10, weight=name) for seed in range(2) for job, name in enumerate("12")]
        for one in runs:
            if int(one.tags["seed"]) not in seeds_without:
                one.metrics |= {"test/macro_accuracy": 0.25, "test/center_error_share": 0.125}
        found = compare_settings(sort_runs(runs), default_hash="1", metric=metric, read=lambda *_: None)
        (record, _) = as_json(found)["settings"]
        assert ("macro_accuracy" in record["test"]) is not bool(seeds_without)
        (row, _) = csv.DictReader(io.StringIO(as_csv(found)))
        assert row["test/macro_accuracy/mean"] == ("" if seeds_without else "0.25")
        return table(found).titles

    assert titles("loc_acc_75")[3:6] == ["accuracy", "macro accuracy", "mean IoU"]
    assert "centre error, share" not in titles("loc_acc_75")
    whole = titles("center_error_px")
    assert whole[whole.index("centre error, px") + 1] == "centre error, share"
    assert "macro accuracy" not in titles("loc_acc_75", 1)
    assert "macro accuracy" not in titles("loc_acc_75", 0, 1)


def test_a_table_as_text_and_in_markdown() -> None:
    lines = as_text(table(compared(), brief=True).lines)
    assert lines[0].startswith("setting                               n  failed  accuracy ")
    assert lines[3].startswith("bbox_weight=4 (chosen)                2  0       0.70")
    markdown = as_markdown(table(compared())).splitlines()
    assert markdown[1] == "|" + "---|" * 10
    assert markdown[4].startswith("| bbox_weight=4 (chosen) | 2 | 0 | 0.70")
    assert " ±" in markdown[4]


ROWS = [["setting", "n", "accuracy", "verdict"], ["weight=2", "3", "0.9712", ""], ["weight=10", "3", "0.9", "better"]]


@pytest.mark.parametrize("most", [None, 80, 31])
def test_a_table_that_fits_is_left_whole(most: int | None) -> None:
    assert as_text(ROWS, most) == [
        "setting    n  accuracy  verdict",
        "weight=2   3  0.9712",
        "weight=10  3  0.9       better",
    ]


def test_a_table_that_is_too_wide_is_continued_below() -> None:
    """Nothing is left out, and each row still says which setting it is of."""
    assert as_text(ROWS, 30) == [
        "setting    n  accuracy",
        "weight=2   3  0.9712",
        "weight=10  3  0.9",
        "",
        "setting    verdict",
        "weight=2",
        "weight=10  better",
    ]


def test_a_line_holds_two_columns_at_least() -> None:
    assert as_text(ROWS, 5)[:4] == ["setting    n", "weight=2   3", "weight=10  3", ""]
