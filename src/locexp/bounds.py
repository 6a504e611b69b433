"""What a parameter may be, declared once in its annotation: checked wherever the value comes from.

``Annotated[int, Ge(1)]``, ``Annotated[float, Interval(ge=0, lt=1)]``, ``Literal["own", "weighted"]``,
``Annotated[Sequence[Annotated[int, Ge(1)]], MinLen(1)]``: the marks are those of :mod:`annotated_types`. In
``Annotated``, ``doc("…")`` says in words what is allowed, and another annotation narrows the type:
``Annotated[str, Literal["a", "b"]]`` is for what OmegaConf has to hold as a ``str``. The configuration checks what a
user gives for a ``_target_`` against its annotations, and a function or constructor under :func:`checked` does so for
those who call it from Python.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from annotated_types import DocInfo, GroupedMetadata, MaxLen, MinLen, Predicate

from locexp.errors import UserError, listed, nearest

P = ParamSpec("P")
R = TypeVar("R")
NAMES = {
    "int": "a whole number",
    "float": "a finite number",
    "str": "text",
    "bool": "true or false",
    "NoneType": "null",
}
LIMITS = {"ge": (">=", operator.ge), "gt": (">", operator.gt), "le": ("<=", operator.le), "lt": ("<", operator.lt)}
"""By the attribute of a mark, such as ``Ge(1).ge``."""


def checked(key: str, *rules: Callable[..., None]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function or an ``__init__`` check its arguments against their annotations whenever it is called.

    Args:
        key: of the parameters in the configuration, for the message.
        rules: what holds across parameters; each takes those it needs, by name, and raises :class:`UserError`.
            :func:`locexp.configuration.targets.check_arguments` applies them before a run starts.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = inspect.signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            check_values(key, bound.arguments, typing.get_type_hints(function, include_extras=True))
            check_rules(wrapper, bound.arguments)
            return function(*args, **kwargs)

        wrapper.rules = rules  # type: ignore[attr-defined]
        return wrapper

    return decorate


def check_rules(function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Apply the rules that a function under :func:`checked` has; raises :class:`UserError`."""
    for rule in getattr(function, "rules", ()):
        rule(**{name: arguments[name] for name in inspect.signature(rule).parameters})


def check_values(key: str, values: Mapping[str, Any], hints: Mapping[str, Any]) -> None:
    """Check values by name, each against its annotation if it has one; raises as :func:`check_value`."""
    for name, value in values.items():
        check_value(f"{key}.{name}", value, hints.get(name, Any))


def check_value(key: str, value: object, hint: Any) -> None:
    """Check one value against an annotation.

    Raises:
        UserError: it does not fit; the message names the key, what was given, what is allowed and the nearest name.
    """
    if not fits(value, hint):
        given = list(value) if isinstance(value, tuple) else value
        near = nearest(str(value), _names(hint))
        raise UserError(f"{key}={given}: expected {spelled(hint)}{_misfit(value, hint)}.{near}")


def different(values: Collection[Any]) -> bool:
    """Return whether no value occurs twice."""
    return len(set(values)) == len(values)


def fits(value: object, hint: Any) -> bool:
    """Return whether a value fits an annotation; a number is finite, a whole one has at most 64 bits, and neither true
    nor false is one."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin is Annotated:
        return fits(value, arguments[0]) and all(_meets(value, mark) for mark in _marks(hint))
    if _is_union(hint):
        return any(fits(value, part) for part in arguments)
    if origin is Literal:
        return any(fits(value, type(option)) and value == option for option in arguments)
    if _is_list(hint):
        items = _items(value)
        return items is not None and all(fits(item, arguments[0]) for item in items)
    if hint is float:
        return isinstance(value, Real) and not isinstance(value, bool) and _is_finite(value)
    if hint is int:
        return isinstance(value, Integral) and not isinstance(value, bool) and -(2**63) <= int(value) < 2**63
    if hint is None:
        return value is None
    return isinstance(value, hint) if isinstance(hint, type) and origin is None else True


def _is_finite(value: Real) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of more digits than a float can have
        return False


def spelled(hint: Any) -> str:
    """Return in words what fits an annotation."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _spelled_annotated(arguments[0], list(_marks(hint)))
    if _is_union(hint):
        parts = [spelled(part) for part in arguments]
        return (", or " if any(" " in part for part in parts) else " or ").join(parts)
    if origin is Literal:
        options = ["null" if option is None else option for option in arguments]
        return f"one of {listed(options)}" if len(options) > 1 else str(options[0])
    if _is_list(hint):
        return f"a list, each item {spelled(arguments[0])}"
    if isinstance(hint, type) and origin is None:
        return NAMES.get(hint.__name__, hint.__name__)
    return str(hint).replace("collections.abc.", "")


