"""The pictures of a run: the same from whichever process, and at the edges: one image, one box, no probabilities."""

from __future__ import annotations

import logging
import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from locexp.evaluation.metrics import Predictions
from locexp.plots.files import save
from locexp.plots.pictures import Amount, Drawer, PictureData, draw_here, failure_pictures
from tests.evaluation.cases import CASES, numbered, random_predictions

HISTORY = [
    {
        "epoch": float(epoch),
        "weights/classification": 1.0,
        "weights/bbox": 0.5,
        **{
            f"{part}/{name}": 0.1 * epoch
            for part in ("train", "val")
            for name in ("accuracy", "mean_iou", "loc_acc_50", "classification_loss", "bbox_loss", "center_error_px")
        },
    }
    for epoch in (1, 2)
]


def data(directory: Path, count: int = 30) -> PictureData:
    predictions = random_predictions(0, count, classes=10)
    return PictureData(
        directory, images_of(predictions), predictions, numbered(10), HISTORY, best_epoch=2, baseline=0.5
    )


def images_of(predictions: Predictions) -> np.ndarray:
    width, height = predictions.canvas
    return np.random.default_rng(0).integers(0, 256, (len(predictions.labels), height, width), dtype=np.uint8)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("processes", [1, 2])
def test_other_processes_draw_the_same_pictures(processes: int, tmp_path: Path) -> None:
    here, *others = (tmp_path / name for name in ("here", "first", "second", "third"))
    notes = draw_here(data(here)).result()
    with Drawer(processes) as drawer:
        tasks = [drawer.draw(data(directory)) for directory in others]
        assert [task.result() for task in tasks] == [notes] * 3
    assert len(contents(here)) >= 5
    for directory in others:
        assert contents(directory) == contents(here)


def test_a_directory_is_that_of_the_process_that_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Drawer() as drawer:
        monkeypatch.chdir(tmp_path)  # as hydra.job.chdir does
        drawer.draw(data(Path("pictures"))).result()
    assert (tmp_path / "pictures" / "sample.png").is_file()


@pytest.mark.parametrize("processes", [0, 1])
def test_what_goes_wrong_is_raised_with_its_cause_and_the_next_is_drawn(processes: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with Drawer(processes) as drawer:
        with pytest.raises(FileExistsError):
            drawer.draw(data(tmp_path / "file")).result()
        lacking = replace(data(tmp_path / "next"), history=[{"epoch": 1}])
        with pytest.raises(RuntimeError, match="could not be drawn: KeyError") as raised:
            drawer.draw(lacking).result()
        assert "KeyError" in str(raised.value.__cause__) or isinstance(raised.value.__cause__, KeyError)
        drawer.draw(data(tmp_path / "next")).result()
    assert (tmp_path / "next" / "sample.png").is_file()


def test_pictures_in_hand_are_drawn_here_when_their_process_is_killed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directories = [tmp_path / str(number) for number in range(3)]
    with Drawer(2) as drawer, caplog.at_level(logging.WARNING):
        workers = [child for child in psutil.Process().children() if "spawn_main" in str(child.cmdline())]
        tasks = [drawer.draw(data(directory, count=3000)) for directory in directories[:-1]]  # more than a pipe holds
        workers[0].kill()
        tasks.append(drawer.draw(data(directories[-1], count=3000)))
        for task in tasks:
            task.result()
    assert "this process does" in caplog.text
    expected = contents(directories[0])
    assert all(contents(directory) == expected for directory in directories)


@pytest.mark.parametrize(
    ("amount", "names"), [("few", {"gallery_random.png", "samples.csv", "samples.webp"}), ("none", set())]
)
def test_fewer_are_drawn(amount: Amount, names: set[str], tmp_path: Path) -> None:
    every = replace(data(tmp_path / "all"))
    assert draw_here(replace(every, directory=tmp_path / "fewer", amount=amount)).result() == []
    fewer = contents(tmp_path / "fewer") if names else {}
    assert set(fewer) == names
    draw_here(every).result()
    assert fewer.items() <= contents(tmp_path / "all").items()
    assert (tmp_path / "fewer").exists() == bool(names)
    base = every.predictions
    no_probabilities = replace(every, predictions=replace(base, probabilities=base.probabilities * 9), amount=amount)
    assert len(draw_here(no_probabilities).result()) == 1  # what is not measured is said whatever is drawn


def imported() -> set[str]:
    return {name.partition(".")[0] for name in sys.modules}


def test_a_process_that_draws_does_not_import_tensorflow(tmp_path: Path) -> None:
    with Drawer() as drawer:
        drawer.draw(data(tmp_path / "pictures")).result()
        packages = drawer.submit(imported).result()
    assert "matplotlib" in packages
    assert not packages & {"tensorflow", "keras", "mlflow", "hydra", "scipy", "pandas"}


def drawn(predictions: Predictions) -> tuple[set[str], list[str]]:
    """Draw where a network fails, with every warning an error; returns the pictures' names and the notes."""
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("error")
        pictures, notes = failure_pictures(
            images_of(predictions), predictions, numbered(predictions.probabilities.shape[1])
        )
        for name, picture in pictures.items():
            save(picture, Path(folder, f"{name}.png"))
    return set(pictures), notes


@pytest.mark.parametrize("name", CASES)
def test_every_picture_is_drawn_without_a_warning(name: str) -> None:
    predictions = CASES[name]()
    names, notes = drawn(predictions)
    one = len(predictions.labels) == 1  # whose box is the only one
    assert names == {"worst_cases", "reliability"} | (set() if one else {"iou_groups"})
    assert len(notes) == one


def test_boxes_that_are_all_the_same_are_said_to_be() -> None:
    base = random_predictions(0, count=50)
    names, notes = drawn(replace(base, truth=np.tile(np.array([0.2, 0.2, 0.8, 0.8], np.float32), (50, 1))))
    assert names == {"worst_cases", "reliability"}
    assert notes == ["IoU by class, size and position is not drawn: all true boxes of the test images are the same."]


def test_confidences_that_are_no_probabilities_are_said_to_be() -> None:
    base = random_predictions(0, count=50)
    names, notes = drawn(replace(base, probabilities=base.probabilities * 9))
    assert names == {"worst_cases", "iou_groups"}
    assert notes == ["Calibration is not measured: the network's confidences are not probabilities in [0, 1]."]
