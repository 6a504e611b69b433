"""The files of a comparison: table, JSON, figures and one self-contained HTML page."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import jinja2

from locexp.analysis.answer import answers, shortened
from locexp.analysis.comparison import SweepComparison
from locexp.analysis.exports import as_csv, as_json
from locexp.analysis.figures import CAPTIONS, draw_figures
from locexp.analysis.results import ReadFile
from locexp.analysis.tables import as_markdown, table
from locexp.evaluation.metrics import sign_of
from locexp.plots.files import save
from locexp.system.files import write_whole

MAX_GALLERIES = 24
"""A page with more pictures than this would take long to open."""
PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("locexp.analysis"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
"""Users' values are escaped on a page: a setting may be called anything."""
PAGES.filters["base64"] = lambda png: base64.b64encode(png).decode()


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
    pictures += _leaks(comparison, read)
    galleries, not_shown = read_galleries(comparison, read)
    missing += not_shown
    page = PAGES.get_template("report.html").render(
        title=title,
        answers=sentences,
        notes=[*notes, *missing],
        table=settings,
        metric=comparison.metric,
        is_final=comparison.is_final,
        figures=pictures,
        galleries=galleries,
    )
    write_whole(directory / "report.html", page)
    return missing


def _leaks(comparison: SweepComparison, read: ReadFile) -> list[tuple[str, bytes]]:
    """Return the picture of images that are in two parts of the data, with its caption, if a run has it."""
    runs = (run for setting in comparison.settings for run in setting.runs.values() if "leaks" in run.tags)
    run = next(runs, None)
    content = None if run is None else read(run, "pictures/leaks.png")
    return [] if content is None else [("Images in two parts of the data", content)]


def read_galleries(comparison: SweepComparison, read: ReadFile) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Return the gallery of each setting's first seed, best setting on validation first, and what is left out.

    Returns:
        Labels with PNGs, at most :data:`MAX_GALLERIES`; and in words, which galleries are not among them.
    """
    finished = [setting for setting in comparison.settings if setting.runs]
    sign = sign_of(comparison.metric)
    ordered = sorted(finished, key=lambda setting: -sign * setting.validation[comparison.metric].mean)
    galleries: list[tuple[str, bytes]] = []
    absent, missing = [], []
    for setting in ordered[:MAX_GALLERIES]:
        seed, run = min(setting.runs.items())
        content = read(run, "pictures/gallery_random.png")
        if content is None:
            absent.append(setting.label)
        else:
            galleries.append((f"{setting.label}, seed {seed}", content))
    if absent:
        missing.append(f"There is no gallery of: {shortened(absent)}.")
    if len(ordered) > MAX_GALLERIES:
        missing.append(
            f"Galleries are shown for the {MAX_GALLERIES} best settings on validation; those of the other "
            f"{len(ordered) - MAX_GALLERIES} are with their runs."
        )
    return galleries, missing