def _spelled_annotated(kind: Any, marks: Sequence[Any]) -> str:
    for mark in marks:
        if isinstance(mark, DocInfo):
            return mark.documentation
    for mark in marks:
        if _is_hint(mark):
            return spelled(mark)
    limits = {name: getattr(mark, name) for mark in marks for name in LIMITS if hasattr(mark, name)}
    if len(limits) == 2:
        noun = "a whole number" if kind is int else "a number"
        if "ge" in limits and "le" in limits:
            return f"{noun} from {limits['ge']} to {limits['le']}"
        start = f"[{limits['ge']}" if "ge" in limits else f"({limits['gt']}"
        return f"{noun} in {start}, " + (f"{limits['le']}]" if "le" in limits else f"{limits['lt']})")
    least = next((mark.min_length for mark in marks if isinstance(mark, MinLen)), 0)
    most = next((mark.max_length for mark in marks if isinstance(mark, MaxLen)), None)
    counts = [f"at least {least}"] * (least > 0) + [f"at most {most}"] * (most is not None)
    length = f"{least}" if least == most else " and ".join(counts)
    text = spelled(kind).replace("a list", f"a list of {length}" if length else "a list", 1)
    return " ".join([text, *(f"{LIMITS[name][0]} {limit}" for name, limit in limits.items())])


def _marks(hint: Any) -> Iterator[Any]:
    for mark in typing.get_args(hint)[1:]:
        yield from mark if isinstance(mark, GroupedMetadata) else (mark,)


def _is_hint(mark: Any) -> bool:
    return isinstance(mark, type) or typing.get_origin(mark) is not None


def _meets(value: Any, mark: Any) -> bool:
    if _is_hint(mark):
        return fits(value, mark)
    if isinstance(mark, Predicate):
        return bool(mark.func(value))
    if isinstance(mark, MinLen):
        return len(value) >= mark.min_length
    if isinstance(mark, MaxLen):
        return len(value) <= mark.max_length
    return all(holds(value, getattr(mark, name)) for name, (_, holds) in LIMITS.items() if hasattr(mark, name))


def _parts(hint: Any) -> list[Any]:
    """Return the alternatives of an annotation, without marks; of one that narrows a type, the narrower."""
    if typing.get_origin(hint) is Annotated:
        return _parts(next((mark for mark in _marks(hint) if _is_hint(mark)), typing.get_args(hint)[0]))
    return [part for one in typing.get_args(hint) for part in _parts(one)] if _is_union(hint) else [hint]


def _misfit(value: object, hint: Any) -> str:
    """Say which item of a list does not fit, or the type of a value whose type is wrong; nothing for a wrong name."""
    parts, items = _parts(hint), _items(value)
    if isinstance(value, int) and abs(value) >= 2**63:
        return ", got a number that is too large"
    for part in parts:
        if _is_list(part) and items is not None:
            wrong = [
                (position, item) for position, item in enumerate(items, 1) if not fits(item, typing.get_args(part)[0])
            ]
            return f", but item {wrong[0][0]} is {wrong[0][1]}" if wrong else ""
    if isinstance(value, str) and _names(hint):
        return ""
    kinds = [type(one) for one in _options(parts)] + [part for part in parts if typing.get_origin(part) is not Literal]
    is_typed = any(fits(value, kind) for kind in kinds) or (float in kinds and isinstance(value, float))
    return "" if is_typed else f", got {type(value).__name__}"


def _options(parts: Sequence[Any]) -> list[Any]:
    return [option for part in parts if typing.get_origin(part) is Literal for option in typing.get_args(part)]


def _names(hint: Any) -> list[str]:
    """Return the names that an annotation allows."""
    return [option or "null" for option in _options(_parts(hint)) if option is None or isinstance(option, str)]


def _items(value: object) -> list[Any] | None:
    """Return what a list, a tuple or an array holds; ``None`` for anything else."""
    return list(value) if isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping) else None


def _is_list(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Sequence) and bool(typing.get_args(hint))


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)
