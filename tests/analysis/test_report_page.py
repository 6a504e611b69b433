"""What a reader does with a report, in a browser: point, choose, sort, filter, enlarge, print; also without script."""

from __future__ import annotations

import html
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.analysis.reports import IMAGES, files_of, report, weight_sweep
from tests.analysis.test_methods import run
from tests.browser import NARROW, WIDE, Open, Visit, chromium, open_page

__all__ = ["chromium", "open_page"]
pytestmark = pytest.mark.extra
EVIL = "</script><script>document.title='gone'</script><img src=x onerror=document.title='gone'>\u2028"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of four weights and both tasks alone; one job has failed."""
    runs = weight_sweep()
    for seed in range(3):
        runs += [run("class", seed, 4, 0.1, weight="0"), run("w3", seed, 5, 0.62, weight="3")]
    runs[-1] = replace(runs[-1], status="FAILED", metrics={})
    return report(tmp_path_factory.mktemp("report"), runs)


def opened(open_page: Open, file: Path, **options: object) -> Visit:
    visit = open_page(**options)
    visit.page.goto(file.as_uri())
    return visit


def setting(visit: Visit, label: str) -> str:
    """Return the selector of a setting's place in the picture."""
    index = visit.page.locator("#settings tbody tr").filter(has_text=label).first.get_attribute("data-setting")
    return f'#scatter [data-setting="{index}"]'


def labels(visit: Visit) -> list[str]:
    """Return the settings of the rows that are shown, in their order."""
    cells = visit.page.locator("#settings tbody tr:not([hidden]) th").all_inner_texts()
    return [cell.split(" ")[0].removeprefix("bbox_weight=") for cell in cells]


def ends(visit: Visit) -> list[float]:
    """Return what the ticks of the picture's axes say: along x, then along y."""
    texts = visit.page.locator("#scatter svg > g[aria-hidden] > text").all_text_contents()
    return [float(text) for text in texts[:-2]]  # the last two are titles


def test_pointing_at_a_setting_says_its_numbers_and_marks_its_row(open_page: Open, page_file: Path) -> None:
    visit = opened(open_page, page_file)
    visit.page.hover(f"{setting(visit, '=8')} .mean")
    tip = visit.page.locator(".tip")
    assert tip.is_visible()
    text = tip.inner_text()
    assert text.startswith("bbox_weight=8\n")
    assert "accuracy (test) 0.9" in text
    assert " ± " in text
    assert "3 seeds" in text
    assert "on the front" in text
    assert "against the default: too few seeds" in text
    assert visit.page.locator("tr.near th").inner_text() == "bbox_weight=8"
    visit.page.hover("h1")
    assert tip.is_hidden()
    visit.assert_quiet()


def test_the_keyboard_goes_from_setting_to_setting_and_chooses(open_page: Open, page_file: Path) -> None:
    visit = opened(open_page, page_file)
    visit.page.focus("[data-view=out]")
    visit.page.keyboard.press("Tab")
    assert visit.page.locator(".tip").inner_text().startswith("bbox_weight=32")  # the chosen one
    focused = "document.activeElement.getAttribute('aria-label')"
    assert "chosen" in visit.page.evaluate(focused)
    visit.page.keyboard.press("ArrowRight")
    visit.page.keyboard.press("ArrowRight")
    name = visit.page.evaluate(focused)
    assert name.startswith("bbox_weight=2; accuracy (test) 0.9")
    visit.page.keyboard.press("Enter")
    assert visit.page.locator("#panel h3").inner_text() == "bbox_weight=2"
    assert visit.page.locator('[aria-pressed="true"].setting').get_attribute("aria-label") == name
    assert visit.page.locator("#said").inner_text() == "Selected: bbox_weight=2"
    visit.page.keyboard.press("Home")  # trained on the class alone, or the least accurate: outside what is shown
    assert visit.page.evaluate(focused).startswith("bbox_weight=0;")
    assert visit.page.locator(".tip").is_visible()
    visit.page.keyboard.press("Tab")
    assert not visit.page.evaluate("document.activeElement.closest('#scatter')")  # one stop for all settings
    visit.assert_quiet()


