"""The files that show how a run went: tables and pictures; and its final metrics."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from locexp.bbox.geometry import to_pixels
from locexp.bbox.scenes import Scenes
from locexp.evaluation import calibration
from locexp.evaluation import metrics as measure
from locexp.evaluation.metrics import Predictions
from locexp.run import diagnosis

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

GALLERY_SIZE = 24
SCENES_SHOWN = 12
GALLERY_SEED = 0
"""Fixes which examples are shown, so that two runs on the same data show the same ones."""


def final_metrics(
    test: Predictions, floors: dict[str, float], history: list[dict[str, float]], best: int, kept: int
) -> dict[str, float]:
    """Return the metrics that sum a run up.

    Args:
        test: of the kept weights.
        floors: see :func:`locexp.evaluation.metrics.floors`.
        history: one row an epoch.
        best: the epoch with the best monitored validation metric, from 1.
        kept: the epoch whose weights are kept, from 1.

    Returns:
        ``test/…``, ``best/…`` and ``kept/…`` (validation at the best epoch and at the one whose weights are kept),
        ``floor/…``, ``skill/mean_iou`` (absent where the floor is 1), ``epochs``, ``time/training_seconds``, and
        ``mean_weights/classification`` and ``mean_weights/bbox``: the effective weights over the whole run.
    """
    measured = measure.summarise(test) | measure.four_way(test) | calibration.summarise(test)
    values = {f"test/{name}": value for name, value in measured.items()}
    for part, epoch in (("best", best), ("kept", kept)):
        values |= {f"{part}/{name}": history[epoch - 1][f"val/{name}"] for name in measure.HEADLINES}
    values |= {f"floor/{name}": value for name, value in floors.items()}
    skill = measure.skill(values["test/mean_iou"], floors["mean_iou"])
    if skill is not None:
        values["skill/mean_iou"] = skill
    values |= {"best/epoch": float(best), "kept/epoch": float(kept), "epochs": float(len(history))}
    for name in ("classification", "bbox"):
        values[f"mean_weights/{name}"] = float(np.mean([row[f"weights/{name}"] for row in history]))
    values["time/training_seconds"] = sum(row["time/epoch_seconds"] for row in history)
    return values


def write_tables(directory: Path, test: Predictions) -> None:
    """Write predictions.csv, per_class.csv, four_way.csv, confusion_matrix.csv and those of
    :func:`locexp.run.diagnosis.tables` to ``directory``.
    """
    directory.mkdir(exist_ok=True)
    _write_predictions(directory / "predictions.csv", test)
    _write_table(directory / "per_class.csv", measure.per_class(test))
    _write_table(directory / "four_way.csv", [measure.four_way(test)])
    np.savetxt(directory / "confusion_matrix.csv", measure.confusion_matrix(test), fmt="%d", delimiter=",")
    for name, rows in diagnosis.tables(test).items():
        _write_table(directory / f"{name}.csv", rows)


def write_pictures(
    directory: Path, images: np.ndarray, test: Predictions, history: list[dict[str, float]], best: int, floor: float
) -> list[str]:
    """Write the pictures of a run to ``directory``.

    Args:
        images: the test images, uint8 (n, height, width).
        test: what was predicted for them.
        history, best: see :func:`final_metrics`.
        floor: mean IoU of the constant box on the validation part.

    Returns:
        What could not be drawn, in words.
    """
    from locexp.plots import boxes, curves
    from locexp.plots.files import save

    directory.mkdir(exist_ok=True)
    first = to_pixels(test.boxes[:1], *test.canvas)[0]
    drawn: dict[str, Figure | Image.Image] = {"sample": boxes.sample(images[0], first, int(test.classes[0]))}
    size = min(GALLERY_SIZE, len(images))
    chosen = np.sort(np.random.default_rng(GALLERY_SEED).choice(len(images), size, replace=False))
    drawn["gallery_random"] = boxes.gallery(images, test, chosen, f"{size} random test images")
    more, missing = diagnosis.figures(images, test)
    drawn |= more
    drawn["learning_curves"] = curves.learning_curves(history, best, floor)
    title = f"Confusion on {len(images):,} test images"
    drawn["confusion_matrix"] = curves.confusion(measure.confusion_matrix(test), title)
    weighting = curves.weighting(history)
    if weighting is not None:
        drawn["weighting"] = weighting
    for name, picture in drawn.items():
        save(picture, directory / f"{name}.png")
    return missing


def scenes_page(scenes: Scenes, labels: np.ndarray) -> bytes:
    """Return a PNG of some training scenes with their boxes."""
    from locexp.plots.scenes import DPI, page

    size = min(SCENES_SHOWN, len(labels))
    chosen = np.sort(np.random.default_rng(GALLERY_SEED).choice(len(labels), size, replace=False))
    drawn = io.BytesIO()
    figure = page(scenes, labels, chosen, f"{size} random training scenes")
    figure.savefig(drawn, format="png", dpi=DPI, pil_kwargs={"compress_level": 1})
    return drawn.getvalue()


def write_scenes(directory: Path, page: bytes) -> None:
    """Write scenes.png to ``directory``: before training starts."""
    directory.mkdir(exist_ok=True)
    (directory / "scenes.png").write_bytes(page)


def _write_predictions(path: Path, predictions: Predictions) -> None:
    """Write one CSV row an example: index, label, predicted, confidence, IoU, centre error, boxes in pixels."""
    truth = to_pixels(predictions.truth, *predictions.canvas)
    boxes = to_pixels(predictions.boxes, *predictions.canvas)
    sides = ("x1", "y1", "x2", "y2")
    header = ["index", "label", "predicted", "confidence", "iou", "center_error_px"]
    header += [f"true_{side}" for side in sides] + [f"predicted_{side}" for side in sides]
    columns = (predictions.confidence, predictions.iou, predictions.center_error_px)
    numbers = np.column_stack([np.asarray(column, np.float64) for column in (*columns, truth, boxes)])
    # Python's own numbers, a row at a time: formatting NumPy's one by one takes ten times as long.
    row = "%d,%d,%d" + ",%.6g" * numbers.shape[1]
    rows = zip(predictions.labels.tolist(), predictions.classes.tolist(), numbers.tolist(), strict=True)
    lines = [
        ",".join(header),
        *(row % (index, label, said, *values) for index, (label, said, values) in enumerate(rows)),
    ]
    path.write_text("\r\n".join(lines) + "\r\n", newline="")  # as the csv module ends lines


def _write_table(path: Path, rows: diagnosis.Table) -> None:
    """Write rows of equal keys as CSV; ``None`` becomes an empty cell."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})
