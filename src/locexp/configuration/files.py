"""The YAML files of a configuration: read so that an error names its line, and searched for the line that
gave a value."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from locexp.configuration import hydra_internals
from locexp.configuration.hydra_internals import ConfigResult, file_defaults, sources
from locexp.configuration.overrides import key_of, value_of
from locexp.configuration.schema import config_directory, is_text
from locexp.errors import UserError, first_line
from locexp.system.commands import typed

REMEDIES = {
    r"found character '\t'": "indent with spaces",
    "found duplicate key": "leave one of the two out",
    "could not determine a constructor for the tag": "give plain values, without a tag",
    "could not find expected ':'": "each line is KEY: VALUE",
    "mapping values are not allowed here": "quote a value that holds a colon and a blank",
    "that cannot start any token": "quote the value",
}
"""What to do about an error, by what PyYAML says about it."""
BASE_8_OR_60 = re.compile(r"[-+]?0[\d_]+|[^:]+:.*")
"""Numbers as YAML 1.1 reads them, and nobody else: ``012`` is ten, ``1:30`` is ninety."""

NOT_NAMES = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "null", "binary"))
"""The tags of plain values that are not text."""


class FileConfigSource(hydra_internals.FileConfigSource):
    """A folder of YAML files, as Hydra's own source reads it but for errors; Hydra lets another of the same name be."""

    def load_config(self, config_path: str) -> ConfigResult:
        """Read a file; raises :class:`UserError` that names the file, the line and the remedy."""
        path = self.file(config_path)
        hidden = [other for other in _files(config_path) if self.provider == "main" and not _is_locexps(other)]
        if hidden:
            raise UserError(
                f"{typed(hidden[0])}: locexp has a {config_path} of its own, which is read instead; rename this file."
            )
        text = _text(path)
        try:
            header = self._get_header_dict(text[:512])
        except ValueError as error:  # a line that begins with @package and goes on
            raise UserError(f"{typed(path)}: {first_line(error)}; write `# @package _global_`.") from None
        package = header.get("package")
        group = config_path.rpartition("/")[0]
        return ConfigResult(
            config=_config(
                path, text, _key(group if package in (None, "_group_") else package), self.provider != "main"
            ),
            path=f"{self.scheme()}://{self.path}",
            provider=self.provider,
            header=header,
        )

    def file(self, config_path: str) -> Path:
        """Return the path of a configuration, which may not be there."""
        return Path(self.path, self._normalize_file_name(config_path))


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{typed(path)}: cannot be read ({error.strerror or error}).") from None
    try:
        return content.decode("utf-8-sig")  # with or without a byte order mark
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{typed(path)}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8."
        ) from None


def _config(path: Path, text: str, package: str, is_own: bool) -> Any:
    """Return what a file holds; of the user's own, refuse what YAML reads differently from people."""
    shown = typed(path)
    try:
        if is_own:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
            if root is not None or not text.strip():  # comments alone are a choice that changes nothing
                _check_nodes(shown, root, package)
        return OmegaConf.load(io.StringIO(text))
    except yaml.YAMLError as error:
        mark, position = getattr(error, "problem_mark", None), getattr(error, "position", None)
        line = mark.line + 1 if mark else text[:position].count("\n") + 1
        reason = str(getattr(error, "problem", None) or first_line(error)).removeprefix("but ")
        remedy = next((f"; {what}" for text, what in REMEDIES.items() if text in reason), "")
        raise UserError(f"{shown}, line {line}: {reason}{remedy}.") from None
    except RecursionError:
        raise UserError(f"{shown}: is nested too deeply, or refers to itself.") from None
    except (OmegaConfBaseException, ValueError) as error:
        raise UserError(f"{shown}: {first_line(error)}.") from None


def _check_nodes(shown: str, root: yaml.Node | None, package: str) -> None:
    if root is None:
        raise UserError(f"{shown}: is empty; give keys as KEY: VALUE, or leave the file out.")
    if not isinstance(root, yaml.MappingNode):
        what = "list" if isinstance(root, yaml.SequenceNode) else "single value"
        raise UserError(
            f"{shown}, line {root.start_mark.line + 1}: expected keys at the top, as KEY: VALUE, got a {what}."
        )
    for key, name, value in _keys(root, package):
        where = f"{shown}, line {name.start_mark.line + 1}: {key}"
        if key == f"{package}.defaults".lstrip("."):
            items = value.value if isinstance(value, yaml.SequenceNode) else [name]
            wrong = [item for item in items if item is name or not _is_default(item)]
            if wrong:
                line = wrong[0].start_mark.line + 1
                raise UserError(f"{shown}, line {line}: {key}: expected a list, each item as - GROUP: NAME.")
        for node in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            if not isinstance(node, yaml.ScalarNode):
                continue
            if "${" in node.value:
                try:
                    OmegaConf.create([node.value])
                except OmegaConfBaseException as error:
                    raise UserError(f"{where}={node.value}: {first_line(error)}.") from None
            elif node.style is None and node.value:
                _check_spelling(where, key, node)


def _is_default(item: yaml.Node) -> bool:
    """Whether an item of a list of defaults is a name, or a group with one."""
    if isinstance(item, yaml.MappingNode):
        return len(item.value) == 1 and _is_name(item.value[0][0]) and _is_choice(item.value[0][1])
    return _is_name(item)