def test_a_click_shows_a_setting_with_its_tests_curves_and_gallery(open_page: Open, page_file: Path) -> None:
    visit = opened(open_page, page_file)
    panel = visit.page.locator("#panel")
    assert panel.locator("h3").inner_text() == "bbox_weight=32"
    visit.page.click(f"{setting(visit, '=2')} .mean")
    assert panel.locator("h3").inner_text() == "bbox_weight=2"
    assert "3 seeds. Verdict against the default: too few seeds." in panel.inner_text()
    assert panel.locator("tbody tr").all_inner_texts()[0].startswith("the default setting\t+0.0")
    assert panel.locator(".curves figcaption").all_inner_texts() == ["accuracy", "mean IoU", "loc_acc_75"]
    assert panel.locator(".curves .this").count() == 3
    assert visit.page.locator("#its-predictions .tile").count() == IMAGES
    assert visit.page.locator("[aria-current=true] th").inner_text() == "bbox_weight=2"
    # From the table, too; a setting without a finished seed has a row alone.
    visit.page.get_by_role("button", name="bbox_weight=8", exact=True).click()
    assert panel.locator("h3").inner_text() == "bbox_weight=8"
    visit.assert_quiet()


@pytest.mark.parametrize("column", ["accuracy", "mean IoU", "n", "skill"])
def test_the_table_sorts_by_a_column_either_way(open_page: Open, page_file: Path, column: str) -> None:
    visit = opened(open_page, page_file)
    before = labels(visit)
    head = visit.page.locator("#settings thead th").filter(has=visit.page.get_by_text(column, exact=True))
    at = head.evaluate("head => head.cellIndex")
    cells = visit.page.locator(f"#settings tbody tr > :nth-child({at + 1})")
    head.locator("button").focus()
    for key, way in (("Enter", "ascending"), ("Space", "descending")):
        visit.page.keyboard.press(key)
        numbers = [float(text.split("\n")[0]) for text in cells.all_inner_texts()]
        assert numbers == sorted(numbers, reverse=way == "descending")
        assert head.get_attribute("aria-sort") == way
        assert visit.page.locator("[aria-sort=none]").count() == visit.page.locator("#settings thead th").count() - 1
    visit.page.locator("#settings thead button").first.click()
    assert labels(visit) == before == ["0", "0.5", "2", "3", "8", "32"]
    visit.assert_quiet()


def test_the_table_is_filtered_and_so_is_the_picture(open_page: Open, page_file: Path) -> None:
    visit = opened(open_page, page_file)
    visit.page.fill("#filter", "WEIGHT=3")
    assert labels(visit) == ["3", "32"]
    assert visit.page.locator("#count").inner_text() == "2 of 6 settings"
    assert visit.page.locator(setting(visit, "=2")).get_attribute("opacity") == "0.15"
    visit.page.fill("#filter", "")
    assert len(labels(visit)) == 6
    assert visit.page.locator("#count").inner_text() == ""
    visit.assert_quiet()


def test_the_picture_is_enlarged_by_button_by_drag_and_by_wheel_and_goes_back(open_page: Open, page_file: Path) -> None:
    visit = opened(open_page, page_file)
    first = ends(visit)
    assert min(first) > 0.1  # what trained one task alone is far away
    visit.page.click("[data-view=all]")
    assert min(ends(visit)) <= 0.2
    visit.page.click("[data-view=compared]")
    assert ends(visit) == first
    frame = visit.page.locator("#scatter svg").bounding_box()
    assert frame is not None
    x, y = frame["x"] + 0.4 * frame["width"], frame["y"] + 0.4 * frame["height"]
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    visit.page.mouse.move(x + 60, y + 60, steps=4)
    visit.page.mouse.up()
    dragged = ends(visit)
    assert max(dragged) - min(dragged) < max(first) - min(first)
    visit.page.mouse.dblclick(x, y)
    assert ends(visit) == first
    visit.page.mouse.wheel(0, -200)
    assert ends(visit) == first  # a wheel alone scrolls the page
    visit.page.locator("#scatter svg").dispatch_event(
        "wheel", {"deltaY": -200, "ctrlKey": True, "clientX": x, "clientY": y, "bubbles": True, "cancelable": True}
    )
    assert ends(visit) != first
    visit.page.click("[data-view=compared]")
    visit.page.click("[data-view=in]")
    assert ends(visit) != first
    visit.assert_quiet()


def test_an_image_is_shown_beside_for_all_settings(open_page: Open, page_file: Path) -> None:
    visit = opened(open_page, page_file)
    beside = visit.page.locator("#compared .tile")
    assert beside.count() == 6
    visit.page.get_by_role("button", name="Test image 3").click()
    assert {tile.get_attribute("data-place") for tile in beside.all()} == {"2"}
    truths = {tile.locator(".truth").evaluate("box => box.outerHTML") for tile in beside.all()}
    boxes = {tile.locator(".box").evaluate("box => box.outerHTML") for tile in beside.all()}
    assert (len(truths), len(boxes)) == (1, 6)
    assert visit.page.locator("#thumbnails [aria-pressed=true]").count() == 1
    assert visit.page.locator("svg.images").count() == 1  # the pictures are on the page once
    visit.assert_quiet()


