"""The page of a comparison, as a browser parses it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from locexp.analysis.comparison import compare_settings
from locexp.analysis.galleries import read_galleries
from locexp.analysis.report import write_report
from locexp.analysis.results import notes_on, sort_runs
from tests.analysis.test_methods import run

SCRIPT = "<script>alert('chosen')</script>"


class Page(HTMLParser):
    """Collects the text and the class of each row of a page's table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.is_over = False
        self.rows: list[tuple[str | None, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append((dict(attrs).get("class"), ""))

    def handle_data(self, data: str) -> None:
        if self.rows and not self.is_over:
            role, text = self.rows[-1]
            self.rows[-1] = (role, text + data)

    def handle_endtag(self, tag: str) -> None:
        self.is_over |= tag == "table"


def page_of(folder: Path, weights: list[str], default: str, title: str = "sweep") -> str:
    runs = [
        run(weight, seed, job, 0.6 + job / 10, weight="1", rate=weight)
        for seed in range(2)
        for job, weight in enumerate(weights)
    ]
    comparison = compare_settings(sort_runs(runs), default_hash=default, metric="loc_acc_75", read=lambda *_: None)
    write_report(folder, comparison, title=title, notes=[f"of {title}"], read=lambda *_: None)
    return (folder / "report.html").read_text()


def test_what_a_user_named_gets_onto_the_page_escaped(tmp_path: Path) -> None:
    page = page_of(tmp_path, ["0.1", SCRIPT], default="0.1", title=SCRIPT)
    assert SCRIPT not in page
    assert "&lt;script&gt;" in page
    assert page.count("<script") == 2  # what the page draws from, and its own


def test_the_chosen_and_the_default_row_are_marked_whatever_a_setting_is_called(tmp_path: Path) -> None:
    """A name in brackets is not a mark."""
    rows = Page(page_of(tmp_path, ["f(chosen)", "f(default)", "best"], default="f(chosen)")).rows
    roles = {text.split()[-1] if role is None else role: text for role, text in rows[1:]}
    assert "learning_rate=best (chosen)" in roles["chosen"]
    assert "learning_rate=f(chosen) (default)" in roles["default"]
    assert [role for role, text in rows if "f(default)" in text] == [None]


def test_the_page_holds_its_pictures(tmp_path: Path) -> None:
    page = page_of(tmp_path, ["0.1", "0.2"], default="0.1")
    assert page.count('src="data:image/png;base64,') == page.count("<img") == 2  # the front, the settings
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")


@pytest.mark.parametrize(("metric", "first"), [("loc_acc_75", "0.3"), ("center_error_px", "0.1")])
def test_galleries_begin_with_the_best_setting_whichever_way_the_metric_counts(metric: str, first: str) -> None:
    runs = [
        run(rate, seed, job, 0.6 + job / 10, rate=rate) for seed in range(2) for job, rate in enumerate(("0.1", "0.3"))
    ]
    comparison = compare_settings(sort_runs(runs), default_hash=None, metric=metric, read=lambda *_: None)
    galleries = read_galleries(
        comparison, lambda run, path: b"a picture" if path.endswith(".png") else None, room=10_000
    )
    assert galleries.shown[0].label.split(", ")[0].endswith(first)
    assert (len(galleries.shown), galleries.missing) == (2, [])


@pytest.mark.parametrize(("action", "said"), [("warn", "better than on new images"), ("drop", "were left out of the")])
def test_images_in_two_parts_are_said_and_shown(tmp_path: Path, action: str, said: str) -> None:
    runs = [run(rate, 0, job, 0.6 + job / 10, rate=rate) for job, rate in enumerate(("0.1", "0.3"))]
    for one in runs:
        one.tags["leaks"] = "3 test images in train"
        one.parameters["data.leaks"] = action
    settings = sort_runs(runs)
    (note,) = (note for note in notes_on(settings, allow_mixed=True) if "two parts" in note)
    assert note.startswith("Images are in two parts of the data, the same or nearly so: 3 test images in train; ")
    assert said in note
    comparison = compare_settings(settings, default_hash="0.1", metric="loc_acc_75", read=lambda *_: None)
    write_report(
        tmp_path,
        comparison,
        title="sweep",
        notes=[note],
        read=lambda _, name: b"leaks" if name == "pictures/leaks.png" else None,
    )
    page = (tmp_path / "report.html").read_text()
    assert "<h2>Images in two parts of the data</h2>" in page
    assert "bGVha3M=" in page  # the picture, in base64
