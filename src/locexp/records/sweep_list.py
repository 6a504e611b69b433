"""What ties a run to the sweep that it belongs to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIST = Path("sweep", "sweep.json")
LISTED = ("words", "multirun", "config_dir", "jobs")
"""The file in a sweep's folder, and on its parent run, that says which jobs it has."""

CONTROL, FINAL = "control", "final"
"""Roles of runs in a sweep, see :class:`SweepLink`."""
REPLAY = "replay"
"""The fact, among what varies, that a run of fixed weights has the mean weights of a method, and of which."""
BUDGET = ("trainer.epochs", "trainer.batch_size", "data.limit", "trainer.early_stopping")
"""The keys of the training budget, in which runs that are compared must agree."""


@dataclass(frozen=True)
class SweepLink:
    """What ties a run to its sweep.

    Attributes:
        sweep_id: of the sweep.
        parent_run_id: MLflow's id of the run that holds the sweep.
        index: of the job in the sweep's list.
        name: what varies, and the seed.
        varied: what the sweep varies, key by key.
        role: empty for what the comparison chooses from. ``control``: shown, but never chosen. ``final``: earlier
            stages have chosen it; where a sweep has final runs, the comparison is among these alone.
        conductor: the process that runs the sweep, see :func:`locexp.system.process.process_tags`.
    """

    sweep_id: str
    parent_run_id: str
    index: int
    name: str
    varied: dict[str, str]
    role: str
    conductor: dict[str, str]

    @property
    def tags(self) -> dict[str, str]:
        """The tags by which MLflow nests the run, and flat filters find it."""
        return {
            "mlflow.parentRunId": self.parent_run_id,
            "sweep_id": self.sweep_id,
            "sweep_job": str(self.index),
            "varied": ",".join(self.varied),
            "role": self.role,
        } | {f"varied.{key}": value for key, value in self.varied.items()}

    @classmethod
    def read(cls, path: Path, index: int) -> SweepLink:
        """Read the link of a job from the list of its sweep."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        job = stored["jobs"][index]
        return cls(
            sweep_id=stored["sweep_id"],
            parent_run_id=stored["parent_run_id"],
            index=job["index"],
            name=job["name"],
            varied=job["varied"],
            role=job["role"],
            conductor=stored["conductor"],
        )


def next_attempt(directory: Path, index: int) -> Path:
    """Return the folder for the next attempt at a job of the sweep in ``directory``: ``3``, ``3-2`` for a second."""
    place, attempt = directory / str(index), 1
    while place.exists():
        attempt += 1
        place = directory / f"{index}-{attempt}"
    return place


def index_of(place: Path) -> int:
    """Return the index of the job whose folder this is."""
    return int(place.name.partition("-")[0])


def parse_list(text: str | None) -> dict[str, Any] | None:
    """Return a sweep's jobs and the command that began it, as :data:`LIST` has them; ``None`` if it has not."""
    try:
        stored = json.loads(text or "")
        return {"told": []} | stored if all(key in stored for key in LISTED) else None
    except (ValueError, TypeError):
        return None


def setting_name(varied: Mapping[str, str]) -> str:
    """Return what varies but the seed, in short: keys by their last part, or whole where that is ambiguous."""
    keys = [key for key in varied if key != "seed"]
    lasts = [re.split("[./]", key)[-1] for key in keys]
    parts = [f"{last if lasts.count(last) == 1 else key}={varied[key]}" for key, last in zip(keys, lasts, strict=True)]
    return " ".join(parts) or "defaults"