def test_settings_with_other_test_images_are_shown_beside_by_themselves(open_page: Open, tmp_path: Path) -> None:
    visit = opened(open_page, report(tmp_path, weight_sweep(), read=files_of(sets=2)))
    assert visit.page.locator("svg.images").count() == 2
    assert visit.page.locator("#compared .of-set").count() == 2
    assert visit.page.locator("#compared .tile").count() == 4
    visit.assert_quiet()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_and_the_button(open_page: Open, page_file: Path, scheme: str) -> None:
    visit = opened(open_page, page_file, color_scheme=scheme)
    page_colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(21, 23, 27)"
    expected = [dark, light] if scheme == "dark" else [light, dark]
    assert visit.page.evaluate(page_colour) == expected[0]
    button = visit.page.locator("#theme")
    assert button.inner_text() == ("Light" if scheme == "dark" else "Dark")
    button.click()
    assert visit.page.evaluate(page_colour) == expected[1]
    assert button.inner_text() == ("Dark" if scheme == "dark" else "Light")
    visit.assert_quiet()


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const pixel = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = value => value <= .04045 * 255 ? value / 255 / 12.92 : ((value / 255 + .055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!hasText || !element.checkVisibility() || element.closest("svg, .skip")) continue;
    let behind = element;
    const ground = () => getComputedStyle(behind).backgroundColor;
    while (behind !== document.body && !pixel(ground())[3]) behind = behind.parentElement;
    const colours = [getComputedStyle(element).color, ground()];
    const [dark, bright] = colours.map(pixel).map(luminance).sort((a, b) => a - b);
    const ratio = (bright + .05) / (dark + .05);
    if (ratio < 4.5) found.push(`${element.tagName} ${ratio.toFixed(2)} ${element.textContent.slice(0, 30)}`);
  }
  return found;
}"""
"""Returns the visible texts whose contrast is below AA, see WCAG 2.2, 1.4.3."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_as_wcag_asks(open_page: Open, page_file: Path, scheme: str) -> None:
    visit = opened(open_page, page_file, color_scheme=scheme)
    assert visit.page.evaluate(CONTRAST) == []


def test_without_script_there_are_pictures_the_table_and_the_galleries(open_page: Open, page_file: Path) -> None:
    visit = opened(open_page, page_file, java_script_enabled=False)
    page = visit.page
    assert page.locator("#front img").is_visible()
    assert page.get_by_alt_text("Learning curves").is_visible()
    assert page.locator("#settings tbody tr").count() == 6
    assert page.locator("details.gallery[open] .tile .box").count() == IMAGES
    assert page.locator(".control:visible, .explorer:visible").count() == 0
    page.locator("details.gallery summary").last.click()
    assert page.locator("details.gallery").last.locator(".tile").first.is_visible()
    visit.assert_quiet()


def test_it_works_in_a_frame_that_allows_scripts_alone(open_page: Open, page_file: Path, tmp_path: Path) -> None:
    """As MLflow's artifact viewer shows it."""
    frame = '<iframe sandbox="allow-scripts" style="width:1200px;height:1500px" srcdoc="{}"></iframe>'
    (tmp_path / "viewer.html").write_text(frame.format(html.escape(page_file.read_text(encoding="utf-8"))))
    visit = opened(open_page, tmp_path / "viewer.html")
    inside = visit.page.frame_locator("iframe")
    inside.locator("#panel h3").wait_for()
    inside.get_by_role("button", name="bbox_weight=8", exact=True).click()
    assert inside.locator("#panel h3").inner_text() == "bbox_weight=8"
    inside.locator("#theme").click()
    inside.locator("#filter").fill("=8")
    assert inside.locator("#settings tbody tr:visible").count() == 1
    visit.assert_quiet()


