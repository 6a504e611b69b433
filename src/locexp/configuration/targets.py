"""Dotted names in the configuration: finding what they name and checking the arguments given for it."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
import types
import typing
from collections.abc import Callable
from typing import Any

from locexp.errors import UserError, listed, nearest


def resolve(path: str, key: str) -> Callable[..., Any]:
    """Import the callable that a dotted path names.

    Args:
        path: such as ``"locexp.models.cnn.build"``.
        key: the configuration key that holds it, for the message.

    Raises:
        UserError: nothing callable has that name.
    """
    module_name, _, attribute = path.rpartition(".")
    if not module_name:
        raise UserError(f"{key}={path}: expected a dotted path such as package.module.function.")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UserError(f"{key}={path}: cannot import {module_name} ({error}).") from error
    found = getattr(module, attribute, None)
    if not callable(found):
        names = [name for name in vars(module) if not name.startswith("_") and callable(getattr(module, name))]
        raise UserError(f"{key}={path}: {module_name} has no callable {attribute!r}.{nearest(attribute, names)}")
    return found


def find_loss(name: str) -> Callable[..., Any]:
    """Return the box loss called ``name``: a module of :mod:`locexp.losses`, or a dotted path.

    Raises:
        UserError: there is no such loss.
    """
    if "." in name:
        return resolve(name, "loss.bbox_loss")
    names = loss_names()
    if name not in names:
        raise UserError(
            f"loss.bbox_loss={name}: expected one of {listed(names)}, or a dotted path.{nearest(name, names)}"
        )
    return resolve(f"locexp.losses.{name}.{name}", "loss.bbox_loss")


def loss_names() -> list[str]:
    """Return the names of the box losses that are modules of :mod:`locexp.losses`."""
    package = importlib.import_module("locexp.losses")
    found = pkgutil.iter_modules(package.__path__)
    return sorted(module.name for module in found if not (module.name[0] == "_" or module.ispkg))


def check_arguments(
    function: Callable[..., Any], arguments: dict[str, Any], key: str, given_by_caller: tuple[str, ...]
) -> None:
    """Check names and types of ``arguments`` against the signature of ``function``.

    Where the module of ``function`` has a ``check_ranges``, it is called with those arguments that it takes; one that
    is not given is what it is by default in ``function``.

    Raises:
        UserError: an unknown name, a missing one, or a value that does not fit its annotation or is out of range.
    """
    parameters = inspect.signature(function).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    names = [
        name
        for name, parameter in parameters.items()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD) and name not in given_by_caller
    ]
    try:
        owner = function.__init__ if inspect.isclass(function) else function
        hints = typing.get_type_hints(owner)
    except (NameError, TypeError):
        hints = {}
    for name, value in arguments.items():
        if name not in names and not takes_any:
            allowed = listed(names) if names else "nothing"
            raise UserError(f"{key}.{name}={value}: unknown key; allowed: {allowed}.{nearest(name, names)}")
        if name in hints and not _fits(value, hints[name]):
            raise UserError(
                f"{key}.{name}={value}: expected {spelled(hints[name])}{_misfit(value, hints[name])}."
                f"{nearest(str(value), _names(hints[name]))}"
            )
    for name in names:
        if name not in arguments and parameters[name].default is inspect.Parameter.empty:
            raise UserError(f"{key}.{name} is required: give it as {key}.{name}=VALUE.")
    check_ranges = getattr(inspect.getmodule(function), "check_ranges", None)
    if check_ranges is not None:
        values = {name: parameters[name].default for name in names} | arguments
        wanted = inspect.signature(check_ranges).parameters
        check_ranges(**{name: value for name, value in values.items() if name in wanted})


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in typing.get_args(hint))
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin is not None and isinstance(origin, type) and issubclass(origin, typing.Sequence):
        inner = typing.get_args(hint)
        return isinstance(value, list | tuple) and all(_fits(item, inner[0]) for item in value if inner)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is type(None):
        return value is None
    if isinstance(hint, type):
        return isinstance(value, hint)
    return True


def _misfit(value: Any, hint: Any) -> str:
    """Say what does not fit: the item of a list, or the type of the whole; nothing of a text among others by name."""
    if isinstance(value, list) and _is_list(hint):
        wrong = [(place, item) for place, item in enumerate(value, 1) if not _fits(item, typing.get_args(hint)[0])]
        return f", but item {wrong[0][0]} is {wrong[0][1]}"
    return "" if isinstance(value, str) and _names(hint) else f", got {type(value).__name__}"


def _names(hint: Any) -> list[str]:
    """Return the texts that a hint allows by name."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [name for part in typing.get_args(hint) for name in _names(part)]
    return [str(name) for name in typing.get_args(hint)] if typing.get_origin(hint) is typing.Literal else []


def _is_list(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, typing.Sequence) and bool(typing.get_args(hint))


def spelled(hint: Any) -> str:
    """Return in words what fits a type hint."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(spelled(part) for part in typing.get_args(hint))
    if typing.get_origin(hint) is typing.Literal:
        allowed = typing.get_args(hint)
        return f"one of {listed(allowed)}" if len(allowed) > 1 else str(allowed[0])
    if _is_list(hint):
        return f"a list, each item {spelled(typing.get_args(hint)[0])}"
    if isinstance(hint, type) and typing.get_origin(hint) is None:
        names = {"int": "a whole number", "float": "a finite number", "str": "a text", "bool": "true or false"}
        return {**names, "NoneType": "null"}.get(hint.__name__, hint.__name__)
    return str(hint).replace("collections.abc.", "")
