"""Objects from configuration nodes: their ``_target_`` called with their other keys."""

from __future__ import annotations

import functools
import inspect
import re
import warnings
from typing import Any

from omegaconf import DictConfig

from locexp.configuration.schema import plain
from locexp.configuration.targets import import_target
from locexp.errors import UserError, first_line, listed, nearest


def instantiate(node: DictConfig, key: str, skip: tuple[str, ...] = (), **given: Any) -> Any:
    """Call the ``_target_`` of a configuration node with its other keys and what the caller gives.

    Arguments that have a ``_target_`` themselves are made first; ``_partial_: true`` makes a function that waits for
    its further arguments, instead of calling it.

    Args:
        node: of the configuration.
        key: of the node, for the message.
        skip: keys that are not arguments.
        given: further arguments.

    Raises:
        UserError: the target does not take these arguments, or fails with them.
    """
    return _made({name: value for name, value in plain(node).items() if name not in skip}, key, given)


def _made(node: dict[str, Any], key: str, given: dict[str, Any]) -> Any:
    target = import_target(str(node["_target_"]), f"{key}._target_")
    arguments = {name: value for name, value in node.items() if name not in ("_target_", "_partial_")}
    for name, value in arguments.items():
        if isinstance(value, dict) and "_target_" in value:
            arguments[name] = _made(value, f"{key}.{name}", {})
    if node.get("_partial_"):
        return functools.partial(target, **given, **arguments)
    called = getattr(target, "__name__", target)
    try:
        with warnings.catch_warnings():
            module = r"keras\.src\.(optimizers|callbacks)\."
            warnings.filterwarnings("error", ".*(will be|is|are) ignored", module=module)
            made = target(**given, **arguments)
    except UserError:
        raise
    except Warning as warning:
        useless = [
            f"{key}.{name}={value}" for name, value in arguments.items() if re.search(rf"\b{name}\b", str(warning))
        ]
        raise UserError(
            f"{listed(useless) or key}: {called} ignores this ({first_line(warning)}); leave it out."
        ) from None
    except (TypeError, ValueError) as error:
        raise UserError(f"{key}: {called} refuses its arguments ({first_line(error)}).") from error
    except Exception as error:  # of the user's own code, which may raise anything
        raise UserError(f"{key}: {called} failed with {type(error).__name__} ({first_line(error)}).") from error
    _check_taken(target, arguments, made, key)
    return made


def _check_taken(target: Any, arguments: dict[str, Any], made: Any, key: str) -> None:
    """Refuse arguments that a class of Keras takes under any name (``**kwargs``), and then drops.

    Raises:
        UserError: one is neither a parameter, nor in the object's own configuration, nor an attribute of its class.
    """
    if not (inspect.isclass(target) and target.__module__.startswith("keras.")):
        return
    named = {
        name
        for one in target.__mro__
        if "__init__" in vars(one)
        for name in inspect.signature(vars(one)["__init__"]).parameters
    }
    known = made.get_config() if hasattr(made, "get_config") else {}
    for name, value in arguments.items():
        dropped = name not in known if known else name in vars(made)
        if name not in named and dropped and not hasattr(target, name):
            allowed = sorted({*named, *known} - {"self", "args", "kwargs"})
            raise UserError(
                f"{key}.{name}={value}: {target.__name__} takes this without any effect; allowed: {listed(allowed)}."
                f"{nearest(name, allowed)}"
            )
