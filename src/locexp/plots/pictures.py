"""The pictures of a run: which there are, what they show, and which process draws them."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from locexp.bbox.geometry import to_pixels
from locexp.bbox.scenes import Scenes
from locexp.data.arrays import Leak
from locexp.errors import counted
from locexp.evaluation import breakdown, calibration
from locexp.evaluation.metrics import Predictions, confusion_matrix
from locexp.evaluation.terms import UserTerms
from locexp.system.matplotlib import start_matplotlib
from locexp.system.workers import Task, Workers

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

    Pictures = dict[str, Figure | Image.Image]

Amount = Literal["all", "few", "none"]
"""How many pictures a run has: few are the gallery of test images, and what the report of its sweep draws on."""
GALLERY_SIZE = 24
SCENES_SHOWN = 12
GALLERY = "gallery_random"
GALLERY_SEED = 0
"""Fixes which examples are shown, so that two runs on the same data show the same ones."""


@dataclass(frozen=True)
class PictureData:
    """What the pictures of a run are drawn from.

    Attributes:
        directory: where they go; made if it is not there.
        images: the test images, uint8 (n, height, width[, 3]).
        predictions: for the test images.
        terms: of these.
        history: one row per epoch.
        best_epoch: the epoch with the best monitored validation metric, from 1.
        baseline: mean IoU of the constant box on the validation part.
        amount: which are drawn; ``none`` draws none.
    """

    directory: Path
    images: np.ndarray
    predictions: Predictions
    terms: UserTerms
    history: list[dict[str, float]]
    best_epoch: int
    baseline: float
    amount: Amount = "all"


def draw_pictures(data: PictureData) -> list[str]:
    """Draw the pictures of a run; returns one note for each that could not be drawn from these data.

    Raises:
        OSError: they cannot be written.
        RuntimeError: something else went wrong.
    """
    try:
        return _draw(data)
    except OSError:
        raise
    except Exception as error:
        raise RuntimeError(f"the pictures could not be drawn: {type(error).__name__}: {error}") from error


Draw = Callable[[PictureData], Task[list[str]]]
"""Begins to draw; the task's result is that of :func:`draw_pictures`."""


class Drawer(Workers):
    """Draws the pictures of runs in processes of its own, while the next run is saved and the last one is logged.

    Args:
        processes: how many.
    """

    def __init__(self, processes: int = 1) -> None:
        super().__init__(processes, (__name__, "locexp.plots.curves"))  # Matplotlib: the first run need not wait for it

    def draw(self, data: PictureData) -> Task[list[str]]:
        """Begin to draw the pictures of a run."""
        return self.submit(draw_pictures, dataclasses.replace(data, directory=data.directory.absolute()))


def draw_here(data: PictureData) -> Task[list[str]]:
    """Draw in this process; the pictures are there when this returns."""
    return Drawer(0).draw(data)


def _draw(data: PictureData) -> list[str]:
    start_matplotlib()  # in a process that does nothing else, it has not been started yet
    from locexp.plots import boxes, curves
    from locexp.plots.confusion import confusion
    from locexp.plots.files import save
    from locexp.plots.names import drawable
    from locexp.plots.samples import write_samples

    images, predictions, history = data.images, data.predictions, data.history
    if data.amount == "none":
        return _notes_on_calibration(predictions)
    data.directory.mkdir(exist_ok=True)
    class_names, notes = drawable(data.terms.class_names)
    terms = dataclasses.replace(data.terms, class_names=class_names)
    chosen = _chosen(len(images), GALLERY_SIZE)
    write_samples(data.directory, images, predictions, data.terms, chosen)
    page = boxes.gallery(images, predictions, terms, chosen, counted(len(chosen), "random test image"))
    if data.amount == "few":
        save(page, data.directory / f"{GALLERY}.png")
        return notes + _notes_on_calibration(predictions)
    first = to_pixels(predictions.boxes[:1], *predictions.canvas)[0]
    predicted = f"Predicted {data.terms.class_word}: {class_names[predictions.classes[0]]}"
    pictures: Pictures = {"sample": boxes.sample(images[0], first, predicted), GALLERY: page}
    of_failures, notes_on_failures = failure_pictures(images, predictions, terms)
    pictures |= of_failures
    pictures["learning_curves"] = curves.learning_curves(history, data.best_epoch, data.baseline)
    title = f"Confusion on {counted(len(images), 'test image')}"
    pictures["confusion_matrix"] = confusion(confusion_matrix(predictions), class_names, title)
    weighting = curves.weighting(history)
    if weighting is not None:
        pictures["weighting"] = weighting
    for name, picture in pictures.items():
        save(picture, data.directory / f"{name}.png")
    return notes + notes_on_failures


def failure_pictures(images: np.ndarray, predictions: Predictions, terms: UserTerms) -> tuple[Pictures, list[str]]:
    """Draw where the network fails, and whether it knows: worst cases, IoU by group, reliability diagrams.

    Args:
        images: uint8 (n, height, width[, 3]).
        predictions: for these images.
        terms: of these, with class names that can be drawn.

    Returns:
        Pictures by file name, and one note for each that could not be drawn.
    """
    from locexp.plots import boxes, groups, reliability

    notes = []
    number = counted(len(images), "test image")
    cases = breakdown.worst_cases(predictions, boxes.WORST_COLUMNS)
    pictures: Pictures = {"worst_cases": boxes.worst_cases(images, predictions, terms, cases, f"The worst of {number}")}
    if breakdown.all_the_same(predictions):
        notes.append("IoU by class, size and position is not drawn: all true boxes of the test images are the same.")
    else:
        by = breakdown.by_class(predictions), breakdown.by_size(predictions), breakdown.by_position(predictions)
        unit = "px" if terms.placement is None else "canvas px"
        mean = float(predictions.iou.mean())
        pictures["iou_groups"] = groups.panels(*by, terms.class_names, mean, f"IoU on {number}", unit)
    lacking = _notes_on_calibration(predictions)
    if not lacking:
        cells, errors = calibration.reliability(predictions), calibration.calibration_errors(predictions)
        pictures["reliability"] = reliability.diagrams(cells, errors, f"Reliability of the confidence on {number}")
    return pictures, notes + lacking


def _notes_on_calibration(predictions: Predictions) -> list[str]:
    if calibration.are_probabilities(predictions.confidence):
        return []
    return ["Calibration is not measured: the network's confidences are not probabilities in [0, 1]."]


def scenes_page(scenes: Scenes, labels: np.ndarray, terms: UserTerms) -> bytes:
    """Return a PNG of some training scenes with their boxes; labels are int (n,), terms those of the scenes."""
    from locexp.plots.files import save
    from locexp.plots.names import drawable
    from locexp.plots.scenes import page

    chosen = _chosen(len(labels), SCENES_SHOWN)
    terms = dataclasses.replace(terms, class_names=drawable(terms.class_names)[0])
    png = io.BytesIO()
    save(page(scenes, labels, terms, chosen, counted(len(chosen), "random training scene")), png)
    return png.getvalue()


def leaks_page(leaks: Sequence[Leak]) -> bytes:
    """Return a PNG of images that are in two parts."""
    from locexp.plots.files import save
    from locexp.plots.leaks import page

    png = io.BytesIO()
    save(page(leaks), png)
    return png.getvalue()


def _chosen(count: int, size: int) -> np.ndarray:
    """Return up to ``size`` of ``count`` indices, in order, the same ones each time."""
    return np.sort(np.random.default_rng(GALLERY_SEED).choice(count, min(size, count), replace=False))
