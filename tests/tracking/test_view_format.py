"""What MLflow's page of runs reads in a saved view is still called so; each failure names what is not."""

from __future__ import annotations

import re

import pytest

from locexp.tracking import view_format
from tests.tracking.test_mlflow_internals import scripts

STATE = view_format.page(
    "tags.kind = 'run'",
    columns=[
        view_format.metric("test/accuracy"),
        view_format.parameter("loss.bbox_weight"),
        view_format.tag("setting"),
    ],
    order_by=view_format.metric("test/accuracy"),
    sections=[
        view_format.Section(
            "all",
            [view_format.scatter("a", "b"), view_format.parallel(["p"], ["a"]), view_format.bars("a")],
            columns=1,
        )
    ],
    collapsed=["train"],
    grouped_by="setting",
)


def names_in(value: object) -> set[str]:
    """Return every key in a state."""
    if isinstance(value, dict):
        return set(value) | {name for one in value.values() for name in names_in(one)}
    return {name for one in value for name in names_in(one)} if isinstance(value, list) else set()


def test_the_page_has_these_names() -> None:
    code = scripts()
    known = set(re.findall(r"\w+", code))
    words = {"SCATTER", "PARALLEL", "BAR", "METRIC", "SHOW_ALL", "average", "createdAt", "updatedAt"}
    assert (names_in(STATE) | words) - known == set(), "the page has these no more"
    for text in (view_format.VIEW_TAG, view_format.DESCRIPTION_TAG, view_format.COMPRESSED):
        assert f'"{text}"' in code, text


def test_a_view_sets_nothing_that_is_kept_to_the_reader() -> None:
    """MLflow keeps some of a page's state to the reader, such as which runs are hidden: a view cannot set that."""
    (kept,) = re.findall(r'\["runsExpanded","runsPinned"[^\]]*\]', scripts())
    assert not set(STATE) & set(re.findall(r'"(\w+)"', kept))


def test_a_view_is_read_as_it_was_written() -> None:
    text = view_format.as_tag('a "name" of ü', STATE, 1_795_898_735_104)
    assert view_format.read_tag(text) == ('a "name" of ü', STATE)
    assert view_format.created(text) == 1_795_898_735_104
    for other in ("", "{", "[]", '{"name": 1}'):
        with pytest.raises(ValueError, match=r".*"):
            view_format.read_tag(other)
        assert view_format.created(other) == 0
