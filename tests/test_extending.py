"""What the README says about adding a data set, a network, a box loss and a box strategy, done as it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from locexp.configuration.instantiate import instantiate
from locexp.errors import UserError
from tests.conftest import TINY, locexp, only_run, train_here

README = Path(__file__).parent.parent / "README.md"


def blocks(heading: str) -> list[tuple[str, str, str]]:
    """Return (language, first line, text) of the code blocks under a heading of the README."""
    text = README.read_text()
    section = re.search(rf"^### {re.escape(heading)}\n(.*?)(?=^##|\Z)", text, re.M | re.S)
    assert section is not None, heading
    found = re.findall(r"```(\w+)\n(.*?)```", section.group(1), re.S)
    return [(language, body.splitlines()[0], body) for language, body in found]


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
        ("A network", "model._target_"),
        ("A box loss", "loss.bbox_loss"),
        ("A box strategy", "bbox._target_"),
    ],
)
def test_the_three_steps_of_the_readme(workplace: Path, heading: str, key: str) -> None:
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