def _is_choice(node: yaml.Node) -> bool:
    """Whether a node chooses of a group: one name, several, or null for none."""
    if isinstance(node, yaml.SequenceNode):
        return all(map(_is_name, node.value))
    return _is_name(node) or node.tag == "tag:yaml.org,2002:null"


def _is_name(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag not in NOT_NAMES


def _check_spelling(where: str, key: str, node: yaml.ScalarNode) -> None:
    """Refuse a plain value that YAML reads as something other than it looks like; raises :class:`UserError`."""
    value = OmegaConf.to_container(OmegaConf.create(f"value: {node.value}"))["value"]  # type: ignore[index,call-overload]
    if not isinstance(value, bool | int | float):
        return
    is_bool = isinstance(value, bool)
    try:
        float(value)
    except OverflowError:
        raise UserError(f"{where}: is larger than any number that can be computed with.") from None
    if (not is_bool and BASE_8_OR_60.fullmatch(node.value)) or (is_text(key) and str(value) != node.value):
        read = str(value).lower() if is_bool else value
        wanted = f"'{node.value}'" if is_text(key) else read
        raise UserError(f"{where}: YAML reads {node.value} as {read}; write {wanted}.")


def _keys(node: yaml.Node, prefix: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Yield every dotted key with the node of its name and that of its value."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            key = f"{prefix}.{name.value}" if prefix else str(name.value)
            yield key, name, value
            yield from _keys(value, key)


def _key(package: str | None) -> str:
    return "" if package in (None, "_global_") else str(package).replace("/", ".")


def located(message: str, error: BaseException, config_name: str, overrides: Sequence[str]) -> str:
    """Return a message with the place in the user's files that it is about, where it is about one.

    Args:
        message: begins with a key, unless it is about something else.
        error: that it explains; the search path is still open.
        config_name: of the primary configuration.
        overrides: of the command, whose own keys are in no file.
    """
    if not _has_own_files():
        return message
    key = match.group() if (match := re.match(r"[\w.]+(?==| is required|: )", message)) else ""
    within = match.group(1) if (match := re.match(r"In '([^']+)': ", str(error))) else None
    if not (key or within):
        return message
    try:
        files = [one for one in file_defaults(config_name, overrides) if within in (None, one[0])]
    except (HydraException, OmegaConfBaseException, UserError, ValueError):  # the lists of defaults are what is wrong
        chosen = [f"{key_of(override)}/{value_of(override)}" for override in overrides]
        files = [(config_path, "") for config_path in ([within] if within else []) + chosen]
    found = [(_key(package), path) for config_path, package in files for path in _own_files(config_path)]
    if within and any(key == package != "" for package, _ in found):
        return (
            f"{typed(found[0][1])}: begin it with the line `# @package _global_`, for its keys are those of the whole "
            f"configuration, not of {key}."
        )
    for override in overrides:
        of_group = os.path.isdir(config_directory() / key_of(override)) and not message.startswith(override)
        if (key_of(override) == key and not of_group) or (key.startswith(f"{key_of(override)}.") and "={" in override):
            return message
    for package, path in found:
        with contextlib.suppress(yaml.YAMLError, UserError):  # another one is wrong, too
            for other, name, _ in _keys(yaml.compose(_text(path), Loader=yaml.SafeLoader), package):
                if other == key:
                    return f"{typed(path)}, line {name.start_mark.line + 1}: {message}"
    if "is chosen already" in message:
        for _, path in found:
            for number, text in enumerate(_text(path).splitlines(), 1):
                if re.match(rf"\s*- /?{key}:", text):
                    return f"{typed(path)}, line {number}: {message}"
    for package, path in found:
        names = [name.rpartition("/")[2].partition("@")[0] for name in re.findall(r"'([^']+)'", str(error))[1:2]]
        lines = [number for number, text in enumerate(_text(path).splitlines(), 1) if any(one in text for one in names)]
        if within and lines:
            return f"{typed(path)}, line {lines[0]}: {message}"
        if str(path).endswith(f"/{within}.yaml") or (package and key.rpartition(".")[0] == package):
            return f"{typed(path)}: {message}"
    return message


def _own_files(config_path: str) -> list[Path]:
    """Return the file of a configuration, if that is one of the user's."""
    return [path for path in _files(config_path)[:1] if not _is_locexps(path)]


def _is_locexps(path: Path) -> bool:
    return path.is_relative_to(config_directory())


def _has_own_files() -> bool:
    folders = [Path(source.path) for source in sources() if isinstance(source, FileConfigSource)]
    return any(folder != config_directory() for folder in folders)


def own_keys(config_name: str, overrides: Sequence[str]) -> set[str]:
    """Return the keys that the user's files give, of those that are composed."""
    if not _has_own_files():
        return set()
    return {
        key
        for config_path, package in file_defaults(config_name, overrides)
        for path in _own_files(config_path)
        for key, _, _ in _keys(yaml.compose(_text(path), Loader=yaml.SafeLoader), _key(package))
    }


def _files(config_path: str) -> list[Path]:
    """Return all files of a configuration's name; Hydra reads the first."""
    return [
        source.file(config_path)
        for source in sources()
        if isinstance(source, FileConfigSource) and source.is_config(config_path)
    ]
