"""A network is loaded with the facts that the record of its run holds, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locexp.errors import UserError
from locexp.records.record import RunRecord
from locexp.trained.finding import FoundModel
from locexp.trained.network import TrainedNetwork, load_network
from tests.trained.runs import leave_run, network


def loaded(folder: Path) -> TrainedNetwork:
    return load_network(FoundModel(RunRecord.read(folder), folder / "model.keras", "it"))


def test_facts_of_a_run_on_photos(tmp_path: Path) -> None:
    facts: dict[str, Any] = {"class_names": ["cat", "Hündin"], "resize": "stretch", "ground": "light"}
    found = loaded(leave_run(tmp_path, canvas=(48, 32), channels=3, **facts))
    assert (found.canvas, found.channels, found.resize, found.are_photos) == ((48, 32), 3, "stretch", True)
    assert found.class_names == ("cat", "Hündin")
    assert not found.is_light_on_dark


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"name": "mnist_5k"}, True),  # as version 0.1 wrote it
        ({"name": "mine"}, False),
        ({"name": "mine", "ground": "dark"}, True),
        ({"name": "mnist", "ground": "light"}, False),
        ({"resize": None, "class_names": None, "ground": "dark"}, True),
    ],
)
def test_facts_of_a_run_on_drawings(tmp_path: Path, facts: dict[str, Any], expected: bool) -> None:
    found = loaded(leave_run(tmp_path, **facts))
    assert (found.resize, found.are_photos, found.class_names) == ("letterbox", False, ("0", "1"))
    assert found.is_light_on_dark == expected


def test_probabilities_and_boxes_on_the_canvas(tmp_path: Path) -> None:
    found = loaded(leave_run(tmp_path, canvas=(40, 20), box=(0.25, 0.5, 1, 1.5)))
    probabilities, boxes = found.predict(np.zeros((3, 20, 40), np.uint8))
    assert probabilities == pytest.approx(np.tile([0.25, 0.75], (3, 1)))
    assert boxes.tolist() == [[10, 10, 40, 30]] * 3


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"dataset": {"canvas": "wide"}}, "dataset.canvas is 'wide'"),
        ({"dataset": {"canvas": "32x28"}}, "takes images of 28x28, but its run.json has a canvas of 32x28"),
        ({"dataset": {"class_names": ["a"]}}, "dataset.class_names is not a list of 2 texts"),
        ({"dataset": {"class_names": "ab"}}, "dataset.class_names is not a list of 2 texts"),
        ({"dataset": {"class_names": [1, 2]}}, "dataset.class_names is not a list of 2 texts"),
        ({"dataset": {"resize": "crop"}}, "dataset.resize is 'crop'; expected letterbox, stretch"),
        ({"dataset": {"ground": []}}, "dataset.ground is []"),
    ],
)
def test_records_that_do_not_go_with_the_network(tmp_path: Path, facts: dict[str, Any], message: str) -> None:
    folder = leave_run(tmp_path)
    record = RunRecord.read(folder)
    record.dataset |= facts["dataset"]
    record.write(folder)
    with pytest.raises(UserError) as refused:
        loaded(folder)
    assert message in str(refused.value)


def test_other_networks_are_refused(tmp_path: Path) -> None:
    import keras

    folder = leave_run(tmp_path / "one")
    image = keras.Input((28, 28, 2))
    keras.Model(image, keras.layers.Flatten()(image)).save(folder / "model.keras")
    with pytest.raises(UserError, match="expected a network with one input"):
        loaded(folder)
    (folder / "model.keras").write_bytes(b"no network")
    with pytest.raises(UserError, match="cannot be loaded"):
        loaded(folder)


def test_code_in_a_model_is_not_run(tmp_path: Path) -> None:
    import keras

    image = keras.Input((28, 28, 1))
    harmful = keras.layers.Lambda(lambda x: x, output_shape=(28, 28, 1))(image)
    plain = network((28, 28), 1, [0.5, 0.5], [0, 0, 1, 1])
    folder = leave_run(tmp_path, model=keras.Model(image, plain(harmful)))
    with pytest.raises(UserError, match="cannot be loaded"):
        loaded(folder)
