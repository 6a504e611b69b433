"""What the user's own code gives as a strategy and as scenes, checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from locexp.bbox.scenes import Scenes, Strategy
from locexp.errors import UserError

EXPECTED = "an object with compose(images, split=..., scene_seed=...), or with _partial_=true a function of these"


class Function:
    """A function (images, *, split, scene_seed) -> Scenes as a strategy."""

    def __init__(self, function: Callable[..., Scenes]) -> None:
        self.compose = function


def strategy_of(made: Any) -> Strategy:
    """Return what ``bbox._target_`` made as a strategy; raises :class:`UserError` if it is none."""
    if callable(getattr(made, "compose", None)):
        return made
    if callable(made):
        return Function(made)
    raise UserError(f"bbox._target_: gives a {type(made).__name__}; expected {EXPECTED}.")


def checked(scenes: Any, split: str, count: int) -> Scenes:
    """Return scenes if they are what they should be; raises :class:`UserError`.

    Args:
        scenes: what ``compose`` returned.
        split: of which part, for the message.
        count: how many images it was given.
    """
    if not isinstance(scenes, Scenes):
        raise UserError(f"bbox._target_: compose gives a {type(scenes).__name__}; expected locexp.bbox.scenes.Scenes.")
    images, boxes = scenes.images, scenes.boxes
    if images.dtype != np.uint8 or images.ndim != 3 or len(images) != count:
        raise UserError(
            f"bbox._target_: the {split} images are {images.dtype} {images.shape}; expected uint8 ({count}, height, "
            "width)."
        )
    for name, values in (("boxes", boxes), ("clean boxes", scenes.clean_boxes)):
        if values is not None and (values.shape != (count, 4) or not np.isfinite(values).all()):
            raise UserError(
                f"bbox._target_: the {split} {name} have shape {values.shape}"
                f"{'' if np.isfinite(values).all() else ' and are not all finite'}; expected ({count}, 4) finite "
                "numbers: x1, y1, x2, y2 over the canvas width and height."
            )
    for name, flags in (("clipped", scenes.clipped), ("covered", scenes.covered)):
        if flags is not None and flags.shape != (count,):
            raise UserError(
                f"bbox._target_: {name} of the {split} scenes has shape {flags.shape}; expected ({count},)."
            )
    return scenes
