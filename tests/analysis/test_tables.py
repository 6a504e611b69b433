"""Tables for the screen."""

from __future__ import annotations

import pytest

from locexp.analysis.tables import as_text

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
