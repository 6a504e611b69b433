"""Dotted names in the configuration: finding what they name and checking the arguments given for it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable
from typing import Any

from locexp.bounds import check_rules, check_value
from locexp.errors import UserError, listed, nearest


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


def check_arguments(
    function: Callable[..., Any], arguments: dict[str, Any], key: str, given_by_caller: tuple[str, ...] = ()
) -> None:
    """Check names and values of ``arguments`` against the signature of ``function`` and its annotations.

    An argument that is not given is what it is by default in ``function``, for the rules of
    :func:`locexp.bounds.checked`.

    Args:
        function: a function or a class.
        arguments: by name.
        key: under which they lie in the configuration, for the message.
        given_by_caller: parameters that are no keys.

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
        hints = typing.get_type_hints(function.__init__ if inspect.isclass(function) else function, include_extras=True)
    except (NameError, TypeError):
        hints = {}
    for name, value in arguments.items():
        if name not in names and not takes_any:
            allowed = listed(names) if names else "nothing"
            raise UserError(f"{key}.{name}={value}: unknown key; allowed: {allowed}.{nearest(name, names)}")
        check_value(f"{key}.{name}", value, hints.get(name, Any))
    for name in names:
        if name not in arguments and parameters[name].default is inspect.Parameter.empty:
            raise UserError(f"{key}.{name} is required: give it as {key}.{name}=VALUE.")
    check_rules(function, {name: parameters[name].default for name in names} | arguments)
