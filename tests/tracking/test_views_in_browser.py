"""What the links, the views and the descriptions show in a browser, with the real server of ``python -m locexp.ui``."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from locexp.tracking.descriptions import escaped
from locexp.tracking.view_format import DESCRIPTION_TAG, PAGE
from tests.analysis.test_compare_command import SETTINGS, Bench, compare
from tests.browser import Open, Visit, chromium, open_page  # noqa: F401
from tests.conftest import PORTS

pytestmark = [pytest.mark.slow, pytest.mark.extra]

SEEDS, LONG = 4, "2026-long"
DOTS = ".scatterlayer .point"
PATIENCE = 60_000
"""In milliseconds: the machine may be busy."""
NASTY = "a|b <img src=x> [c](http://x) _d_ *e* `f` :smile: @g & &amp; ~~h~~ 1. 50% \\* ![i](j)"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, quick_stores: None) -> Bench:
    """A compared sweep of six settings with four seeds each, and a run that is described as nobody would."""
    made = Bench(tmp_path_factory.mktemp("views"))
    for weights in SETTINGS:
        for seed in range(SEEDS):
            last = made.child(weights, seed)
    made.client.set_tag(last, DESCRIPTION_TAG, escaped(NASTY))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.place)
        compare()
    return made


@pytest.fixture(scope="module")
def links(bench: Bench) -> Iterator[dict[str, str]]:
    """What ``python -m locexp.ui`` prints, by name, while it serves."""
    command = [sys.executable, "-m", "locexp.ui", "--port", str(PORTS + 77)]
    process = subprocess.Popen(command, cwd=bench.place, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    yield dict(re.findall(r"(?m)^(\w+) +(http\S+)$", "".join(lines)))
    process.send_signal(signal.SIGTERM)
    process.wait()


def go(visit: Visit, address: str, awaited: str) -> None:
    visit.page.goto(address)
    visit.page.locator(awaited).first.wait_for(timeout=PATIENCE)


def shows_dots(visit: Visit, count: int) -> None:
    """Wait until the scatter has so many dots, and look that no more come."""
    wanted = f"document.querySelectorAll('{DOTS}').length === {count}"
    visit.page.wait_for_function(wanted, timeout=PATIENCE)
    visit.page.wait_for_timeout(1500)
    assert visit.page.locator(DOTS).count() == count


def is_for_training(visit: Visit) -> bool:
    """Whether the page is that of model training, not that of generative AI."""
    beside = visit.page.locator("nav").first.inner_text()
    assert "Runs" in beside or "Judges" in beside
    return "Judges" not in beside and "Prompts" not in beside


def test_the_front_is_one_click_away(links: dict[str, str], open_page: Open) -> None:  # noqa: F811
    visit = open_page(height=800, network=True)
    go(visit, links["front"], DOTS)
    shows_dots(visit, SEEDS * len(SETTINGS))
    assert is_for_training(visit)
    box = visit.page.locator(DOTS).first.bounding_box()
    assert box is not None
    assert box["y"] < 800  # without scrolling
    assert "The front on test: runs" in visit.page.locator("body").inner_text()


def test_the_means_have_a_dot_per_setting(bench: Bench, links: dict[str, str], open_page: Open) -> None:  # noqa: F811
    visit = open_page(network=True, height=2000)
    go(visit, links["front"] + "-means", DOTS)
    shows_dots(visit, len(SETTINGS))
    assert is_for_training(visit)
    text = visit.page.locator("body").inner_text()
    assert "Group by: setting" in text
    assert "bbox_weight=50" in text  # a dot's name
    assert "Parallel Coordinates" in text
    assert "0.92" in text  # its bar of the accuracy


def test_the_other_links_open_what_they_say(links: dict[str, str], open_page: Open) -> None:  # noqa: F811
    visit = open_page(network=True)
    go(visit, links["sweeps"], "text=sweep x")
    assert is_for_training(visit)
    assert "bbox_weight=50" not in visit.page.locator("body").inner_text()


def test_the_description_of_a_sweep_is_shown(bench: Bench, links: dict[str, str], open_page: Open) -> None:  # noqa: F811
    base = links["runs"].partition("/#")[0]
    visit = open_page(width=1600, network=True)
    address = f"{base}/#/experiments/{bench.experiment}/runs/{bench.parent}?workflowType=machine_learning"
    go(visit, address, "text=the front in charts")
    loaded = "[...document.images].some(one => one.src.includes('get-artifact') && one.naturalWidth > 300)"
    visit.page.wait_for_function(loaded, timeout=PATIENCE)
    assert visit.page.locator("td", has_text="bbox_weight=100 (chosen)").count() == 1
    assert is_for_training(visit)
    with visit.page.context.expect_page() as opened:
        visit.page.locator("text=the front in charts").click()
    there = Visit(opened.value)
    there.page.locator(DOTS).first.wait_for(timeout=PATIENCE)
    shows_dots(there, SEEDS * len(SETTINGS))


def test_an_escaped_text_is_shown_as_it_is(bench: Bench, links: dict[str, str], open_page: Open) -> None:  # noqa: F811
    base = links["runs"].partition("/#")[0]
    visit = open_page(width=1600, network=True)
    runs = bench.client.search_runs([bench.experiment], "tags.kind = 'run'")
    (described,) = (run.info.run_id for run in runs if DESCRIPTION_TAG in run.data.tags)
    address = f"{base}/#/experiments/{bench.experiment}/runs/{described}?workflowType=machine_learning"
    go(visit, address, "text=Description")
    assert NASTY in visit.page.locator("body").inner_text()


def test_beyond_a_page_the_first_hundred_are_some_seeds_of_every_setting(
    tmp_path: Path,
    bench: Bench,
    links: dict[str, str],
    open_page: Open,  # noqa: F811
) -> None:
    from locexp.tracking.location import locate
    from locexp.tracking.presenting import present
    from locexp.tracking.store import MlflowStore

    tags = {"sweep_id": LONG}
    parent = bench.client.create_run(bench.experiment, run_name="long", tags={"kind": "sweep", **tags})
    for seed in range(18):
        for weights in SETTINGS:
            bench.child(weights, seed, tags=tags, parameters={"seed": str(seed)})
    store = MlflowStore(locate(str(bench.place / "mlruns"), None, "locexp"))
    shown = present(store.client, store.location, store.sweep(parent.info.run_id), store.children(LONG))
    assert [note for note in shown.notes if "Load more" in note]
    front = re.sub(r"(viewStateShareKey=).*", rf"\g<1>{urllib.parse.quote(LONG)}", links["front"])
    visit = open_page(network=True)
    go(visit, front, DOTS)
    shows_dots(visit, PAGE)
    visit.page.locator("text=Load more").click()
    shows_dots(visit, 18 * len(SETTINGS))
