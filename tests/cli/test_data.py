"""The user's own images through the command: what is said of them, and where it is kept."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import TINY, locexp, only_run, train_here

QUICK = ("data=file", *(word for word in TINY if not word.startswith("data")))


def test_a_neighbours_layout_is_trained_on_and_what_was_understood_is_kept(
    workplace: Path, digits: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = digits[0][:600] / 255, digits[1][:600] + 1
    tested = labels[500:] != 4
    np.savez(
        "letters.npz",
        train_images=images[:400],
        train_labels=labels[:400, None],
        val_images=images[400:500],
        val_labels=labels[400:500, None],
        test_images=images[500:][tested],
        test_labels=labels[500:][tested][:, None],
        boxes=np.zeros((600, 4)),
    )
    assert train_here(*QUICK, "data.path=letters.npz") == 0
    screen = " ".join(capsys.readouterr().out.split())
    run = only_run(workplace)
    record = json.loads((run / "run.json").read_text())
    for said in (
        "letters.npz: its arrays are read as images and labels: train_images, train_labels to train on, val_images",
        "letters.npz: not used: boxes. Boxes are read where they are called boxes_train",
        "train_images, validation_images, test_images: floats from 0 (black)".replace("validation", "val"),
        "The labels are 1 to 10: the network's outputs 0 to 9 stand for them",
        "val_images validates, not a share of the images to train on",
        "The test part has no example of class 4, so",
    ):
        assert sum(said in note for note in record["notes"]) == 1, said
        assert screen.count(said) == 1, said
    assert record["dataset"]["classes"] == 10
    assert [record["dataset"][part] for part in ("train", "validation", "test")] == [400, 100, int(tested.sum())]
    with (run / "tables" / "per_class.csv").open() as file:
        assert [int(row["class"]) for row in csv.DictReader(file)] == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    with (run / "tables" / "confusion_matrix.csv").open() as file:
        header, *lines = csv.reader(file)
    assert header[1:] == [line[0] for line in lines] == [str(label) for label in range(1, 11)]
    assert lines[3][1:] == ["0"] * 10
    assert (run / "pictures" / "iou_groups.png").is_file()


@pytest.mark.parametrize("white", [1, 255])
@pytest.mark.slow
def test_images_of_0_and_1_are_learnt_as_well_as_black_and_white(
    workplace: Path, digits: tuple[np.ndarray, np.ndarray], white: int
) -> None:
    np.savez("a.npz", x_train=(digits[0] > 99).astype(np.uint8) * np.uint8(white), y_train=digits[1])
    assert (
        train_here("data=file", f"data.path={workplace / 'a.npz'}", "trainer.epochs=1", "tracking.system_metrics=false")
        == 0
    )
    record = json.loads((only_run(workplace) / "run.json").read_text())
    assert record["metrics"]["test/accuracy"] > 0.8
    assert bool(record["notes"]) is (white == 1)


def test_what_is_refused_ends_with_2_and_one_line(workplace: Path) -> None:
    (workplace / "mine").mkdir()
    for path in ("/dev/zero", "mine", "x" * 300, "nothing.npz"):
        done = locexp("train", "data=file", f"data.path={path}", cwd=workplace)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("error: data.path=")
    assert sorted(path.name for path in workplace.iterdir()) == ["mine"]
