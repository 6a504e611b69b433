"""Dotted names in the configuration: finding what they name and checking the arguments given for it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import traceback
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any

from locexp.bounds import check_rules, check_values
from locexp.errors import UserError, listed, nearest, worded


def import_target(path: str, key: str) -> Callable[..., Any]:
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
    except Exception as error:  # of the user's own module, which may raise anything
        raise UserError(f"{key}={path}: cannot import {module_name} ({worded(error)}; {_where(error)}).") from error
    found = getattr(module, attribute, None)
    if not callable(found):
        names = [name for name in vars(module) if not name.startswith("_") and callable(getattr(module, name))]
        raise UserError(f"{key}={path}: {module_name} has no callable {attribute!r}.{nearest(attribute, names)}")
    return found


def _where(error: Exception) -> str:
    """Return the file and the line that an error is about."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}, line {frame.lineno}"


def find_loss(name: str) -> Callable[..., Any]:
    """Return the box loss called ``name``: a module of :mod:`locexp.losses`, or a dotted path.

    Raises:
        UserError: there is no such loss.
    """
    if "." in name:
        return import_target(name, "loss.bbox_loss")
    names = loss_names()
    if name not in names:
        raise UserError(
            f"loss.bbox_loss={name}: expected one of {listed(names)}, or a dotted path.{nearest(name, names)}"
        )
    return import_target(f"locexp.losses.{name}.{name}", "loss.bbox_loss")


def loss_names() -> list[str]:
    """Return the names of the box losses that are modules of :mod:`locexp.losses`."""
    package = importlib.import_module("locexp.losses")
    found = pkgutil.iter_modules(package.__path__)
    return sorted(module.name for module in found if not (module.name[0] == "_" or module.ispkg))


def check_names(prefix: str, given: Mapping[str, Any], allowed: Collection[str], required: Collection[str]) -> None:
    """Check which keys there are.

    Args:
        prefix: of the keys, with the dot at its end, for the message.
        given: values by name.
        allowed, required: names.

    Raises:
        UserError: an unknown name, or a missing one.
    """
    for name, value in given.items():
        if name not in allowed:
            names = listed(allowed) or "nothing"
            raise UserError(f"{prefix}{name}={value}: unknown key; allowed: {names}.{nearest(name, allowed)}")
    for name in required:
        if name not in given:
            raise UserError(f"{prefix}{name} is required: give it as {prefix}{name}=VALUE.")


def parameters_of(function: Callable[..., Any], key: str) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a function or a class by name.

    Raises:
        UserError: it has no signature, as some builtins; the message names ``key``, which holds its path.
    """
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        path = f"{function.__module__}.{getattr(function, '__qualname__', function)}"
        raise UserError(f"{key}={path}: does not say which arguments it takes; give a function of Python.") from None


def check_arguments(
    function: Callable[..., Any], arguments: dict[str, Any], key: str, given_by_caller: tuple[str, ...] = ()
) -> None:
    """Check names and values of ``arguments`` against the signature of ``function`` and its annotations.

    An argument that is not given is what it is by default in ``function``, for the rules of
    :func:`locexp.bounds.checked`.

    Args:
        function: a function or a class.
        arguments: by name.
        key: of these in the configuration, for the message.
        given_by_caller: parameters that are not keys.

    Raises:
        UserError: an unknown name, a missing one, or a value that does not fit its annotation or is out of range.
    """
    parameters = parameters_of(function, f"{key}._target_")
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    names = [
        name
        for name, parameter in parameters.items()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD) and name not in given_by_caller
    ]
    try:
        hints = typing.get_type_hints(function.__init__ if inspect.isclass(function) else function, include_extras=True)
    except (NameError, TypeError):
        hints = {}
    defaults = {name: parameters[name].default for name in names}
    required = [name for name in names if defaults[name] is inspect.Parameter.empty]
    for hint in list(hints.values()):
        if typing.get_origin(hint) is typing.Unpack:  # **keys: Unpack[some TypedDict]
            (keys,) = typing.get_args(hint)
            hints |= typing.get_type_hints(keys, include_extras=True)
            names, required, takes_any = [*names, *keys.__annotations__], [*required, *keys.__required_keys__], False
    check_names(f"{key}.", arguments, [*names, *arguments] if takes_any else names, required)
    check_values(key, arguments, hints)
    check_rules(function, defaults | arguments)
