"""The key reference: every file of conf/ with its keys, what they take, and what their comments say.

Nothing here is kept by hand. Defaults and comments are those of the YAML files; what a key takes is read from the
annotations of the schema and of what ``_target_`` names, in the words of the program's own messages.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from locexp.bounds import spelled
from locexp.cli.compare import CompareConfig
from locexp.cli.export import ExportConfig
from locexp.cli.predict import PredictConfig
from locexp.configuration.schema import GROUPS, Config, DataKeys, SweepKeys, config_directory
from locexp.configuration.targets import find_loss, import_target, loss_names
from locexp.errors import listed
from locexp.evaluation.metrics import HEADLINES, METRICS
from locexp.exporting.formats import FORMATS as EXPORTED
from locexp.prediction.output import FORMATS as PREDICTED

DOORS = {"compare": CompareConfig, "predict": PredictConfig, "export": ExportConfig}
COMMON: dict[str, Any] = {"data": DataKeys, "sweep": SweepKeys, "bbox": {"scene_seed": int}}
"""What is known of keys that are no arguments of a ``_target_``."""
NAMES = {
    ("", "trainer.monitor"): [f"val/{name}" for name in HEADLINES],
    ("", "compare.metric"): list(METRICS),
    ("predict", "format"): list(PREDICTED),
    ("export", "format"): list(EXPORTED),
}
"""What is allowed where it is a table of the program, by command and key."""
INTRODUCTIONS = {
    "data": "Where images come from, and how they are split. Photos: [your own data](own_data.md).",
    "bbox": "The boxes to learn. Pictures of each: [scenes](scenes.md).",
    "model": "The network. What each is for: [networks](models.md).",
    "loss": "The two weights, and the box loss. The losses: [box losses](box_losses.md).",
    "loss/weighting": "What decides how much each loss counts in a step. Formulas: [weighting methods](weighting.md).",
    "optimizer": "A Keras optimizer, and its learning rate.",
    "trainer": "How long, and how, the network is trained.",
    "tracking": "Where results go. More: [tracking](runs.md#tracking).",
    "sweep": "Whole sweeps. More: [sweeps](sweeps.md).",
    "experiment": "Recipes: each sets keys of several groups. What they reach: [recipes](recipes.md).",
    "hydra/launcher": "How the jobs of a sweep are run. More: [side by side](sweeps.md#side-by-side-in-one-process).",
}
"""By group, in the order of the page."""


@dataclass(frozen=True)
class File:
    """One choice of a group.

    Attributes:
        about: the comment at its top.
        example: the commands in it.
        comments: by dotted key.
        values: the defaults by dotted key.
        target: what ``_target_`` names.
    """

    name: str
    about: str
    example: str
    comments: Mapping[str, str]
    values: Mapping[str, Any]
    target: str | None


def markdown() -> str:
    """Return the page: the top level, the groups, the keys of the other commands."""
    lines = ["## The top level", "", *_table("", _read(config_directory() / "config.yaml", ("seed", "name")), "")]
    for group, introduction in INTRODUCTIONS.items():
        lines += [f"## {group}", "", introduction, ""]
        for path in sorted((config_directory() / group).glob("*.yaml")):
            lines += _choice(group, _read(path))
        if group == "loss":
            lines += _loss_parameters()
    return "\n".join([*lines, *_doors()])


def _choice(group: str, file: File) -> list[str]:
    lines = [f"### {group}={file.name}", "", escaped(file.about), ""]
    if file.example:
        lines += ["```bash", file.example, "```", ""]
    return lines + _table(group, file, file.target or "")


def _table(group: str, file: File, target: str) -> list[str]:
    hints = hints_of_group(group, target)
    rows = []
    for key, value in file.values.items():
        dotted = ".".join(filter(None, [group.replace("/", "."), key]))
        if group in ("experiment", "trainer") and "." in key and not key.startswith("callbacks"):
            dotted = key  # it sets keys of other groups
        about = file.comments.get(key) or file.comments.get(key.rpartition(".")[0], "")
        rows.append((dotted, value, _takes(dotted, hints.get(key)), about))
    return _rows(rows, "value" if group == "experiment" else "default")


def _takes(key: str, hint: Any, door: str = "") -> str:
    """Return in words what a key takes."""
    names = NAMES.get((door, key)) or NAMES.get(("", key))
    if names:
        return f"one of {listed(names)}"
    return spelled(hint) if hint is not None else ""


def _rows(rows: list[tuple[str, Any, str, str]], value: str = "default") -> list[str]:
    if not rows:
        return []
    lines = ['<div class="keys" markdown>', "", f"| key | {value} | takes | |", "|---|---|---|---|"]
    for key, value, takes, about in rows:
        lines.append(f"| `{key}` | `{shown(value)}` | {escaped(takes)} | {escaped(about)} |")
    return [*lines, "", "</div>", ""]


def _loss_parameters() -> Iterator[str]:
    """Yield what the box losses take, which conf/ does not list."""
    yield from ("### loss.bbox_loss_params", "", "Parameters of the box losses that have some.", "")
    rows = []
    for name in loss_names():
        function = find_loss(name)
        hints = hints_of(function)
        for parameter in inspect.signature(function).parameters.values():
            if parameter.default is not inspect.Parameter.empty:
                takes = spelled(hints[parameter.name])
                rows.append((f"loss.bbox_loss_params.{parameter.name}", parameter.default, takes, f"With {name}."))
    yield from _rows(rows)


def _doors() -> Iterator[str]:
    """Yield the keys of the other commands."""
    yield from ("## Other commands", "", "Their `tracking.*` keys are [those above](#tracking).", "")
    for door, schema in DOORS.items():
        yield from (f"### python -m locexp.{door}", "")
        yield from _rows(list(_fields(schema, "", door)))


def _fields(schema: type, prefix: str, door: str) -> Iterator[tuple[str, Any, str, str]]:
    hints, about = typing.get_type_hints(schema, include_extras=True), attributes(schema)
    for entry in fields(schema):
        if entry.name == "tracking":
            continue
        if is_dataclass(hints[entry.name]):
            yield from _fields(hints[entry.name], f"{entry.name}.", door)
        else:
            key = prefix + entry.name
            yield key, entry.default, _takes(key, hints[entry.name], door), about.get(entry.name, "")


def attributes(schema: type) -> dict[str, str]:
    """Return what the docstring of a class says of its attributes, by name."""
    _, _, section = inspect.cleandoc(schema.__doc__ or "").partition("Attributes:\n")
    entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: _sentence(re.sub(r"\s+", " ", text).replace("``None``", "null")) for name, text in entries}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def hints_of_group(group: str, target: str) -> dict[str, Any]:
    """Return the annotations of the keys of a choice, by name."""
    if group == "":
        return typing.get_type_hints(Config, include_extras=True)
    if group in GROUPS:
        return typing.get_type_hints(GROUPS[group], include_extras=True)
    common = COMMON.get(group, {})
    hints = dict(common) if isinstance(common, dict) else typing.get_type_hints(common, include_extras=True)
    return hints | (hints_of(import_target(target, group)) if target else {})


def hints_of(function: Any) -> dict[str, Any]:
    """Return the annotations of what a function or a class takes, by name."""
    hints = typing.get_type_hints(function.__init__ if inspect.isclass(function) else function, include_extras=True)
    for hint in list(hints.values()):
        if typing.get_origin(hint) is typing.Unpack:  # **keys: Unpack[some TypedDict]
            hints |= typing.get_type_hints(typing.get_args(hint)[0], include_extras=True)
    return hints


def _read(path: Path, only: tuple[str, ...] = ()) -> File:
    text = path.read_text(encoding="utf-8")
    values = dict(_leaves(yaml.safe_load(text) or {}))
    head, comments = _comments(text)
    about = [line for line in head if not line.startswith("  ")]
    example = [line.strip() for line in head if line.startswith("  ")]
    return File(
        path.stem,
        " ".join(line for line in about if line != "@package _global_"),
        "\n".join(example),
        comments,
        {key: value for key, value in values.items() if key != "_target_" and (not only or key in only)},
        values.get("_target_"),
    )


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        if name == "defaults":
            continue
        if isinstance(value, dict) and value and name not in ("params", "callbacks"):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _comments(text: str) -> tuple[list[str], dict[str, str]]:
    """Return the lines of the comment at the top of a YAML file, and the comment above each key."""
    head: list[str] = []
    comments: dict[str, str] = {}
    pending: list[str] = []
    parents: list[tuple[int, str]] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            pending.append(line.lstrip()[1:].removeprefix(" "))
            continue
        if not head:
            head, pending = pending, []
        if found := re.match(r"( *)([\w]+):", line):
            indent = len(found[1])
            parents = [parent for parent in parents if parent[0] < indent] + [(indent, found[2])]
            comments[".".join(name for _, name in parents)] = " ".join(pending)
        pending = []
    return head, comments


def shown(value: Any) -> str:
    """Return a value as it is written on the command line."""
    if value == "???":
        return "required"
    if value is MISSING:
        return ""
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).strip()
    return text.removesuffix("...").strip().replace("|", r"\|")


def escaped(text: str) -> str:
    """Return a text that means nothing in Markdown, except `code`; files of docs/ that it names become links."""
    parts = text.replace("``", "`").split("`")
    parts[::2] = [
        re.sub(r"docs/(\w+)\.md", r"[\1](\1.md)", re.sub(r"([\\*<>\[\]]|_(?!\w*\.md))", r"\\\1", part))
        for part in parts[::2]
    ]
    return "`".join(parts).replace("|", r"\|")
