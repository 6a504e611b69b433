"""The JSON files of runs and sweeps carry a format version: older ones are read, newer ones refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from locexp.errors import UserError, listed
from locexp.version import __version__

FORMAT = 2
"""What this version writes. 1: locexp 0.1.0, whose files do not name a format."""

Stored = TypeVar("Stored")


class MalformedError(UserError):
    """A file is not what its name says; the message names the file."""


class NewerFormatError(UserError):
    """A file was written by a newer locexp; the message names the file."""


def parse_object(content: bytes | str, source: object) -> dict[str, Any]:
    """Return the JSON object of a file.

    Args:
        content: of the file.
        source: what names the file in messages.

    Raises:
        MalformedError: it is not a JSON object.
        NewerFormatError: its format is newer than :data:`FORMAT`.
    """
    try:
        stored = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"{source}: cannot be read: it is not JSON ({error}).") from None
    if not isinstance(stored, dict):
        raise MalformedError(f"{source}: cannot be read: expected a JSON object, not {type(stored).__name__}.")
    version = stored.get("format", 1)
    if type(version) is not int or version < 1:  # true is an int, too
        raise MalformedError(f"{source}: cannot be read: format is {version!r}; expected 1 to {FORMAT}.")
    if version > FORMAT:
        raise NewerFormatError(
            f"{source}: was written by a newer locexp (format {version}; locexp {__version__} reads formats up to "
            f"{FORMAT}); update locexp."
        )
    return stored


def build(cls: type[Stored], stored: dict[str, Any], source: object) -> Stored:
    """Return a data class from a JSON object; keys that it does not have are ignored.

    A change that an older locexp must not overlook raises :data:`FORMAT`, so what else is there can be passed over.

    Raises:
        MalformedError: a value is missing or of the wrong type.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    required = [name for name, field in fields.items() if field.default is field.default_factory is dataclasses.MISSING]
    check_types(stored, get_type_hints(cls), required, source)
    return cls(**{name: value for name, value in stored.items() if name in fields})


def check_types(stored: Mapping[str, Any], hints: Mapping[str, Any], required: Iterable[str], source: object) -> None:
    """Check the values of a JSON object, by name, against annotations.

    Raises:
        MalformedError: a required value is missing, or one is of the wrong type.
    """
    for name, value in stored.items():
        if name in hints and not _fits(value, hints[name]):
            expected = hints[name].__name__ if isinstance(hints[name], type) else hints[name]
            raise MalformedError(f"{source}: cannot be read: {name} is {json.dumps(value)[:60]}; expected {expected}.")
    missing = [name for name in required if name not in stored]
    if missing:
        raise MalformedError(f"{source}: cannot be read: it lacks {listed(missing)}.")


def _fits(value: object, hint: Any) -> bool:
    """Whether a JSON value is of an annotated type; a whole number is a float, too."""
    arguments = get_args(hint)
    if get_origin(hint) is UnionType:
        return any(_fits(value, one) for one in arguments)
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(_fits(one, arguments[1]) for one in value.values())
    if get_origin(hint) is list:
        return isinstance(value, list) and all(_fits(one, arguments[0]) for one in value)
    if hint is float:
        return isinstance(value, float) or (isinstance(value, int) and type(value) is not bool and abs(value) < 2**63)
    if hint is int:
        return type(value) is int  # true is an int, too
    return hint is Any or isinstance(value, hint)
