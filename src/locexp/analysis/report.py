"""The files of a comparison: table, JSON, figures and one self-contained HTML page."""

from __future__ import annotations

import base64
import html
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from locexp.analysis import tables
from locexp.analysis.answer import answers
from locexp.analysis.comparison import SweepComparison
from locexp.analysis.methods import FIXED
from locexp.analysis.summary import SettingSummary
from locexp.analysis.wording import named
from locexp.plots import sweeps as plots
from locexp.records.record import RunRecord

CURVES = ("accuracy", "mean_iou", "loc_acc_75")
FIGURES = ("front", "weights", "settings", "learning_curves")
MOST_GALLERIES = 24
"""A page with more pictures than this would take long to open."""
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1120px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
table { border-collapse: collapse; font-size: 12px; line-height: 1.35; font-variant-numeric: tabular-nums; }
th, td { padding: .25em .4em; text-align: right; border-bottom: 1px solid #ddd; vertical-align: top; }
th { vertical-align: bottom; } th:first-child, td:first-child, th:last-child, td:last-child { text-align: left; }
td:first-child { overflow-wrap: anywhere; min-width: 13em; } td i { color: #666; font-style: normal; font-size: 11px; }
td b { font-weight: normal; white-space: nowrap; }
tr.chosen { background: #fbe9e9; } tr.default { background: #e8f0fa; }
img { max-width: 100%; } .small { color: #666; font-size: 13px; }
.answer p:first-child { font-size: 1.15em; } summary { cursor: pointer; padding: .2em 0; }
"""


def write_report(
    directory: Path,
    found: SweepComparison,
    *,
    title: str,
    notes: Sequence[str],
    read: Callable[[RunRecord, str], bytes | None],
) -> list[str]:
    """Write comparison.csv, .json, .md, the figures and report.html to a folder.

    Args:
        directory: is made.
        found: what to report.
        title: of the page.
        notes: what a reader must know: mixtures, missing runs.
        read: returns a file of a run: its history, its gallery.

    Returns:
        What could not be shown, in words.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name in FIGURES:  # of an earlier comparison, which may have had others
        (directory / f"{name}.png").unlink(missing_ok=True)
    said, rows = answers(found), tables.table(found)
    figures, missing = _figures(found, read)
    (directory / "comparison.csv").write_text(tables.as_csv(found))
    content = tables.as_json(found) | {"notes": [*notes, *missing]}
    (directory / "comparison.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    paragraphs = "\n\n".join([*said, *(f"Note: {note}" for note in [*notes, *missing])])
    (directory / "comparison.md").write_text(f"# {title}\n\n{paragraphs}\n\n{tables.as_markdown(rows)}\n")
    pictures = {}
    for name, figure in figures.items():
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=120)
        pictures[name] = stream.getvalue()
        (directory / f"{name}.png").write_bytes(pictures[name])
    galleries, uncovered = _galleries(found, read)
    missing += uncovered
    (directory / "report.html").write_text(_page(found, title, said, rows, [*notes, *missing], pictures, galleries))
    return missing


def _ratio(setting: SettingSummary) -> float:
    """Return the ratio of fixed weights; that of a weighting method is not a number, for it changes as it trains."""
    return setting.runs.ratio if setting.runs.method == FIXED else math.nan


def _dots(found: SweepComparison) -> list[plots.Dot]:
    knee = None if found.front.knee is None else found.candidates[found.front.knee]
    roles = {knee: "knee", found.default: "default", found.chosen: "chosen"}
    dots = []
    for index in found.candidates:
        setting = found.settings[index]
        runs = setting.runs.runs.values()
        dots.append(
            plots.Dot(
                label=setting.label,
                ratio=_ratio(setting),
                means={name: interval.mean for name, interval in setting.test.items()},
                half_widths={name: interval.half_width for name, interval in setting.test.items()},
                points=np.array([[run.metrics["test/accuracy"], run.metrics["test/mean_iou"]] for run in runs]),
                role=roles.get(index, ""),
            )
        )
    return dots


def _figures(
    found: SweepComparison, read: Callable[[RunRecord, str], bytes | None]
) -> tuple[dict[str, Figure], list[str]]:
    dots = _dots(found)
    floor = found.settings[found.chosen].floor
    figures = {"front": plots.front(dots, found.front.attained, floor)}
    ratios = [dot.ratio for dot in dots]
    if all(map(math.isfinite, ratios)) and len(set(ratios)) == len(ratios) > 2:
        alone = {
            {"classification": "accuracy", "bbox": "mean_iou"}[one.runs.single_task]: one.test[
                {"classification": "accuracy", "bbox": "mean_iou"}[one.runs.single_task]
            ].mean
            for one in found.settings
            if one.runs.single_task and one.runs.runs
        }
        figures["weights"] = plots.against_weights(dots, alone, floor)
    else:
        figures["settings"] = plots.side_by_side(dots, floor)
    curves, missing = _curves(found, read)
    if curves:
        figures["learning_curves"] = plots.learning_curves(curves, {one.label: _ratio(one) for one in found.settings})
    return figures, missing


def _curves(
    found: SweepComparison, read: Callable[[RunRecord, str], bytes | None]
) -> tuple[dict[str, Mapping[str, np.ndarray]], list[str]]:
    """Return validation metrics by setting, (seeds, epochs), from the histories of the runs."""
    curves: dict[str, Mapping[str, np.ndarray]] = {}
    without = 0
    for setting in found.settings:
        histories = []
        for run in setting.runs.runs.values():
            content = read(run, "history.jsonl")
            if content is None:
                without += 1
            else:
                histories.append([json.loads(line) for line in content.decode().splitlines()])
        if not histories:
            continue
        longest = max(len(history) for history in histories)
        metrics = {}
        for name in CURVES:
            values = np.full((len(histories), longest), np.nan)
            for row, history in zip(values, histories, strict=True):
                row[: len(history)] = [epoch[f"val/{name}"] for epoch in history]
            metrics[name] = values
        curves[setting.label] = metrics
    missing = [f"{without} runs have no history.jsonl: they are not in the learning curves."] if without else []
    return curves, missing


def _galleries(
    found: SweepComparison, read: Callable[[RunRecord, str], bytes | None]
) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Return a gallery of each setting, of its first seed; of the best on validation where there are many."""
    having = [index for index, setting in enumerate(found.settings) if setting.runs.runs]
    order = sorted(having, key=lambda index: -found.settings[index].validation[found.metric].mean)
    shown: list[tuple[str, bytes]] = []
    without, missing = [], []
    for index in order[:MOST_GALLERIES]:
        setting = found.settings[index]
        seed, run = min(setting.runs.runs.items())
        content = read(run, "pictures/gallery_random.png")
        if content is None:
            without.append(setting.label)
        else:
            shown.append((f"{setting.label}, seed {seed}", content))
    if without:
        missing.append(f"Not in the store are the galleries of: {named(without)}.")
    if len(order) > MOST_GALLERIES:
        missing.append(
            f"Galleries are shown for the {MOST_GALLERIES} best settings on validation; those of the other "
            f"{len(order) - MOST_GALLERIES} are with their runs."
        )
    return shown, missing


def _page(
    found: SweepComparison,
    title: str,
    said: Sequence[str],
    rows: Sequence[Sequence[str]],
    notes: Sequence[str],
    pictures: Mapping[str, bytes],
    galleries: Sequence[tuple[str, bytes]],
) -> str:
    captions = {
        "front": "Accuracy against mean IoU",
        "weights": "Metrics against the weights",
        "settings": "Metrics by setting",
        "learning_curves": "Learning curves",
    }
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{STYLE}</style>",
        f"<h1>{html.escape(title)}</h1><div class=answer>",
        *(f"<p>{html.escape(sentence)}</p>" for sentence in said),
        "</div>",
        *(f"<p class=small>Note: {html.escape(note)}</p>" for note in notes),
        "<h2>Settings</h2>",
        _html_table(rows),
        "<p class=small>Mean ± 95 % interval over seeds, on test. floor: the mean IoU of a constant box; skill: (mean "
        "IoU − floor) / (1 − floor). Δ: how much worse than the run that trained this task alone, in percent, lower is "
        "better; Δm: the mean of both. verdict: against the default setting by Wilcoxon's signed-rank test over seeds, "
        f"corrected by Holm, on {html.escape(found.metric)}{' of final runs' if found.is_final else ''}. More numbers "
        "are in comparison.csv.</p>",
    ]
    for name, content in pictures.items():
        parts.append(f"<h2>{captions[name]}</h2>{_image(content, captions[name])}")
    if galleries:
        parts.append("<h2>Predictions</h2><p class=small>Truth and prediction on the same test images.</p>")
        for label, content in galleries:
            opened = " open" if label == galleries[0][0] else ""
            parts.append(f"<details{opened}><summary>{html.escape(label)}</summary>{_image(content, label)}</details>")
    return "\n".join(parts) + "</html>\n"


def _html_table(rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in rows[0])
    body = []
    for row in rows[1:]:
        kind = next((name for name in ("chosen", "default") if f"{name}" in row[0].partition("(")[2]), "")
        cells = "".join(f"<td>{_html_cell(cell)}</td>" for cell in row)
        body.append(f"<tr class={kind}>{cells}</tr>" if kind else f"<tr>{cells}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _html_cell(cell: str) -> str:
    """Put a mean and its interval on lines of their own, and let a setting wrap between its keys, not within them."""
    mean, sign, half_width = cell.partition(" ±")
    words = " ".join(f"<b>{html.escape(word)}</b>" for word in mean.split(" "))
    return f"{words}<br><i>±{html.escape(half_width)}</i>" if sign else words


def _image(content: bytes, label: str) -> str:
    encoded = base64.b64encode(content).decode()
    return f'<img alt="{html.escape(label)}" src="data:image/png;base64,{encoded}">'
