"""The docs' tutorial and notebook are true: what they run prints what they quote."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documented import Block, agree, blocks, commands, deviations, quote, run_page
from tests.notebook import as_page, executed, without_varying

DOCS = Path(__file__).parent.parent / "docs"
NOTEBOOK = DOCS / "notebooks" / "read_a_sweep.py"
ANEW = "python -m tests.documented docs/tutorial.md docs/notebooks/read_a_sweep.py quotes it anew."


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[Block, str]]]:
    """The folder in which the commands of the tutorial were run, and what they printed."""
    folder = tmp_path_factory.mktemp("tutorial")
    return folder, run_page(DOCS / "tutorial.md", folder)


@pytest.mark.slow
def test_the_commands_of_the_tutorial_print_what_it_quotes(tutorial: tuple[Path, list[tuple[Block, str]]]) -> None:
    _, quotations = tutorial
    assert len(quotations) >= 6
    found = [line for below, made in quotations for line in deviations(below.body, made)]
    assert not found, "\n".join([*found, ANEW])


@pytest.mark.slow
@pytest.mark.extra
def test_the_notebook_prints_and_draws_what_its_page_shows(tutorial: tuple[Path, list[tuple[Block, str]]]) -> None:
    pytest.importorskip("jupytext")
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    page = as_page(executed(NOTEBOOK, tutorial[0]), NOTEBOOK.stem)
    shown = NOTEBOOK.with_suffix(".md").read_text(encoding="utf-8")
    found = deviations(without_varying(shown), without_varying(page.text))
    assert not found, "\n".join([*found, ANEW])
    assert {path.name for path in NOTEBOOK.parent.glob("*.png")} == set(page.pictures)


def test_the_page_has_the_cells_of_the_notebook() -> None:
    """Whoever edits one of them is told at once."""
    source = NOTEBOOK.read_text(encoding="utf-8")
    shown = [block.body for block in blocks(NOTEBOOK.with_suffix(".md").read_text(encoding="utf-8"))]
    cells = [body for body in shown if body in source]
    assert len(cells) == source.count("\n# %%") - source.count("[markdown]")


def test_a_page_is_read_block_by_block(tmp_path: Path) -> None:
    text = (
        "A\n\n```bash\necho a\n```\n\n<!-- lines: ^b -->\n```text\nb 1\n```\n\n<!-- not run -->\n```bash\nexit 1\n```\n"
    )
    assert [(one.language, one.comment) for one in blocks(text)] == [
        ("bash", ""), ("text", "lines: ^b"), ("bash", "not run"),
    ]  # fmt: skip
    ((command, below),) = commands(text)
    assert (command.body, text[below.start : below.end] if below else "") == ("echo a\n", "b 1\n")
    assert below is not None
    assert quote(f"x\nb {tmp_path}/y\nc\nd\nb 2\ne\n", below, tmp_path) == "b /home/me/locexp/y\n…\nb 2\n"


@pytest.mark.parametrize(
    ("quoted", "printed", "expected"),
    [
        ("accuracy   0.9720", "accuracy 0.9500", True),
        ("accuracy   0.9720", "accuracy 0.9000", False),
        ("accuracy   0.9720", "mean_iou 0.9720", False),
        ("0.9340 ±0.1000  better", "0.9340 ±0.1800  better", True),
        ("0.9340 ±0.1000  better", "0.9340 ±0.1000  worse", False),
        ("7  0.9897     5.7     7.0", "7  0.9700     6.6     5.9", True),
        ("7  0.9897     5.7     7.0", "7  0.9700     9.6     7.0", False),
        ("epoch 1/5  3.6 s  1,113 images/s", "epoch 1/5  12.6 s  93 images/s", True),
        ("epoch 1/5  3.6 s", "epoch 1/6  3.6 s", False),
        ("multirun/2026-11-28/20-49-28-20f460/comparison", "multirun/2027-01-02/21-00-00-abcdef/comparison", True),
        ("p = 0.016, corrected 0.031", "p = 0.500, corrected 1.000", False),
    ],
)
def test_what_may_differ_does(quoted: str, printed: str, expected: bool) -> None:
    assert agree(quoted, printed) == expected


def test_lines_that_are_missing_are_seen() -> None:
    assert deviations("a 1.0\nb\n", "a 1.01\nb\n") == []
    assert len(deviations("a\nb\n", "a\n")) == 1
