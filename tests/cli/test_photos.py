"""Photos through the command: their problems are a table on the run, and too many end it before anything is written."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import TINY, only_run, train_here

QUICK = ("--config-dir=mine", "data=pets", "bbox=fixed", *(word for word in TINY if not word.startswith("data")))
LOADER = """
from pathlib import Path
from typing import Unpack
from locexp.data.photos.keys import PhotoKeys
from locexp.data.photos.listing import ListedImage, Listing, MarkedObject
from locexp.data.photos.pipeline import photos

def load(**keys: Unpack[PhotoKeys]):
    folder = Path(keys["path"])
    files = sorted(folder.glob("*/*"))
    images = tuple(ListedImage(file, (MarkedObject(file.parent.name, (8, 8, 40, 32)),)) for file in files)
    return photos(Listing(folder.name, images), keys)
"""
DATA = """
_target_: mine.load
source: auto
path: ???
limit: null
validation: 0.2
split_seed: 0
size: [32, 32]
resize: letterbox
channels: 1
origin: auto
classes: null
objects: only
group: auto
test_parts: [test]
leaks: warn
on_bad: drop
"""


@pytest.fixture
def pets(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sixty photos of two kinds, with a loader of one's own; returns their folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(workplace / "cache"))
    (workplace / "mine" / "data").mkdir(parents=True)
    (workplace / "mine" / "data" / "pets.yaml").write_text(DATA, encoding="utf-8")
    (workplace / "mine.py").write_text(LOADER, encoding="utf-8")
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        folder = workplace / "pets" / label
        folder.mkdir(parents=True)
        for index in range(30):
            Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(folder / f"{index}.png")
    return workplace / "pets"


def test_problems_are_a_table_on_the_run(workplace: Path, pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pets / "cat" / "30.jpg").write_bytes(b"GIF89a")
    Image.new("RGBA", (64, 48)).save(pets / "dog" / "30.png")
    assert train_here(*QUICK, f"data.path={pets}") == 0
    run = only_run(workplace)
    with (run / "tables" / "problems.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["action"]) for row in rows] == [
        ("cat/30.jpg", "left out"),
        ("dog/30.png", "laid over grey (114)"),
    ]
    said = "tables/problems.csv lists what was found in 2 files of the data; 1 of them is left out."
    assert said in json.loads((run / "run.json").read_text(encoding="utf-8"))["notes"]
    assert said in " ".join(capsys.readouterr().out.split())


def test_too_many_problems_end_the_command_before_anything_is_written(
    workplace: Path, pets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (pets / "cat").iterdir():
        path.write_bytes(b"")
    assert train_here(*QUICK, f"data.path={pets}") == 2
    assert "30 of 60 files cannot be used" in capsys.readouterr().err
    assert train_here(*QUICK, f"data.path={pets}", "data.on_bad=stop") == 2
    assert "cat/0.png: is empty. Correct it, or give data.on_bad=drop" in capsys.readouterr().err
    assert not (workplace / "multirun").exists()
    assert not (workplace / "mlruns").exists()
