"""The picture of a race in the report, in a browser: point, the keyboard, choose, themes, a phone; without script."""

from __future__ import annotations

from pathlib import Path

import pytest

from locexp.analysis.report import write_report
from tests.analysis.races import CHOSEN, SCORES, confirmed, reason
from tests.analysis.test_report_page import opened
from tests.browser import NARROW, WIDE, Open, chromium, open_page

__all__ = ["chromium", "open_page"]
pytestmark = pytest.mark.extra


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, folder = confirmed(), tmp_path_factory.mktemp("race")
    write_report(folder, made.compared(), title="a race", notes=[], read=made.read)
    return folder / "report.html"


def test_pointing_at_a_line_says_how_far_it_was_pursued_and_why(open_page: Open, page_file: Path) -> None:
    visit = opened(open_page, page_file)
    page = visit.page
    lines = page.locator("#course .setting")
    assert lines.count() == len(SCORES)
    assert page.locator("#course .dropped").count() == 3
    page.locator('#course [aria-label^="bbox_weight=0.1;"] .dropped').hover()
    tip = page.locator("#course .tip")
    assert tip.inner_text().startswith("bbox_weight=0.1\nloc_acc_75 0.15")
    assert "on validation after 1 of 5 epochs" in tip.inner_text()
    assert f"not pursued {reason('0.1')}" in tip.inner_text()
    assert page.locator("tr.near th").inner_text() == "bbox_weight=0.1"
    page.hover("h1")
    assert tip.is_hidden()
    visit.assert_quiet()


def test_the_keyboard_goes_from_line_to_line_the_best_first(open_page: Open, page_file: Path) -> None:
    visit = opened(open_page, page_file)
    page = visit.page
    page.focus("#panel .scroll")
    focused = "document.activeElement.getAttribute('aria-label')"
    for _ in range(20):  # past what is to be focused of the chosen setting
        page.keyboard.press("Tab")
        if page.evaluate("!!document.activeElement.closest('#course')"):
            break
    assert page.evaluate(focused).startswith(f"bbox_weight={CHOSEN}; chosen, confirmed; loc_acc_75 0.87")
    page.keyboard.press("End")
    assert page.evaluate(focused).startswith("bbox_weight=0.1; loc_acc_75 0.15")
    page.keyboard.press("Enter")
    assert page.locator("#panel h3").inner_text() == "bbox_weight=0.1"
    assert f"Not pursued {reason('0.1')}." in page.locator("#panel").inner_text()
    assert page.locator("#panel .curves .this").count() == 3
    assert page.locator('#course [aria-pressed="true"]').get_attribute("aria-label") == page.evaluate(focused)
    page.keyboard.press("Home")
    page.set_viewport_size({"width": NARROW, "height": 900})  # drawn anew, the place of the keyboard stays
    assert page.evaluate(focused).startswith(f"bbox_weight={CHOSEN};")
    page.keyboard.press("Tab")
    assert not page.evaluate("!!document.activeElement.closest('#course')")  # one stop for all lines
    visit.assert_quiet()


def test_a_click_chooses_and_the_filter_fades(open_page: Open, page_file: Path) -> None:
    visit = opened(open_page, page_file)
    page = visit.page
    page.locator('#course [aria-label^="bbox_weight=1;"] .dropped').click()
    assert page.locator("#panel h3").inner_text() == "bbox_weight=1"
    page.fill("#filter", "not pursued")
    assert page.locator("#count").inner_text() == "2 of 6 settings"
    faded = page.locator('#course [opacity="0.15"]')
    assert faded.count() == 4
    visit.assert_quiet()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_it_fits_in_either_theme(open_page: Open, page_file: Path, width: int, scheme: str) -> None:
    visit = opened(open_page, page_file, width=width, color_scheme=scheme)
    assert not visit.overflows()
    picture = visit.page.locator("#course > svg").bounding_box()
    assert picture is not None
    assert width * 0.7 < picture["width"] <= width
    outside = """() => { const frame = document.querySelector('#course > svg').getBoundingClientRect();
        return [...document.querySelectorAll('#course text')].filter(text => { const box = text.getBoundingClientRect();
            return box.left < frame.left - 1 || box.right > frame.right + 1; }).map(text => text.textContent); }"""
    assert visit.page.evaluate(outside) == []
    visit.assert_quiet()


def test_without_script_there_is_the_figure_and_the_reasons(open_page: Open, page_file: Path) -> None:
    visit = opened(open_page, page_file, java_script_enabled=False)
    assert visit.page.locator("#race img").is_visible()
    assert visit.page.locator("#course").is_hidden()
    visit.page.locator("#race summary").click()
    rows = visit.page.locator("#race tbody tr").all_inner_texts()
    assert [row.split("\t")[0].strip() for row in rows] == ["bbox_weight=0.1", "bbox_weight=1"]
