"""A training as a file: all it takes to go on after its last whole epoch as if nothing had happened."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from locexp.data.files import BROKEN
from locexp.errors import UserError, first_line
from locexp.system.files import replacing

if TYPE_CHECKING:
    from locexp.training.member import Member  # imports TensorFlow

CHECKPOINT_FORMAT = 2
OLD_KEY = "identity"
"""What locexp 0.1.0 called ``training_id`` in its checkpoints."""
GROUPS = ("model", "optimizer", "loss_weights", "weighting", "best")


@dataclass(frozen=True)
class Checkpoint:
    """The state of a member after a whole epoch. Its history is not in here: the run keeps it on file already.

    Attributes:
        path: the file it was read from.
        training_id: the setting and the seed; only a training of the same may go on from it.
        epoch: how many epochs are done, >= 1.
        best_epoch: the best of them by the monitored metric, from 1.
        stopped: training has ended early.
        names: of the network's variables, in order.
        arrays: ``model`` (weights, other state, seed generators), ``optimizer`` (with its step and learning rate),
            ``loss_weights`` (classification, box), ``weighting`` (the method's state) and ``best`` (the weights kept so
            far).
    """

    path: Path
    training_id: str
    epoch: int
    best_epoch: int
    stopped: bool
    names: list[str]
    arrays: dict[str, list[np.ndarray]]


def write_checkpoint(path: Path, member: Member, training_id: str) -> None:
    """Write the state of a member after a whole epoch, all at once: a reader never sees half of it.

    Args:
        path: of the file, which is replaced.
        member: has at least one epoch of history.
        training_id: see :class:`Checkpoint`.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    about = {
        "format": CHECKPOINT_FORMAT,
        "training_id": training_id,
        "epoch": len(member.history),
        "best_epoch": member.best_epoch,
        "stopped": member.stopped,
        "names": [variable.name for variable in member.model.variables],
    }
    groups: tuple[Iterable[np.ndarray], ...] = (
        (variable.numpy() for variable in member.model.variables),
        (variable.numpy() for variable in member.optimizer.variables),
        (weight.numpy() for weight in member.loss_weights),
        (variable.numpy() for variable in member.weighting.variables),
        member.best_weights or (),
    )
    arrays: dict[str, Any] = {
        f"{group}/{index:05d}": _plain(np.asarray(array))
        for group, values in zip(GROUPS, groups, strict=True)
        for index, array in enumerate(values)
    }
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint whole; only plain arrays are read, so no code in the file can run.

    Raises:
        UserError: there is none, or it is not one.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files}
        about = json.loads(str(content.pop("about")))
        if about["format"] != CHECKPOINT_FORMAT:
            raise ValueError(f"format {about['format']}; expected {CHECKPOINT_FORMAT}")
        arrays: dict[str, list[np.ndarray]] = {group: [] for group in GROUPS}
        for name in sorted(content):
            arrays[name.split("/")[0]].append(content[name])
        checkpoint = Checkpoint(
            path=path,
            training_id=str(about["training_id"] if "training_id" in about else about[OLD_KEY]),
            epoch=int(about["epoch"]),
            best_epoch=int(about["best_epoch"]),
            stopped=bool(about["stopped"]),
            names=[str(name) for name in about["names"]],
            arrays=arrays,
        )
        if not 1 <= checkpoint.best_epoch <= checkpoint.epoch:
            raise ValueError(f"best epoch {checkpoint.best_epoch} of {checkpoint.epoch}")
    except FileNotFoundError:
        raise UserError(
            f"{path.parent}: holds no {path.name}, so there is nothing to continue from (the run was stopped before "
            "its first epoch ended, or had trainer.checkpoint=false)."
        ) from None
    except (*BROKEN, TypeError, AttributeError) as bad:
        raise UserError(f"{path}: is not a whole checkpoint ({first_line(bad)}).") from None
    return checkpoint


def epochs_done(path: Path) -> int:
    """Return how many epochs the run of a checkpoint has behind it; 0 where there is none that can be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return int(json.loads(str(file["about"]))["epoch"])
    except (OSError, *BROKEN, TypeError, AttributeError):
        return 0


def restore(member: Member, checkpoint: Checkpoint, training_id: str, history: Sequence[dict[str, float]]) -> None:
    """Bring a freshly built member to the state of a checkpoint; it is left alone if that does not fit.

    Args:
        member: built as the one that was written.
        checkpoint: of a training with the same ``training_id``.
        training_id: see :class:`Checkpoint`.
        history: one row for each epoch of the checkpoint.

    Raises:
        UserError: the checkpoint is of another training or another network.
        ValueError: the history has another number of epochs.
    """
    if checkpoint.training_id != training_id:
        raise UserError(f"{checkpoint.path}: is of another run ({checkpoint.training_id}); expected {training_id}.")
    if len(history) != checkpoint.epoch:
        raise ValueError(f"{len(history)} rows of history for {checkpoint.epoch} epochs")
    targets = {
        "model": member.model.variables,
        "optimizer": member.optimizer.variables,
        "loss_weights": member.loss_weights,
        "weighting": member.weighting.variables,
        "best": member.model.weights,
    }
    names = [variable.name for variable in member.model.variables]
    if checkpoint.names != names:
        raise UserError(_other_network(checkpoint, "variables", checkpoint.names, names))
    values: dict[str, list[np.ndarray]] = {}
    for group, variables in targets.items():
        wanted = [np.asarray(variable.numpy()) for variable in variables]
        given = checkpoint.arrays[group]
        found, expected = [_form(array) for array in given], [_form(_plain(array)) for array in wanted]
        if found != expected:
            raise UserError(_other_network(checkpoint, group, found, expected))
        values[group] = [array.view(like.dtype) for array, like in zip(given, wanted, strict=True)]
    for group in ("model", "optimizer", "loss_weights", "weighting"):
        for variable, array in zip(targets[group], values[group], strict=True):
            variable.assign(array)
    member.best_weights = values["best"]
    member.best_epoch = checkpoint.best_epoch
    member.stopped = checkpoint.stopped
    member.history = [dict(row) for row in history]


def _plain(array: np.ndarray) -> np.ndarray:
    """Return an array of a type that NumPy has by itself: bfloat16, which it would read as raw bytes, as integers."""
    return array.view(f"u{array.dtype.itemsize}") if array.dtype.kind == "V" else array


def _form(array: np.ndarray) -> str:
    return f"{array.dtype}{list(array.shape)}"


def _other_network(checkpoint: Checkpoint, what: str, found: list[str], expected: list[str]) -> str:
    start = f"{checkpoint.path}: is of another network: {what} "
    if len(found) != len(expected):
        return f"{start}are {len(found)} arrays; expected {len(expected)}."
    index = next(i for i, pair in enumerate(zip(found, expected, strict=True)) if pair[0] != pair[1])
    return f"{start}{index} is {found[index]}; expected {expected[index]}."
