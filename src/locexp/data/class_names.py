"""What classes are called: by the names that came with the data, or by their labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from locexp.data.arrays import NAMES, RawData
from locexp.errors import UserError, listed, spans


def numbered_from_zero(raw: RawData) -> RawData:
    """Return data whose labels run from 1 to the number of class names with labels from 0; others as they are."""
    labels = np.concatenate([labels for _, labels in raw.parts.values()])
    if not raw.class_names or labels.min() < 1 or labels.max() != len(raw.class_names):
        return raw
    counted = {NAMES[part][1]: labels - 1 for part, (_, labels) in raw.parts.items()}
    note = f"The labels run to {len(raw.class_names)}, so the class names are those of the labels from 1."
    return replace(raw, notes=(*raw.notes, note), **counted)  # type: ignore[arg-type]


def class_names(raw: RawData) -> tuple[str, ...]:
    """Return the names of the labels that occur, in their order, or the labels as names.

    A data set of one class has a second one, without examples: a network tells two apart at least.

    Raises:
        UserError: the data name their classes, but not all of them, or two alike.
    """
    labels = np.unique(np.concatenate([labels for _, labels in raw.parts.values()])).tolist()
    if not raw.class_names:
        return tuple(str(label) for label in [*labels, *([labels[0] + 1] if len(labels) == 1 else [])])
    if labels[-1] >= len(raw.class_names):
        raise UserError(
            f"data: there are {len(raw.class_names)} class names, but the labels run to {labels[-1]}; expected a name "
            "for each label, from 0 or from 1."
        )
    names = tuple(str(raw.class_names[label]) for label in labels)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"data: two classes are called {twice[0]!r}; expected names that differ.")
    return names if len(names) > 1 else (*names, f"not {names[0]}")


def called(chosen: np.ndarray, classes: np.ndarray, names: tuple[str, ...]) -> str:
    """Return some classes, int (m,), for a message: by their labels, or by name where they have one."""
    return spans(classes[chosen]) if names[0] == str(classes[0]) else listed(names[label] for label in chosen)


def without_examples(part: str, names: str) -> str:
    """Return what to say of a part that lacks some classes, which are given in words."""
    return (
        f"The {part} part has no example of class {names}, so its metrics say nothing about it. Give it some of each."
    )
