"""Commands as the docs show them: run block by block, and what they print compared with what is quoted.

On a page, a block of ``bash`` or ``python`` is a command, and a block of ``text`` below it quotes what it printed. Two
comments in front of a block say more::

    <!-- not run -->            the command is shown, not run
    <!-- lines: REGEX -->       only matching lines are quoted; … stands for those between them

and ``<!-- picture: PATTERN -->`` in front of an image says which file of the commands it is.

    python -m tests.documented docs/tutorial.md docs/notebooks/read_a_sweep.py

runs the commands of pages, and notebooks, one after another in a temporary folder, and writes what they print and draw
into the pages: no output is typed by hand.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.notebook import as_page, executed

SHOWN_FOLDER = "/home/me/locexp"
"""Stands on a page for the folder in which the commands ran."""
BLOCK = re.compile(
    r"(?:^<!-- (?P<comment>[^\n]+?) -->\n)?^```(?P<language>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
PICTURE = re.compile(r"^<!-- picture: (?P<source>\S+) -->\n!\[[^\]]*\]\((?P<target>[^)]+)\)", re.MULTILINE)
MASKED = (
    re.compile(r"\d{4}-\d\d-\d\d[-/]\d\d-\d\d-\d\d-[0-9a-f]{6}"),
    re.compile(r"\b[0-9a-f]{32}\b"),
    re.compile(r"[\d.,]+ (?:images/s|min left|s left|min|s\b)"),
    re.compile(r"about \d+ seeds to show"),
    re.compile(r"seed \d+: multirun/\S+"),
)
"""What is another in each run, or on another machine: ids, times, an estimate that hangs on the spread of a few seeds,
and which run of a setting is the best one."""
NUMBER = re.compile(r"(?P<half>± ?)?(?P<number>[-+]?\d+\.\d+)")
TOLERANCE, OF_PIXELS, OF_HALF_WIDTH = 0.06, 0.2, 0.6
"""How far a number may be from the quoted one, since another processor or number of threads trains other weights: by
this much; a number over 1, and the half width of an interval, by this share of itself as well."""


@dataclass(frozen=True)
class Block:
    """A block of code on a page.

    Attributes:
        language: after its three backquotes.
        body: its lines.
        comment: in the comment in front of it; may be empty.
        start, end: of the body in the page's text.
    """

    language: str
    body: str
    comment: str
    start: int
    end: int


def blocks(text: str) -> list[Block]:
    """Return the blocks of code on a page."""
    return [
        Block(found["language"], found["body"], found["comment"] or "", found.start("body"), found.end("body"))
        for found in BLOCK.finditer(text)
    ]


def commands(text: str) -> Iterator[tuple[Block, Block | None]]:
    """Yield the commands of a page that are run, each with the block that quotes its output, if there is one."""
    found = blocks(text)
    for block, below in zip(found, [*found[1:], None], strict=True):
        if block.language in ("bash", "python") and block.comment != "not run":
            yield block, below if below is not None and below.language == "text" else None


def run(block: Block, folder: Path) -> str:
    """Run a command in a folder; returns what it printed."""
    command = ["bash", "-ec", block.body] if block.language == "bash" else [sys.executable, "-c", block.body]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{block.body}\n{done.stdout}"
    return done.stdout


def quote(printed: str, below: Block, folder: Path) -> str:
    """Return what a command printed as its page quotes it."""
    kind, _, pattern = below.comment.partition(": ")
    lines: list[str] = []
    for line in printed.replace(str(folder), SHOWN_FOLDER).strip("\n").splitlines():
        if kind != "lines" or re.search(pattern, line):
            lines.append(line.rstrip())
        elif lines and lines[-1] != "…":
            lines.append("…")
    while lines and lines[-1] == "…":
        lines.pop()
    return "\n".join(lines) + "\n"


def deviations(quoted: str, made: str) -> list[str]:
    """Return the lines of a quotation that differ from what was printed by more than they may."""
    pairs = list(zip(quoted.splitlines(), made.splitlines(), strict=False))
    found = [f"quoted:  {one}\nprinted: {other}" for one, other in pairs if not agree(one, other)]
    if len(quoted.splitlines()) != len(made.splitlines()):
        found.append(f"quoted {len(quoted.splitlines())} lines, printed {len(made.splitlines())}:\n{made}")
    return found


def agree(quoted: str, printed: str) -> bool:
    """Whether two lines are the same but for what is masked, spaces, and numbers within the tolerances."""
    for pattern in MASKED:
        quoted, printed = (pattern.sub("*", line) for line in (quoted, printed))
    texts = [" ".join(NUMBER.sub(" # ", line).split()) for line in (quoted, printed)]
    if texts[0] != texts[1]:
        return False
    for one, other in zip(NUMBER.finditer(quoted), NUMBER.finditer(printed), strict=True):
        numbers = float(one["number"]), float(other["number"])
        share = OF_HALF_WIDTH if one["half"] else OF_PIXELS if max(numbers) > 1 else 0.0
        if abs(numbers[0] - numbers[1]) > TOLERANCE + share * max(numbers):
            return False
    return True


def run_page(page: Path, folder: Path) -> list[tuple[Block, str]]:
    """Run the commands of a page in a folder; returns each block that quotes, and what it should be."""
    found = []
    for block, below in commands(page.read_text(encoding="utf-8")):
        printed = run(block, folder)
        if below is not None:
            found.append((below, quote(printed, below, folder)))
    return found


def rewrite(page: Path, folder: Path) -> None:
    """Run the commands of a page in a folder, and put what they print, and their pictures, into the page."""
    text = page.read_text(encoding="utf-8")
    for below, made in reversed(run_page(page, folder)):
        text = text[: below.start] + made + text[below.end :]
    page.write_text(text, encoding="utf-8")
    for picture in PICTURE.finditer(text):
        source = max(folder.glob(picture["source"]))
        shutil.copy(source, page.parent / picture["target"])


def rewrite_notebook(source: Path, folder: Path) -> None:
    """Run a notebook in a folder, and make its page and pictures anew."""
    page = as_page(executed(source, folder), source.stem)
    source.with_suffix(".md").write_text(page.text, encoding="utf-8")
    for name, content in page.pictures.items():
        (source.parent / name).write_bytes(content)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for given in map(Path, sys.argv[1:]):
            (rewrite_notebook if given.suffix == ".py" else rewrite)(given, Path(temporary).resolve())
