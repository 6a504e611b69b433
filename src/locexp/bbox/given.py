"""Checks of the strategy, and of the scenes, that a user's own code gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from locexp.bbox.annotations import Annotations
from locexp.bbox.scenes import Scenes, Strategy
from locexp.errors import RunFailedError, UserError

EXPECTED = "an object with compose(images, split=..., scene_seed=...), or with _partial_=true a function of these"


class Function:
    """A function (images, *, split, scene_seed) -> Scenes as a strategy."""

    def __init__(self, function: Callable[..., Scenes]) -> None:
        self.compose = function


def strategy_of(made: Any) -> Strategy:
    """Return what ``bbox._target_`` made as a strategy; raises :class:`UserError` if it is not one."""
    if callable(getattr(made, "compose", None)):
        return made
    if callable(made):
        return Function(made)
    raise UserError(f"bbox._target_: gives a {type(made).__name__}; expected {EXPECTED}.")


def compose(strategy: Strategy, images: np.ndarray, annotations: Annotations | None, **keys: Any) -> Scenes:
    """Compose the scenes of a split, with its annotations where the strategy takes them, and check them.

    Args:
        strategy: whose ``compose`` is called.
        images: uint8, (n, height, width) or (n, height, width, 3).
        annotations: of these images.
        keys: ``split``, ``scene_seed`` and, for fresh scenes, ``epoch``.

    Raises:
        UserError: the scenes are not what they should be.
    """
    if takes(strategy, "annotations"):
        keys["annotations"] = annotations
    scenes = strategy.compose(images, **keys)
    check_scenes(scenes, keys["split"], len(images))
    return scenes


def takes(strategy: Strategy, name: str) -> bool:
    """Whether ``compose`` of a strategy has a keyword."""
    parameters = inspect.signature(strategy.compose).parameters
    return name in parameters or any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())


def check_scenes(scenes: Any, split: str, count: int) -> None:
    """Check that scenes are what they should be; raises :class:`UserError`.

    Args:
        scenes: what ``compose`` returned.
        split: of which part, for the message.
        count: how many images it was given.
    """
    if not isinstance(scenes, Scenes):
        raise UserError(f"bbox._target_: compose gives a {type(scenes).__name__}; expected locexp.bbox.scenes.Scenes.")
    images, boxes = scenes.images, scenes.boxes
    if (
        images.dtype != np.uint8
        or images.ndim not in (3, 4)
        or len(images) != count
        or images.shape[3:] not in ((), (3,))
    ):
        raise UserError(
            f"bbox._target_: the {split} images are {images.dtype} {images.shape}; expected uint8 ({count}, height, "
            f"width), or ({count}, height, width, 3) in colour."
        )
    for name, values in (("boxes", boxes), ("clean boxes", scenes.clean_boxes), ("plain boxes", scenes.plain_boxes)):
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


def fresh_scenes(
    strategy: Strategy, images: np.ndarray, scene_seed: int, first: Scenes, annotations: Annotations | None = None
) -> Callable[[int], Scenes] | None:
    """Return what makes the training scenes of an epoch (from 0); ``None`` where they are the same in each.

    Args:
        strategy: whose scenes are new in every epoch if it has a true attribute ``fresh``.
        images: uint8 (n, height, width[, 3]), of the training part.
        scene_seed: see :class:`locexp.bbox.scenes.Strategy`.
        first: the scenes of epoch 0, whose canvas the others share.
        annotations: of the images.

    Raises:
        UserError: it is to make new scenes, but its ``compose`` takes no epoch.
        RunFailedError: raised by what is returned, where the scenes of an epoch fail or are not what they should be.
    """
    if not getattr(strategy, "fresh", False):
        return None
    if not takes(strategy, "epoch"):
        raise UserError(
            f"bbox.fresh=true: compose of {type(strategy).__name__} takes no epoch, so it cannot make new scenes in "
            "each; expected compose(images, *, split, scene_seed, epoch=0)."
        )

    def of_epoch(epoch: int) -> Scenes:
        try:
            scenes = compose(strategy, images, annotations, split="train", scene_seed=scene_seed, epoch=epoch)
            if scenes.images.shape != first.images.shape:
                raise UserError(
                    f"bbox._target_: the train images are {scenes.images.shape}; expected {first.images.shape}, as in "
                    "epoch 0."
                )
        except Exception as error:  # of the user's own code, which may raise anything; the run has begun by now
            raise RunFailedError(f"the scenes of epoch={epoch} failed: {error}") from error
        return scenes

    return of_epoch
