"""The site builds with every warning an error, and asks no other host for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import NARROW, WIDE, Open, chromium, open_page
from tests.docs.pages import DOCS, ROOT

__all__ = ["chromium", "open_page"]

pytestmark = [pytest.mark.slow, pytest.mark.extra]
FETCHED = re.compile(r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=\"?([^\s\">]+)[^>]*>")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built without a network."""
    for package in ("mkdocs", "material", "mkdocstrings_handlers.python"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("site")
    proxies = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | proxies,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    pages = [page.relative_to(DOCS).with_suffix(".html") for page in DOCS.rglob("*.md")]
    assert [page for page in pages if not (site / page).is_file()] == []
    assert not (site / "hooks").exists()


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        found = [
            address
            for address in FETCHED.findall(page.read_text(encoding="utf-8"))
            if re.match(r"(https?:)?//", address)
        ]
        assert found == [], page


def test_the_key_reference_and_the_api_are_filled_in(site: Path) -> None:
    assert "trainer.early_stopping" in (site / "keys.html").read_text(encoding="utf-8")
    for page, name in [
        ("losses", "locexp.losses.giou.giou"),
        ("weighting", "locexp.losses.weighting.stch.Stch"),
        ("boxes", "locexp.bbox.tight.Tight"),
        ("models", "locexp.models.cnn.build"),
        ("data", "locexp.data.photos.coco.load"),
        ("sweeps", "locexp.sweep.plans.bbox_weight.bbox_weight"),
    ]:
        text = (site / "api" / f"{page}.html").read_text(encoding="utf-8")
        assert f'id="{name}"' in text
        assert ":func:" not in text


def test_the_search_knows_the_keys(site: Path) -> None:
    assert "trainer.early_stopping" in (site / "search" / "search_index.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_and_are_quiet(site: Path, open_page: Open, width: int, scheme: str) -> None:
    for name in ("index", "howto/bad_boxes", "keys", "api/weighting", "statistics", "faq", "which", "demo"):
        visit = open_page(width=width, color_scheme=scheme)
        visit.page.goto((site / f"{name}.html").as_uri())
        assert not visit.overflows(), name
        visit.assert_quiet()


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_search_works_on_files_alone(site: Path, open_page: Open, width: int) -> None:
    visit = open_page(width=width)
    visit.page.goto((site / "index.html").as_uri())
    visit.page.click("input.md-search__input" if width == WIDE else "label.md-header__button[for=__search]")
    visit.page.keyboard.type("early_stopping")
    visit.page.wait_for_selector(".md-search-result__item a[href*='keys.html']")
    visit.assert_quiet()
