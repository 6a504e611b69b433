"""The pages of the docs as a host of repositories shows them, and the scripts that fill in those of the site."""

from __future__ import annotations

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
FENCE = re.compile(r"^( *)(`{3,})([^\n]*)\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:href|src)=\"([^\"]+)\"")


def hook(name: str) -> ModuleType:
    """Import a script of docs/hooks/."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "hooks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def key_reference() -> str:
    """What stands for ``<!-- keys -->`` on the site."""
    text: str = hook("key_reference").markdown()
    return text


@cache
def prose(page: Path) -> str:
    """A page without its blocks and spans of code; the key reference filled in."""
    text = page.read_text(encoding="utf-8")
    if "<!-- keys -->" in text:
        text = text.replace("<!-- keys -->", key_reference())
    return re.sub(r"`[^`\n]*`", lambda span: span[0] if "](" not in span[0] else "", FENCE.sub("", text))


def links(page: Path) -> list[str]:
    """The links and pictures of a page."""
    return [first or second for first, second in LINK.findall(prose(page))]


@cache
def anchors(page: Path) -> frozenset[str]:
    """The places in a page that can be linked to: headings, as GitHub and the site name them, and ids."""
    found = set(re.findall(r"id=\"([^\"]+)\"", prose(page)))
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return frozenset(found)


def commands(page: Path) -> list[str]:
    """The commands that train, in the blocks of a page for a shell; lines that go on are one."""
    text = page.read_text(encoding="utf-8")
    blocks = [block[3].replace("\\\n", " ") for block in FENCE.findall(text) if block[2] == "bash"]
    return [found for block in blocks for found in re.findall(r"python -m locexp\.train\b[^\n]*", block)]
