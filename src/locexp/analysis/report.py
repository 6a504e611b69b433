"""The files of a comparison: table, JSON, figures and one self-contained HTML page."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import jinja2

from locexp.analysis.answer import answers
from locexp.analysis.comparison import SweepComparison
from locexp.analysis.exports import as_csv, as_json
from locexp.analysis.figures import CAPTIONS, ReadFile, draw_figures, read_galleries
from locexp.analysis.tables import Table, as_markdown, table

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
    (directory / "comparison.csv").write_text(as_csv(comparison))
    content = as_json(comparison) | {"notes": [*notes, *missing]}
    (directory / "comparison.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    paragraphs = "\n\n".join([*sentences, *(f"Note: {note}" for note in [*notes, *missing])])
    (directory / "comparison.md").write_text(f"# {title}\n\n{paragraphs}\n\n{as_markdown(settings)}\n")
    pictures = {}
    for name, figure in figures.items():
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=120)
        pictures[name] = stream.getvalue()
        (directory / f"{name}.png").write_bytes(pictures[name])
    galleries, not_shown = read_galleries(comparison, read)
    missing += not_shown
    page = _page(comparison, title, sentences, settings, [*notes, *missing], pictures, galleries)
    (directory / "report.html").write_text(page)
    return missing


def _page(
    comparison: SweepComparison,
    title: str,
    sentences: Sequence[str],
    settings: Table,
    notes: Sequence[str],
    pictures: Mapping[str, bytes],
    galleries: Sequence[tuple[str, bytes]],
) -> str:
    return PAGES.get_template("report.html").render(
        title=title,
        answers=sentences,
        notes=notes,
        table=settings,
        metric=comparison.metric,
        is_final=comparison.is_final,
        figures=_encoded((CAPTIONS[name], png) for name, png in pictures.items()),
        galleries=_encoded(galleries),
    )


def _encoded(pictures: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Return labels and PNGs in base64, as a ``data:`` address takes them."""
    return [(label, base64.b64encode(png).decode()) for label, png in pictures]
