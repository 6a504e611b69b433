"""Class names in pictures: long ones, strange ones, many."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from locexp.errors import abbreviated
from locexp.evaluation import breakdown
from locexp.evaluation.terms import UserTerms
from locexp.plots import boxes, groups
from locexp.plots.confusion import confusion
from locexp.plots.files import save
from locexp.plots.names import drawable, fitted, font
from locexp.plots.pictures import PictureData, draw_here
from tests.evaluation.cases import random_predictions
from tests.plots.test_pictures import HISTORY, images_of

STRANGE = ("x" * 200, "<script>alert(1)</script>", "猫", 'a, "b"', "$a_b$ $", "two\nlines\x1b[31m", "Äpfel", "\udcff")


def test_a_name_without_letters_in_the_font_goes_by_its_number() -> None:
    shown, (note,) = drawable(STRANGE)
    assert shown[2] == "class 2"
    assert [shown[0], shown[1], shown[3]] == [STRANGE[0], STRANGE[1], STRANGE[3]]
    assert note.endswith("1 class goes by number, since the font lacks letters of the name: class 2 is 猫.")
    assert drawable(["cat", "Äpfel"]) == (("cat", "Äpfel"), [])
    (note,) = drawable(["猫" * 100] * 12)[1]
    assert note.endswith("and 3 more.")
    assert len(note) < 600


def test_names_keep_their_start_and_their_end() -> None:
    assert abbreviated("Speed limit 30", 14) == "Speed limit 30"
    assert abbreviated("Speed limit 30 km/h", 12) == "Speed li…m/h"
    for width in (20, 50, 150):
        for name in ("i" * 200, "W" * 200, "No passing for vehicles over 3.5 metric tons"):
            text = fitted(name, width, 13)
            assert font(13).getlength(text) <= max(width, font(13).getlength("W…"))
            assert len(text) >= 2


def drawn(figure: Figure) -> list[Text]:
    """All that is written on a figure."""
    FigureCanvasAgg(figure).draw()
    written = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]
    # A tick has a second label, which is not shown.
    hidden = {
        tick.label2 for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for tick in axis.get_major_ticks()
    }
    return [text for text in written if text not in hidden]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in drawn(figure)]


@pytest.mark.parametrize("classes", [2, 13, 43])
def test_every_class_is_named_once_on_each_axis_and_no_two_names_overlap(classes: int) -> None:
    names = [f"Traffic sign {chr(65 + number % 26) * 3} {number}" for number in range(classes)]
    matrix = np.diag(np.arange(classes) + 1)
    figure = confusion(matrix, names, "title")
    found = texts(figure)
    assert all(found.count(name) == 2 for name in names)
    assert all(str(count + 1) in found for count in range(classes))
    predictions = random_predictions(0, count=200, classes=classes)
    by = breakdown.by_class(predictions), breakdown.by_size(predictions), breakdown.by_position(predictions)
    by_class = groups.panels(*by, names, 0.5, "title", "px")
    counts = np.bincount(predictions.labels, minlength=classes)
    found = texts(by_class)
    assert all(f"{name}  {count}" in found for name, count in zip(names, counts, strict=True))
    for made in (figure, by_class):
        extents = [text.get_window_extent() for text in drawn(made) if text.get_text().startswith("Traffic")]
        width, height = made.bbox.width, made.bbox.height
        assert all(one.x0 >= 0 and one.y0 >= 0 and one.x1 <= width and one.y1 <= height for one in extents)
        assert not any(one.overlaps(other) for number, one in enumerate(extents) for other in extents[:number])


def test_of_very_many_classes_some_are_named() -> None:
    names = [f"class of {number}" for number in range(300)]
    found = texts(confusion(np.eye(300, dtype=int), names, "title"))
    assert {"class of 0", "class of 5"} <= set(found)
    assert "class of 1" not in found


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("canvas", [(40, 20), (12, 200), (700, 500)])
def test_pictures_of_strange_names_in_colour_and_of_any_size(
    tmp_path: Path, canvas: tuple[int, int], channels: tuple[int, ...]
) -> None:
    predictions = replace(random_predictions(0, count=40, classes=len(STRANGE)), canvas=canvas)
    shape = (40, canvas[1], canvas[0], *channels)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    files = np.array([f"train/{'long' * 30} {number}.jpg" for number in range(40)])
    data = PictureData(tmp_path / "made", images, predictions, UserTerms(STRANGE, files), HISTORY, 2, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (note,) = draw_here(data).result()
    assert "class 2 is" in note
    assert {path.stem for path in data.directory.iterdir()} >= {"sample", "gallery_random", "worst_cases"}


def test_a_gallery_is_in_colour_and_its_captions_have_room() -> None:
    """One red photo: its pixels are on the page, and nothing is written on them, nor on what is beside it."""
    predictions = random_predictions(0, count=8)
    images = np.tile(np.array([250, 10, 20], np.uint8), (8, 20, 40, 1))
    pages = {}
    for names in (tuple("abcd"), tuple(f"{letter} very long name of a class" for letter in "abcd")):
        terms = UserTerms(names, np.array([f"{number}.jpg" for number in range(8)]))
        pages[names] = np.asarray(boxes.gallery(images, predictions, terms, np.arange(8), "title"))
    for page in pages.values():
        red = (page == (250, 10, 20)).all(axis=2)
        assert red.sum() > 0.5 * 8 * (20 * 40 * 25)  # enlarged five times, below the boxes
    short, long = pages.values()
    assert long.shape[0] > short.shape[0]  # two rows of captions, a line longer each


def test_grey_images_of_three_equal_channels_look_as_grey_ones() -> None:
    predictions = random_predictions(0, count=6)
    grey = images_of(predictions)
    terms = UserTerms(tuple("abcd"))
    both = [
        boxes.gallery(images, predictions, terms, np.arange(6), "")
        for images in (grey, np.repeat(grey[..., np.newaxis], 3, axis=3))
    ]
    assert both[0].tobytes() == both[1].tobytes()


def test_a_formula_is_written_as_it_is(tmp_path: Path) -> None:
    figure = boxes.sample(np.zeros((20, 40), np.uint8), np.array([1, 1, 9, 9]), "Predicted class: $\\frac$ $")
    save(figure, tmp_path / "sample.png")  # Matplotlib would refuse the formula
