"""A headless Chromium: pages as a reader sees them, and what they asked of the network or said on the console."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Route

OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
WIDE, NARROW = 1280, 390
"""Widths of a window on a desk and of a phone, in CSS pixels."""
LOCAL = ("file:", "data:", "blob:", "about:")
"""Beginnings of addresses that need no network."""


@dataclass
class Visit:
    """A page, and what it did beside being shown.

    Attributes:
        page: of playwright.
        requests: addresses that it asked of a network.
        complaints: errors and warnings on its console, and exceptions that nothing caught.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def assert_quiet(self) -> None:
        """Fail if the page asked the network for anything, or complained."""
        assert (self.requests, self.complaints) == ([], [])

    def overflows(self) -> bool:
        """Return whether the page has to be scrolled sideways."""
        return bool(
            self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
        )


Open = Callable[..., Visit]
"""Opens an empty page; arguments are those of playwright's ``new_context`` (``color_scheme``, ``java_script_enabled``),
``width`` of the window, and ``network``: whether what it asks for is let through, too."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a module's tests; skips where the package or a browser is absent.

    Modules import it, with :func:`open_page`. Not for the whole session: while playwright is in use, asyncio cannot be.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium or Chrome")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Open]:
    """Return a function that opens pages, which are closed at the end of the test."""
    contexts = []

    def open_(*, width: int = WIDE, height: int = 900, network: bool = False, **options: Any) -> Visit:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        visit = Visit(context.new_page())

        def handle(route: Route) -> None:
            address = route.request.url
            if not address.startswith(LOCAL):
                visit.requests.append(address)
            if network or address.startswith(LOCAL):
                route.continue_()
            else:
                route.abort()

        def said(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                visit.complaints.append(message.text)

        visit.page.route("**/*", handle)
        visit.page.on("console", said)
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        return visit

    yield open_
    for context in contexts:
        context.close()
