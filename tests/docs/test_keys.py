"""The key reference has every key, with what it takes, its default, and what its comment says."""

from __future__ import annotations

import inspect
import re
import typing
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from locexp.bounds import spelled
from locexp.configuration.schema import GROUPS, PLAN_GIVEN, Config, config_directory
from locexp.configuration.targets import import_target
from tests.docs.pages import key_reference

FILES = sorted(path for path in config_directory().rglob("*.yaml") if path.parts[-2] not in ("help", "conf"))
FILES = [path for path in FILES if not path.parts[-2].endswith("_logging")]
REQUIRED = "???"


def sections() -> dict[str, list[list[str]]]:
    """The rows of the page's tables by heading: their cells, without marks of Markdown."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in key_reference().splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
            found[heading] = []
        elif line.startswith("| `"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found[heading].append([re.sub(r"\\(.)", r"\1", cell).strip("`") for cell in cells])
    return found


def row(heading: str, key: str) -> list[str]:
    (found,) = [cells for cells in sections()[heading] if cells[0] == key]
    return found


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_each_key_of_the_schema_is_there_with_its_default_and_bounds(group: str) -> None:
    schema: Any = GROUPS[group] if group else Config
    hints = typing.get_type_hints(schema, include_extras=True)
    names = {"optimizer": "adam", "tracking": "local"}
    heading = f"{group}={names.get(group, 'default')}" if group else "The top level"
    for entry in fields(schema):
        if entry.name in ("_target_", "weighting", *GROUPS, "data", "bbox", "model", "sweep"):
            continue
        key, default, takes, about = row(heading, f"{group}.{entry.name}" if group else entry.name)
        expected = entry.default if entry.default_factory is MISSING else entry.default_factory()
        assert yaml.safe_load(default) == expected, key
        if key != "trainer.monitor":  # its names are a rule's
            assert takes.replace("`", "") == spelled(hints[entry.name]), key
        assert about, key


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(config_directory())))
def test_each_choice_is_there_with_the_keys_of_its_file(path: Path) -> None:
    group = str(path.relative_to(config_directory()).parent)
    values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    rows = {cells[0]: cells for cells in sections()[f"{group}={path.stem}"]}
    for name, value in values.items():
        if name in ("_target_", "defaults") or isinstance(value, dict):
            continue
        key = f"{group.replace('/', '.')}.{name}"
        shown = yaml.safe_load(rows[key][1])
        assert shown == (REQUIRED if value == REQUIRED else value) or (value == REQUIRED and shown == "required"), key
        assert rows[key][3], f"{key}: {path} has no comment above it"


@pytest.mark.parametrize("group", ["bbox", "model", "loss/weighting", "sweep"])
def test_each_argument_of_a_choice_is_there_with_what_it_takes(group: str) -> None:
    for path in (config_directory() / group).glob("*.yaml"):
        target = yaml.safe_load(path.read_text(encoding="utf-8")).get("_target_")
        if target is None:
            continue
        function = import_target(target, group)
        hints = typing.get_type_hints(function.__init__ if inspect.isclass(function) else function, include_extras=True)
        for name in inspect.signature(function).parameters:
            if name not in ("input_shape", "num_classes", *PLAN_GIVEN):
                cells = row(f"{group}={path.stem}", f"{group.replace('/', '.')}.{name}")
                assert cells[2] == spelled(hints[name]), cells[0]


@pytest.mark.parametrize(
    ("door", "key", "expected"),
    [
        ("compare", "compare.metric", "one of accuracy, mean_iou, loc_acc_50, loc_acc_75, center_error_px"),
        ("compare", "compare.register", "text or null"),
        ("predict", "format", "one of table, csv, json"),
        ("export", "format", "one of onnx, litert, saved_model, keras"),
        ("export", "overwrite", "true or false"),
    ],
)
def test_the_keys_of_the_other_commands_are_there(door: str, key: str, expected: str) -> None:
    assert row(f"python -m locexp.{door}", key)[2] == expected


def test_nothing_of_a_comment_is_markup() -> None:
    assert "\\<folder of the store\\>/artifacts" in key_reference()
    assert "[box_losses](box_losses.md) compares them" in key_reference()
