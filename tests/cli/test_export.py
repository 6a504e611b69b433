"""The command ``python -m locexp.export``: which network, where to, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from locexp.records.files import OF_RUN, logged_files
from locexp.records.record import RunRecord
from tests.conftest import TINY, door_here, only_run, train_here
from tests.exporting.networks import network

pytestmark = pytest.mark.usefixtures("workplace")
DATASET: dict[str, Any] = {"name": "pets", "canvas": "28x28", "classes": 4, "class_names": ["a", "b", "c", "d"]}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a network, as a run leaves it."""
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    network().model.save(path)
    return path.read_bytes()


@pytest.fixture
def run(workplace: Path, saved: bytes) -> Path:
    """The folder of a finished run, ``run``, as far as an export reads it."""
    folder = workplace / "run"
    folder.mkdir()
    (folder / "model.keras").write_bytes(saved)
    RunRecord(name="one", status="FINISHED", dataset=DATASET, tags={"kind": "run"}).write(folder)
    return folder


def files(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}


def test_a_run_is_exported_into_its_own_folder_and_checked_on_its_own_images(workplace: Path) -> None:
    assert train_here(*TINY, "trainer.precision=mixed_bfloat16") == 0
    folder = only_run(workplace)
    before = files(folder)
    done = door_here("export", str(folder), "format=keras")
    assert (done.returncode, done.stderr) == (0, "")
    assert files(folder) - before == {f"export/keras/{name}" for name in ("README.md", "model.json", "model.keras")}
    assert "on 128 images of the test part of mnist_5k" in done.stdout
    assert re.search(r"note +The run computes in mixed_bfloat16.* exported in float32\. On 128 images", done.stdout)
    about = json.loads((folder / "export" / "keras" / "model.json").read_text(encoding="utf-8"))
    record = RunRecord.read(folder)
    assert about["run"]["id"] == record.run_id
    assert about["classes"] == [str(digit) for digit in range(10)]
    assert not any("export" in path.parts for path in logged_files(folder, record))
    assert "export" not in OF_RUN

    again = door_here("export", "last", "format=keras")
    assert again.returncode == 2
    assert "holds an export; give another folder, or overwrite=true to replace it." in again.stderr
    assert door_here("export", str(record.run_id), "format=keras", "out=there").returncode == 0
    assert files(workplace / "there") == {"README.md", "model.json", "model.keras"}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], r"RUN: which network\? Give one: expected the folder of a run"),
        (["run", "run"], "run run: which network"),
        (["run"], "format=: expected one of onnx, litert, saved_model, keras"),
        (["run", "format=kears"], "format=kears: expected one of onnx, .* Did you mean 'keras'"),
        (["run", "fromat=keras"], "fromat=keras: unknown key; allowed: format, .*Did you mean 'format'"),
        (["run", "format=keras", "overwrite=please"], "overwrite=please: "),
        (["run", "format=keras", "tracking.uri=there"], "tracking.uri=there: cannot be combined with a folder"),
        (["nowhere/run", "format=keras"], "nowhere/run: there is no such folder"),
        (["run", "format=keras", "out=run"], r"out=run: holds .*not an export's folder"),
        (["run", "format=keras", "out=http://x"], "out=http://x: is an address"),
        (["run", "format=keras", "out=run/run.json/x"], r"out=run/run\.json/x: cannot be written"),
        (["empty", "format=keras"], r"empty: .*no model\.keras"),
    ],
)
def test_what_is_refused_writes_nothing(workplace: Path, run: Path, words: list[str], error: str) -> None:
    (workplace / "empty").mkdir()
    RunRecord(name="two", status="FAILED", dataset=DATASET, tags={"kind": "run"}).write(workplace / "empty")
    before = files(workplace)
    done = door_here("export", *words)
    assert done.returncode == 2
    assert re.search(f"^error: {error}", done.stderr), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert files(workplace) == before


def test_own_code_that_made_the_data_is_not_run(workplace: Path, run: Path) -> None:
    """The folder may come from somebody else."""
    (workplace / "harm.py").write_text("open('harmed', 'w').close()\ndef load(**keys): open('harmed', 'w').close()\n")
    assert train_here(*TINY) == 0
    trained = only_run(workplace)
    cfg = yaml.safe_load((trained / "config" / "resolved.yaml").read_text(encoding="utf-8"))
    (run / "config").mkdir()
    detour = {"_target_": "locexp.data.load.import_target", "path": "harm.load", "key": "data"}
    for part, changed in (
        ("data", cfg["data"] | {"_target_": "harm.load"}),
        ("bbox", cfg["bbox"] | {"noise": [{"_target_": "harm.load"}]}),
        ("data", detour),
    ):
        changed = cfg | {part: changed}
        (run / "config" / "resolved.yaml").write_text(yaml.safe_dump(changed), encoding="utf-8")
        done = door_here("export", "run", "format=keras", "overwrite=true")
        assert (done.returncode, done.stderr) == (0, "")
        assert "is your own code, which export does not run): bundled digits are used" in done.stdout
        assert not (workplace / "harmed").exists()
    (run / "config" / "resolved.yaml").write_text("data: 3", encoding="utf-8")
    done = door_here("export", "run", "format=keras", "overwrite=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert "bundled digits are used to check" in done.stdout


def test_a_network_with_layers_of_ones_own(run: Path) -> None:
    import keras

    class Twice(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * 2

    with keras.saving.custom_object_scope({"Twice": Twice}):
        image = keras.Input((28, 28, 1), name="image")
        keras.Model(image, network().model(Twice()(image))).save(run / "model.keras")
    done = door_here("export", "run", "format=keras")
    assert done.returncode == 2
    assert "cannot be loaded without your own Twice" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (run / "export").exists()


def test_a_network_by_another_name_of_its_input(run: Path) -> None:
    import keras

    own = keras.Input((28, 28, 1), name="my_input")
    inner = network(pixels=False).model
    keras.Model(own, inner(own)).save(run / "model.keras")
    assert door_here("export", "run", "format=saved_model", "out=out").returncode == 0
    import tensorflow as tf

    signature = tf.saved_model.load("out/saved_model").signatures["serving_default"]
    images = np.full((2, 28, 28, 1), 100, np.float32)
    found, expected = signature(image=tf.constant(images)), inner(images / 255)
    np.testing.assert_allclose(found["bbox"], expected["bbox"], rtol=0, atol=1e-6)
