"""How far each job of a sweep is to train, and which are not pursued, as the stages of its plan have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from locexp.errors import UserError, listed


class Course:
    """The course of a sweep so far.

    Attributes:
        stages: as the sweep's list keeps them, see :class:`~locexp.records.sweep_list.SweepList`.
        not_pursued: by the index of the job, when and why.
    """

    def __init__(self) -> None:
        self.stages: list[dict[str, dict[str, Any]]] = []
        self.not_pursued: dict[int, str] = {}
        self._until: dict[int, int | None] = {}

    def until(self, index: int) -> int | None:
        """Return after how many epochs a job pauses, ``None`` for the end of its budget."""
        return self._until.get(index)

    def pauses(self, index: int) -> bool:
        """Whether a job pauses, or has paused, before the end of its budget."""
        return any(stage["until"].get(str(index)) is not None for stage in self.stages)

    def begin(self, wanted: Mapping[int, int | None], dropped: Mapping[int, str]) -> list[int]:
        """Take in a stage; returns the jobs that it begins or continues, by their index.

        Args:
            wanted: the jobs that it asks for, and after how many epochs they are to pause.
            dropped: those that it gives up, and why; one that it asks for, too, goes on.

        Raises:
            ValueError: it continues a job that was given up before.
        """
        going = {
            index: until
            for index, until in wanted.items()
            if index not in self._until or _farther(self._until[index], until) != self._until[index]
        }
        back = sorted(going.keys() & self.not_pursued.keys())
        if back:
            raise ValueError(f"it continues job {back[0]}, which an earlier stage has dropped")
        lost = {index: why for index, why in dropped.items() if index not in wanted and index not in self.not_pursued}
        self._until |= going
        self.not_pursued |= lost
        if going or lost:
            self.stages.append({"until": _by_name(going), "not_pursued": _by_name(lost)})
        return list(going)


def farthest(wanted: Mapping[int, int | None], index: int, until: int | None) -> int | None:
    """Return the later of two ends of a job, of which ``wanted`` may have the first."""
    return _farther(wanted[index], until) if index in wanted else until


def check_pausable(cfg: DictConfig) -> None:
    """Check that a run can pause, and go on as if it had not.

    Raises:
        UserError: it writes no checkpoint, or has callbacks, whose own state is in none.
    """
    plan = f"the sweep (sweep._target_={cfg.sweep._target_}) pauses runs and continues them from their checkpoints"
    other = "choose a sweep that trains each run to its end, such as sweep=bbox_weight"
    if not cfg.trainer.checkpoint:
        raise UserError(f"trainer.checkpoint=false: {plan}; leave this out, or {other}.")
    if cfg.trainer.callbacks:
        raise UserError(
            f"trainer.callbacks={{{listed(cfg.trainer.callbacks)}}}: {plan}, which do not hold the state of callbacks: "
            f"a run that paused would differ from one that did not; leave them out, or {other}."
        )


def _farther(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


def _by_name(values: Mapping[int, Any]) -> dict[str, Any]:
    return {str(index): value for index, value in sorted(values.items())}
