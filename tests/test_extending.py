"""What docs/extending.md says about adding a data set, a network, a box loss and a box strategy, done as it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from locexp.configuration.compose import composing
from locexp.configuration.instantiate import instantiate
from locexp.errors import UserError
from locexp.run.training_data import load_training_data
from tests import documented
from tests.conftest import TINY, locexp, only_run, train_here

DOCS = Path(__file__).parent.parent / "docs"


def blocks(heading: str) -> list[tuple[str, str, str]]:
    """Return (language, first line, text) of the code blocks under a heading of docs/extending.md."""
    text = (DOCS / "extending.md").read_text()
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^##|\Z)", text, re.M | re.S)
    assert section is not None, heading
    return [(one.language, one.body.splitlines()[0], one.body) for one in documented.blocks(section.group(1))]


def test_arguments_with_a_target_of_their_own_are_made_first() -> None:
    nested = {"_target_": "builtins.int", "_partial_": True, "base": 2}
    made = instantiate(
        OmegaConf.create({"_target_": "builtins.dict", "schedule": nested, "monitor": "x"}), "trainer.callbacks"
    )
    assert (made["schedule"]("101"), made["monitor"]) == (5, "x")
    nested["_target_"] = "builtins.imt"
    with pytest.raises(UserError, match=r"trainer.callbacks.schedule._target_=.*Did you mean 'int'"):
        instantiate(OmegaConf.create({"_target_": "builtins.dict", "schedule": nested}), "trainer.callbacks")


@pytest.mark.parametrize(
    ("heading", "key"),
    [
        ("A data set", "data._target_"),
        ("Data with boxes", "data._target_"),
        ("A network", "model._target_"),
        ("A box loss", "loss.bbox_loss"),
        ("A box strategy", "bbox._target_"),
    ],
)
def test_the_three_steps_of_the_docs(workplace: Path, heading: str, key: str) -> None:
    """The section's files are written where their first lines say, and its command is run."""
    command = None
    for language, first, body in blocks(heading):
        if language == "bash":
            command = body.strip().splitlines()[-1]
        else:
            path = workplace / first.lstrip("# ").split()[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body)
    assert command is not None
    prefix = "python -m locexp.train "
    assert command.startswith(prefix)
    words = command.removeprefix(prefix).split()
    groups = {word.split("=")[0].split(".")[0] for word in words}
    tiny = [word for word in TINY if word.split("=")[0] not in groups and word.split(".")[0] not in groups - {"data"}]
    if "data" in groups:
        tiny = [word for word in tiny if word != "data=mnist_5k"]
    if heading == "A data set":  # as it is typed; the others differ in nothing that needs another process
        done = locexp("train", *words, *tiny, cwd=workplace)
        assert done.returncode == 0, done.stderr
    else:
        assert train_here(*words, *tiny) == 0
    record = json.loads((only_run(workplace) / "run.json").read_text())
    assert record["status"] == "FINISHED"
    assert "mine" in record["parameters"][key]


def test_what_the_data_with_boxes_of_the_docs_bring(workplace: Path) -> None:
    for _, first, body in blocks("Data with boxes")[:2]:
        path = workplace / first.lstrip("# ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    with composing("mine/conf") as composer:
        data = load_training_data(composer.compose(["data=tiles"]).cfg)
    dataset = data.dataset
    assert dataset.class_names == ("red", "blue")
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (432, 48, 80)
    groups = []
    for part in (dataset.train, dataset.validation, dataset.test):
        assert part.annotations is not None
        assert part.annotations.groups is not None
        groups.append(set(part.annotations.groups.tolist()))
        for image, label, box in zip(part.images, part.labels, part.annotations.boxes.astype(int), strict=True):
            x1, y1, x2, y2 = box
            assert (image[y1:y2, x1:x2, 2 * label] == 230).all()
            assert (image[..., 2 * label] == 230).sum() == (x2 - x1) * (y2 - y1)
    assert len(set.union(*groups)) == sum(map(len, groups)) == 140
    assert data.channels == 3
    assert dataset.test.annotations is not None
    assert dataset.test.annotations.files is not None
    assert dataset.test.annotations.files[0] == "scene1-0/0.png"
    assert data.notes == ()  # no group is in two parts


def test_the_strategy_with_annotations_of_the_docs() -> None:
    from locexp.bbox.annotations import Annotations
    from locexp.bbox.given import compose

    images, given = np.zeros((2, 20, 40, 3), np.uint8), Annotations(np.array([[0.0, 2, 9, 12], [30, 5, 40, 19]]))
    scenes = compose(example("extending.md", "Roomy")(), images, given, split="train", scene_seed=0)
    np.testing.assert_allclose(scenes.boxes * [40, 20, 40, 20], [[0, 1, 10, 13], [29, 4, 40, 20]], atol=1e-5)


def example(document: str, name: str) -> Any:
    """Return the class of this name from the code blocks of a page in docs/."""
    text = (DOCS / document).read_text()
    (body,) = (one.body for one in documented.blocks(text) if f"class {name}" in one.body)
    content: dict[str, Any] = {}
    exec(body, content)
    return content[name]


@pytest.mark.usefixtures("float32")
def test_the_weighting_method_of_the_docs() -> None:
    from keras import ops

    from locexp.losses.weighting.base import Gramian

    method = example("weighting.md", "SameLength")()
    found = method.trunk_weights(
        Gramian(*(ops.convert_to_tensor(value) for value in ([4.0, 0.0], [3.0, 0.0], [9.0, 4.0])))
    )
    np.testing.assert_allclose(np.array(found), [[1 / 2, 1], [1 / 3, 1]], rtol=1e-6)


def test_the_strategy_with_fresh_scenes_of_the_docs() -> None:
    from locexp.bbox.given import fresh_scenes

    images = np.zeros((50, 28, 28), np.uint8)
    images[:, 10:18, 12:16] = 255
    made = example("scenes.md", "Shifted")
    first = made().compose(images, split="train", scene_seed=0)
    assert fresh_scenes(made(), images, 0, first) is None
    later = fresh_scenes(made(fresh=True), images, 0, first)
    assert later is not None
    np.testing.assert_array_equal(later(0).boxes, first.boxes)
    assert (later(1).boxes != first.boxes).any()
    for scenes in (later(0), later(1)):
        for image, box in zip(scenes.images, np.rint(scenes.boxes * 28).astype(int), strict=True):
            assert (image[box[1] : box[3], box[0] : box[2]] == 255).all()
            assert (image > 0).sum() == (box[2] - box[0]) * (box[3] - box[1]) == 32
