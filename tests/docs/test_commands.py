"""What the how-tos tell a reader to type is composed without an error; a key that was renamed would show here."""

from __future__ import annotations

import csv
import html
import re
import shlex
from pathlib import Path

import pytest

from tests.configuration.composed import compose_one, planned
from tests.docs.pages import DOCS, ROOT, commands

PAGES = [
    ROOT / "README.md",
    *(DOCS / f"{name}.md" for name in ("index", "faq", "which", "tutorial", "weighting", "box_losses", "diagnosis")),
    *sorted((DOCS / "howto").glob("*.md")),
]
ELSEWHERE = (
    "trainer.resume",
    "sweep.resume",
    "data.path",
    "hydra/launcher",
    "hydra.launcher",
    "--help",
    "--config-dir",
)
"""Words that need what is not here (a run, a folder of photos, a launcher's package), or compose nothing."""
WHOLE = ("sweep=bbox_weight", "sweep=weighting", "sweep=bbox_loss", "sweep=simplex")


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_command_that_trains_can_be_composed(page: Path) -> None:
    for line in commands(page):
        words = shlex.split(line, comments=True)[3:]
        if any(word.startswith(ELSEWHERE) for word in words):
            continue
        swept = [word for word in words if word not in ("-m", "--multirun")]
        if swept != words or any(word in WHOLE for word in words):
            assert planned(*_few(swept)), line
        else:
            compose_one(*words)


def _few(words: list[str]) -> list[str]:
    """Leave replicates out, which are not composed anew, and half of a whole sweep's grid."""
    kept = [word for word in words if not word.startswith("sweep.seeds=")]
    points = ["sweep.points=2"] if re.search("sweep=(bbox_weight|weighting)", " ".join(kept)) else []
    return [*(word for word in kept if not word.startswith("sweep.points=")), *points, "sweep.seeds=1"]


def test_measured_numbers_are_those_of_their_pages() -> None:
    """The page that answers quickly measures nothing: what it says of methods and losses is said by their pages."""
    sources = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("weighting.md", "box_losses.md"))
    text = (DOCS / "which.md").read_text(encoding="utf-8").partition("## Which method?")[2]
    numbers = set(re.findall(r"\.\d{4} ± \.\d{4}", text))
    assert len(numbers) > 40
    assert not [number for number in numbers if number not in sources]


def test_measured_numbers_of_the_weight_sweep_are_those_of_its_file() -> None:
    """``comparison.csv`` of the sweep: mean and half width, as the page writes them."""
    with (DOCS / "tables" / "bbox_weight.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sources = {
        f"{float(row[name]):.4f} ± {float(row[name.removesuffix('mean') + 'half_width']):.4f}".replace("0.", ".")
        for row in rows
        for name in row
        if name.endswith("/mean") and row[name]
    }
    text = (DOCS / "which.md").read_text(encoding="utf-8").partition("## Which method?")[0]
    numbers = re.findall(r"\.\d{4} ± \.\d{4}", text)
    assert len(numbers) > 20
    assert not [number for number in numbers if number not in sources]


def test_the_answer_on_the_first_page_is_that_of_the_demo() -> None:
    demo = (DOCS / "demo" / "report.html").read_text(encoding="utf-8")
    (lead,) = re.findall(r"<p class=lead>(.*?)</p>", demo)
    for page in (ROOT / "README.md", DOCS / "understanding.md"):
        assert html.unescape(lead) in page.read_text(encoding="utf-8"), page
    templates = ROOT / "src" / "locexp" / "analysis" / "templates"
    for name in ("report.css", "report.js"):  # a page of another version is made anew, see docs/demo.md
        assert (templates / name).read_text(encoding="utf-8") in demo
