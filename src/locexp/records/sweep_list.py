"""A sweep's list of jobs, and what ties a run to the sweep that it belongs to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from locexp.records.format import FORMAT, build, parse_object, write_whole

LIST = Path("sweep", "sweep.json")
"""The file in a sweep's folder, and on its parent run, that says which jobs it has."""
NAMES_OF_FORMAT_1 = {"words": "overrides", "told": "stage_results"}

CONTROL, FINAL = "control", "final"
"""Roles of runs in a sweep, see :class:`SweepLink`."""
REPLAY = "replay"
"""The fact, among what varies, that a run of fixed weights has the mean weights of a method, and of which."""
BUDGET = ("trainer.epochs", "trainer.batch_size", "data.limit", "trainer.early_stopping")
"""The keys of the training budget, in which runs that are compared must agree."""


@dataclass(frozen=True)
class SweepCommand:
    """The command that began a sweep, as a resume needs it.

    Attributes:
        overrides: of the command.
        multirun: whether comma-separated values were a sweep.
        config_dir: the further folder of YAML files, absolute, or ``None``.
        config_name: of the primary configuration.
    """

    overrides: list[str]
    multirun: bool
    config_dir: str | None
    config_name: str = field(default="config", kw_only=True)


@dataclass(frozen=True)
class SweepList(SweepCommand):
    """The jobs of a sweep and the command that began it; ``sweep/sweep.json`` in its folder.

    Attributes:
        jobs: of all stages that have begun, each with ``index``, ``stage``, ``name``, ``overrides``, ``seed``,
            ``config_hash``, ``varied`` and ``role``.
        stage_results: for each stage but the first, the results that it followed from, by the index of the job.
        sweep_id: of the sweep.
        parent_run_id: MLflow's id of the run that holds the sweep; null until the run is there.
        conductor: the process that runs the sweep, see :func:`locexp.system.process.process_tags`.
    """

    jobs: list[dict[str, Any]]
    stage_results: list[dict[str, dict[str, float] | None]] = field(default_factory=list)
    sweep_id: str = ""
    parent_run_id: str | None = None
    conductor: dict[str, str] = field(default_factory=dict)

    @property
    def command(self) -> SweepCommand:
        """The command that began the sweep."""
        return SweepCommand(self.overrides, self.multirun, self.config_dir, config_name=self.config_name)

    def write(self, directory: Path) -> None:
        """Write the list into the sweep's folder, all at once."""
        write_whole(directory / LIST, json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n")

    @classmethod
    def parse(cls, content: bytes, place: object) -> SweepList:
        """Return the list from the content of its file; for arguments and errors see :func:`parse_object`."""
        stored = parse_object(content, place)
        return build(cls, {NAMES_OF_FORMAT_1.get(name, name): value for name, value in stored.items()}, place)


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
        stored = SweepList.parse(path.read_bytes(), path)
        job = stored.jobs[index]
        return cls(
            sweep_id=stored.sweep_id,
            parent_run_id=stored.parent_run_id or "",
            index=job["index"],
            name=job["name"],
            varied=job["varied"],
            role=job["role"],
            conductor=stored.conductor,
        )


def setting_name(varied: Mapping[str, str]) -> str:
    """Return what varies but the seed, in short: keys by their last part, or whole where that is ambiguous."""
    keys = [key for key in varied if key != "seed"]
    lasts = [re.split("[./]", key)[-1] for key in keys]
    parts = [f"{last if lasts.count(last) == 1 else key}={varied[key]}" for key, last in zip(keys, lasts, strict=True)]
    return " ".join(parts) or "defaults"
