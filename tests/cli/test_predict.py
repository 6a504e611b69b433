"""The command ``python -m locexp.predict``, from its arguments to its exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from locexp.data.bundled import bundled_digits
from tests.conftest import TINY, door_here, locexp, train_here
from tests.trained.runs import leave_run


@pytest.fixture
def place(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with an awkward name: a run that always says "b", and three photos, one of them broken."""
    made = workplace / "it's my (1) #project"
    (made / "photos").mkdir(parents=True)
    monkeypatch.chdir(made)
    leave_run(made / "a run", canvas=(16, 16), channels=3, resize="stretch", class_names=["a", "b"])
    Image.new("RGB", (400, 200)).save("photos/wide.jpg")
    Image.new("RGB", (100, 300)).save("photos/hoch é.png")
    (made / "photos" / "broken.jpg").write_bytes(b"\xff\xd8 broken")
    return made


def predict(*words: str) -> subprocess.CompletedProcess[str]:
    return door_here("predict", *words)


ROWS = {
    "photos/hoch é.png": ["b", 0.75, 25.0, 75.0, 75.0, 150.0, 100, 300],
    "photos/wide.jpg": ["b", 0.75, 100.0, 50.0, 300.0, 100.0, 400, 200],
}


def test_a_table_for_people(place: Path) -> None:
    done = predict("a run", "photos")
    assert done.returncode == 1
    _, *rows = done.stdout.splitlines()
    assert [" ".join(row.split()) for row in rows] == [
        "photos/hoch é.png b 0.7500 25.0 75.0 75.0 150.0 100x300",
        "photos/wide.jpg b 0.7500 100.0 50.0 300.0 100.0 400x200",
    ]
    assert done.stderr.splitlines()[0] == "network  a run"
    assert "error    photos/broken.jpg: is not an image that is read" in done.stderr
    assert done.stderr.splitlines()[-1] == "failed   1 image could not be used"


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_answers_for_programs(place: Path, kind: str) -> None:
    done = predict("a run", "photos/*.png", "photos/wide.jpg", f"format={kind}")
    assert (done.returncode, done.stderr) == (0, "network  a run\n")
    if kind == "json":
        found = [list(one.values()) for one in json.loads(done.stdout)]
        assert found == [[file, None, *values, False] for file, values in ROWS.items()]
    else:
        _, *lines = csv.reader(io.StringIO(done.stdout))
        assert lines == [[file, "", *map(str, values), "false"] for file, values in ROWS.items()]
    assert predict("a run", "photos", f"out=answers.{kind}").returncode == 1
    assert Path(f"answers.{kind}").read_text(encoding="utf-8") == done.stdout


def test_pictures(place: Path) -> None:
    Image.new("RGB", (20, 20)).save("wide.jpg")
    done = predict("a run", "photos", "photos/../photos/wide.jpg", "wide.jpg", "pictures='photos/an (1) out'")
    assert "pictures photos/an (1) out" in done.stderr
    folder = Path("photos/an (1) out")
    assert sorted(path.name for path in folder.iterdir()) == ["hoch é.png", "wide-2.jpg", "wide.jpg"]
    page = np.asarray(Image.open(folder / "wide.jpg").convert("RGB"), int)
    assert page.shape == (200, 400, 3)
    assert page[95:100, 100:300, 0].max(axis=0).min() > 150  # the lower edge of the box
    assert page[105:, :, 0].max() < 60
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    refused = predict("a run", "photos", "wide.jpg", "pictures='photos/an (1) out'")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "hoch é.png is there already; give another, or overwrite=true" in refused.stderr
    assert predict("a run", "photos", "pictures='photos/an (1) out'", "overwrite=true").returncode == 1
    assert {path for path in place.rglob("*") if path.is_file()} == set(before)


def test_a_file_that_is_there_is_not_written_over(place: Path) -> None:
    refused = predict("a run", "photos", "out=photos/wide.jpg")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "out: photos/wide.jpg is there already" in refused.stderr


