"""The files of a comparison: table, JSON, figures and one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import jinja2
from markupsafe import Markup

from locexp.analysis.answer import answers
from locexp.analysis.comparison import SweepComparison
from locexp.analysis.curves import read_curves
from locexp.analysis.exports import as_csv, as_json
from locexp.analysis.figures import CAPTIONS, draw_figures
from locexp.analysis.galleries import Galleries, read_galleries
from locexp.analysis.headline import headline
from locexp.analysis.margins import as_margin
from locexp.analysis.page_data import page_data
from locexp.analysis.paste import chosen_weights, in_full
from locexp.analysis.results import ReadFile
from locexp.analysis.tables import as_markdown, not_pursued_table, table
from locexp.errors import counted
from locexp.evaluation.terms import printable
from locexp.plots.files import save
from locexp.plots.names import abbreviated
from locexp.system.files import write_whole

MOST_BYTES = 2_500_000
"""Of the page: galleries are left out before it grows beyond this."""
LONGEST_CLASS = 14
"""How many letters of a class's name are shown at an image."""
PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("locexp.analysis"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
"""Users' values are escaped on a page: a setting may be called anything."""
PAGES.filters["base64"] = lambda content: base64.b64encode(content).decode()
PAGES.filters["short"] = lambda name: abbreviated(printable(name), LONGEST_CLASS)


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
    curves, unread = read_curves(comparison, read)
    missing = [f"The learning curves lack {counted(unread, 'run')} without a readable history.jsonl."] if unread else []
    write_whole(directory / "comparison.csv", as_csv(comparison))
    content = as_json(comparison) | {"notes": [*notes, *missing]}
    write_whole(directory / "comparison.json", json.dumps(content, indent=1, allow_nan=False) + "\n")
    weights, equality = chosen_weights(comparison), comparison.equality
    paste = [] if weights is None else in_full(weights)
    paragraphs = "\n\n".join([*sentences, *(f"Note: {note}" for note in [*notes, *missing])])
    dropped = not_pursued_table(comparison)
    tables = [as_markdown(settings), *([as_markdown(dropped)] if dropped.rows else [])]
    lines = "".join(f"\n- {line.convention}: `{line.code}`" for line in paste)
    carried = f"\n\nThe chosen weights, to carry away:\n{lines}" if paste else ""
    write_whole(directory / "comparison.md", "\n\n".join([f"# {title}", paragraphs, *tables]) + f"{carried}\n")
    pictures = []
    for name, figure in draw_figures(comparison, curves).items():
        save(figure, directory / f"{name}.png")
        pictures.append((name, CAPTIONS[name], (directory / f"{name}.png").read_bytes()))
    pictures += _leaks(comparison, read)
    style, script = (_source(f"report.{kind}") for kind in ("css", "js"))
    render = partial(
        PAGES.get_template("report.html").render,
        title=title,
        headline=headline(comparison),
        answers=sentences,
        paste=paste,
        table=settings,
        dropped=dropped,
        metric=comparison.metric,
        margin=None if equality is None else as_margin(comparison.metric, equality.margin),
        is_final=comparison.is_final,
        figures=pictures,
        data=page_data(comparison, curves),
        style=style,
        script=script,
        # The browser runs this script and no other, whatever a user's names hold.
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    bare = render(galleries=Galleries(), notes=[*notes, *missing])
    galleries = read_galleries(comparison, read, room=MOST_BYTES - len(bare.encode()))
    missing += galleries.missing
    write_whole(directory / "report.html", render(galleries=galleries, notes=[*notes, *missing]))
    return missing


def _source(name: str) -> Markup:
    """Return a template that is ours alone, and has nothing in it to fill in."""
    return Markup((Path(__file__).parent / "templates" / name).read_text(encoding="utf-8"))


def _leaks(comparison: SweepComparison, read: ReadFile) -> list[tuple[str, str, bytes]]:
    """Return the picture of images that are in two parts of the data, with its name and caption, if a run has it."""
    runs = (run for setting in comparison.settings for run in setting.runs.values() if "leaks" in run.tags)
    run = next(runs, None)
    content = None if run is None else read(run, "pictures/leaks.png")
    return [] if content is None else [("leaks", "Images in two parts of the data", content)]