def test_what_users_named_is_text_and_nothing_else(open_page: Open, tmp_path: Path) -> None:
    runs = [
        run(name, seed, job, 0.6 + job / 10, rate=name)
        for seed in range(2)
        for job, name in enumerate(("0.1", EVIL, "2"))
    ]
    visit = opened(open_page, report(tmp_path, runs, default=EVIL))
    assert visit.page.title() == "a sweep"
    visit.page.locator("#settings tbody button").filter(has_text="gone").click()
    shown = visit.page.locator("#panel h3").text_content()
    assert shown is not None
    assert shown.endswith(EVIL)
    visit.page.hover('#scatter [data-setting="1"] .mean')
    assert "<img src=x" in visit.page.locator(".tip").inner_text()
    assert visit.page.locator("img[src=x]").count() == 0
    visit.assert_quiet()


def test_no_other_script_would_run(open_page: Open, page_file: Path, tmp_path: Path) -> None:
    """Even if something got onto the page unescaped."""
    text = page_file.read_text(encoding="utf-8").replace(
        "<main>", "<main><script>document.title='gone'</script><img src='http://192.0.2.1/x.png'>", 1
    )
    (tmp_path / "broken.html").write_text(text)
    visit = opened(open_page, tmp_path / "broken.html")
    assert visit.page.title() == "a sweep"
    assert visit.requests == []
    assert len(visit.complaints) == 2


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_page_is_no_wider_than_the_window(open_page: Open, page_file: Path, width: int, tmp_path: Path) -> None:
    visit = opened(open_page, page_file, width=width)
    assert not visit.overflows()
    name = "n" * 200
    runs = [
        run(f"{name}{job}", seed, job, 0.6 + job / 10, rate=f"{name}{job}") for seed in range(2) for job in range(3)
    ]
    long = opened(open_page, report(tmp_path, runs), width=width)
    assert not long.overflows()
    long.page.hover('#scatter [data-setting="1"] .mean')
    assert not long.overflows()
    long.assert_quiet()


def test_of_many_settings_the_intervals_are_shown_where_one_looks(open_page: Open, tmp_path: Path) -> None:
    weights = [f"{weight:.4g}" for weight in np.geomspace(0.01, 100, 50)]
    visit = opened(open_page, report(tmp_path, weight_sweep(weights), default=f"w{weights[20]}"), width=NARROW)
    crosses = visit.page.locator("#scatter .cross")
    assert crosses.count() == 50
    assert crosses.locator("visible=true").count() == 2  # of the chosen and the default one
    assert "shown where you point" in visit.page.locator("#legend").inner_text()
    visit.page.get_by_role("button", name=f"bbox_weight={weights[30]}", exact=True).click()
    assert crosses.locator("visible=true").count() == 3
    visit.page.click("[data-view=compared]")
    for _ in range(4):
        visit.page.click("[data-view=in]")
    assert crosses.locator("visible=true").count() > 3
    visit.assert_quiet()


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_axes_have_a_scale_and_names_are_within_the_frame(open_page: Open, page_file: Path, width: int) -> None:
    visit = opened(open_page, page_file, width=width)
    at_x = visit.page.locator("#scatter svg > g[aria-hidden] > text[text-anchor=middle]").all_text_contents()
    assert len(at_x) >= 4  # at least two ticks, and both titles
    frame = visit.page.locator("#scatter .frame").bounding_box()
    assert frame is not None
    for name in visit.page.locator("#scatter .name:visible").all():
        box = name.bounding_box()
        assert box is not None
        assert frame["y"] - 1 <= box["y"]
        assert box["y"] + box["height"] <= frame["y"] + frame["height"] + 1


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_setting_and_one_epoch(open_page: Open, tmp_path: Path, seeds: int) -> None:
    visit = opened(open_page, report(tmp_path, weight_sweep(["1"], seeds), "w1", files_of(epochs=1)))
    text = visit.page.locator("#panel").inner_text()
    assert ("1 seed." if seeds == 1 else "2 seeds.") in text
    assert visit.page.locator(".curves text", has_text="1").count() >= 3
    for part in ("#scatter", "#panel"):
        assert "NaN" not in visit.page.locator(part).inner_html()
    visit.assert_quiet()


def test_printed_everything_is_open_and_nothing_is_left_to_press(open_page: Open, page_file: Path) -> None:
    visit = opened(open_page, page_file, color_scheme="dark", width=718)  # of A4 within its margins
    visit.page.emulate_media(media="print")
    assert visit.page.locator("#settings .scroll").evaluate("part => part.scrollWidth <= part.clientWidth")
    assert visit.page.locator("button.control:visible, .bar:visible, #filter:visible").count() == 0
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert visit.page.locator("details:not([open])").count() == 0
    visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert visit.page.locator("details:not([open])").count() > 0