@pytest.mark.parametrize("target", ["out=photos/wide.jpg", "pictures=photos"])
def test_an_image_is_never_written_over(place: Path, target: str) -> None:
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    refused = predict("a run", "photos", target, "overwrite=true")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is one of the images; give another place for what is written" in refused.stderr
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a network and images"),
        (["a run"], "a run: expected images after the network"),
        (["photos/wide.jpg"], "Did you mean python -m locexp.predict last photos/wide.jpg?"),
        (["photos/wide.jpg", "photos/wide.jpg"], "photos/wide.jpg: is a file; expected the folder of a run"),
        (["a run", "none.jpg", "x*"], "none.jpg: there is no such file; x*: no file matches."),
        (["a run", "photos/broken.jp"], "there is no such file"),
        (["a rn", "photos"], "there is no store in"),
        (["./a rn", "photos"], "there is no such folder; expected the folder of a run or of a sweep, the id of one"),
        (["./a rn", "photos"], "There is: 'a run'."),
        (["a run", "photos", "formt=json"], "formt=json: unknown key; allowed: format, out, pictures, overwrite"),
        (["a run", "photos", "formt=json"], "Did you mean 'format'?"),
        (["a run", "photos", "format=jsn"], "format=jsn: expected one of table, csv, json. Did you mean 'json'?"),
        (["a run", "photos", "overwrite=maybe"], "overwrite=maybe"),
        (["a run", "photos", "out="], "out=: expected a value"),
        (["a run", "photos", "out=photos"], "out=photos: is a folder; expected a file"),
        (["a run", "photos", "pictures=photos/wide.jpg"], "Not a directory"),
        (["a run", "photos", "tracking.uri=x"], "tracking.uri=x: cannot be combined with a folder"),
        (["last", "photos", "compare.metric=loss"], "compare.metric=loss: expected one of accuracy"),
        (["photos", "photos"], "photos: holds no run.json"),
    ],
)
def test_bad_arguments(place: Path, words: list[str], message: str) -> None:
    before = sorted(place.rglob("*"))
    done = predict(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(place.rglob("*")) == before


def test_names_that_look_like_keys_and_options(place: Path) -> None:
    Image.new("RGB", (20, 20)).save("a=b.png")
    done = predict("a run", "a=b.png", "./photos/wide.jpg", "format=csv")
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == ["file", "a=b.png", "./photos/wide.jpg"]


def test_an_array_of_drawings_dark_on_light(place: Path) -> None:
    leave_run(place / "drawings", ground="dark")
    images, _ = bundled_digits()
    np.save("x.npy", np.concatenate([images[:2], 255 - images[:2]]))
    done = predict("./drawings", "x.npy", "format=json")
    found = json.loads(done.stdout)
    assert [(one["file"], one["index"], one["inverted"]) for one in found] == [
        ("x.npy", 0, False), ("x.npy", 1, False), ("x.npy", 2, True), ("x.npy", 3, True),
    ]  # fmt: skip
    assert "note     2 images are dark on light, and the training images were light on dark" in done.stderr


def test_many_wrong_files_are_counted(place: Path) -> None:
    for index in range(30):
        (place / "photos" / f"{index}.png").touch()
    done = predict("a run", "photos")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr.count("error ") == 21
    assert "error    and 11 more" in done.stderr
    assert "failed   31 images could not be used" in done.stderr


@pytest.mark.slow
def test_the_real_command_from_another_folder(place: Path) -> None:
    """Names that are not UTF-8, and none of MLflow's files."""
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    name = b"../photos/\xff.png"
    os.rename("photos/wide.jpg", b"photos/\xff.png")
    command: list[str | bytes] = [
        sys.executable,
        "-m",
        "locexp.predict",
        "../a run",
        name,
        "pictures=out",
        "format=json",
    ]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert os.fsencode(found["file"]) == name
    assert [os.fsencode(path.name) for path in (elsewhere / "out").iterdir()] == [b"\xff.png"]
    assert [path.name for path in elsewhere.iterdir()] == ["out"]


@pytest.mark.slow
def test_from_training_to_a_photo(workplace: Path) -> None:
    """A network that was trained for some epochs reads digits that it has not seen, drawn the other way round, too."""
    assert train_here(*(word for word in TINY if "=3" not in word and "filters" not in word), "trainer.epochs=3") == 0
    images, labels = bundled_digits()
    chosen = np.random.default_rng(0).permutation(len(images))[:60]
    for index in chosen:
        image = images[index] if index % 2 else 255 - images[index]
        Image.fromarray(image).resize((140, 140)).save(workplace / f"{index}.png")
    done = locexp("predict", "last", "*.png", "out=answers.json", "pictures=out", cwd=workplace)
    assert done.returncode == 0, done.stderr
    found = json.loads((workplace / "answers.json").read_text())
    right = [one["class"] == str(labels[int(Path(one["file"]).stem)]) for one in found]
    assert (len(found), np.mean(right) > 0.8) == (60, True)
    assert all(one["inverted"] == (int(Path(one["file"]).stem) % 2 == 0) for one in found)
    assert len(list((workplace / "out").iterdir())) == 60


@pytest.mark.slow
def test_a_photo_gets_the_answer_that_stands_in_the_table_of_the_run(workplace: Path) -> None:
    """Photos of unequal sizes in colour, with names of classes, from a folder to training and back."""
    rng = np.random.default_rng(0)
    folder = workplace / "fruit"
    folder.mkdir()
    for index in range(40):
        width, height = (int(side) for side in rng.integers(40, 120, 2))
        x1, y1 = int(width * rng.uniform(0, 0.4)), int(height * rng.uniform(0, 0.4))
        x2, y2 = int(width * rng.uniform(0.6, 1)), int(height * rng.uniform(0.6, 1))
        photo = rng.integers(0, 90, (height, width, 3)).astype(np.uint8)
        photo[y1:y2, x1:x2, index % 2] = 230
        Image.fromarray(photo).save(folder / f"{index}.jpg")
        box = "".join(
            f"<{n}>{v}</{n}>" for n, v in zip(("xmin", "ymin", "xmax", "ymax"), (x1, y1, x2, y2), strict=True)
        )
        (folder / f"{index}.xml").write_text(
            f"<annotation><filename>{index}.jpg</filename><size><width>{width}</width><height>{height}</height></size>"
            f"<object><name>{['apple', 'pear'][index % 2]}</name><bndbox>{box}</bndbox></object></annotation>"
        )
    words = [word for word in TINY if not word.startswith("data")]
    assert train_here("data=voc", "data.path=fruit", "bbox=annotated", "data.size=[48,32]", *words) == 0
    (table,) = workplace.glob("multirun/*/*/tables/predictions.csv")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) > 2
    done = predict("last", *(f"fruit/{row['file']}" for row in rows), "format=json")
    assert (done.returncode, "inverted" in done.stderr) == (0, False)
    for row, one in zip(rows, json.loads(done.stdout), strict=True):
        assert (one["file"], one["class"]) == (f"fruit/{row['file']}", row["predicted"])
        found = [float(row[f"predicted_{name}"]) for name in ("x1", "y1", "x2", "y2")]
        assert [one[name] for name in ("x1", "y1", "x2", "y2")] == pytest.approx(found, abs=0.01)
        assert one["probability"] == pytest.approx(float(row["confidence"]), abs=1e-5)
