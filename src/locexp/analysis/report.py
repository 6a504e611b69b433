"""The files of a comparison: table, JSON, figures and one self-contained HTML page."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import jinja2

from locexp.analysis.answer import answers
from locexp.analysis.comparison import SweepComparison
from locexp.analysis.exports import as_csv, as_json
from locexp.analysis.figures import CAPTIONS, ReadFile, draw_figures, read_galleries
from locexp.analysis.tables import as_markdown, table
from locexp.plots.files import save
from locexp.system.files import write_whole

PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("locexp.analysis"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
"""Values of users get onto a page escaped: a setting may be called anything."""


def write_report(
    directory: Path, comparison: SweepComparison, *, title: str, notes: Sequence[str], read: ReadFile
) -> list[str]:
    """Write comparison.csv, .json, .md, the figures and report.html to a folder.

    Args:
        directory: created if it is missing.
        comparison: what to report.
        title: of the page.
        notes: what a reader must know: mixtures, missing runs.
        read: returns a file of a run: its history, its gallery.

    Returns:
        What could not be shown, in words.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name in CAPTIONS:  # an earlier comparison may have had other figures
        (directory / f"{name}.png").unlink(missing_ok=True)
    sentences, settings = answers(comparison), table(comparison)
    figures, missing = draw_figures(comparison, read)
    write_whole(directory / "comparison.csv", as_csv(comparison))
    content = as_json(comparison) | {"notes": [*notes, *missing]}
    write_whole(directory / "comparison.json", json.dumps(content, indent=1, allow_nan=False) + "\n")
    paragraphs = "\n\n".join([*sentences, *(f"Note: {note}" for note in [*notes, *missing])])
    write_whole(directory / "comparison.md", f"# {title}\n\n{paragraphs}\n\n{as_markdown(settings)}\n")
    pictures = []
    for name, figure in figures.items():
        save(figure, directory / f"{name}.png")
        pictures.append((CAPTIONS[name], (directory / f"{name}.png").read_bytes()))
    galleries, not_shown = read_galleries(comparison, read)
    missing += not_shown
    page = PAGES.get_template("report.html").render(
        title=title,
        answers=sentences,
        notes=[*notes, *missing],
        table=settings,
        metric=comparison.metric,
        is_final=comparison.is_final,
        figures=_encoded(pictures),
        galleries=_encoded(galleries),
    )
    write_whole(directory / "report.html", page)
    return missing


def _encoded(pictures: Sequence[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Return labels and PNGs in base64, as a ``data:`` address takes them."""
    return [(label, base64.b64encode(png).decode()) for label, png in pictures]
