"""A sweep's list of jobs, and what ties a run to the sweep that it belongs to."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from locexp.records.format import FORMAT, MalformedError, build, check_types, parse_object
from locexp.system.files import write_whole

LIST = Path("sweep", "sweep.json")
"""The file in a sweep's folder, and on its parent run, that says which jobs it has."""
NAMES_OF_FORMAT_1 = {"words": "overrides", "told": "stage_results"}
JOB = {"index": int, "name": str, "config_hash": str, "seed": int, "varied": dict[str, str], "role": str}
"""What is read of a job in the list."""

CONTROL, FINAL, CONFIRMATION = "control", "final", "confirmation"
"""Roles of runs in a sweep; empty for those that the comparison chooses from. Controls are shown, but never chosen.
Final runs repeat what earlier stages have chosen; where a sweep has any, the comparison is among these alone.
Confirmation runs are final runs whose order in the list counts: the setting that was chosen, then what it is tested
against, one after the other."""
SETTING = "setting"
"""The tag of a run by which MLflow groups the runs of a setting, see :func:`group_name`."""
VARIED = "varied."
"""Begins the tags of a run that say what the sweep varies, a key each."""
REPLAY = "replay"
"""Among what varies, marks a run of fixed weights that are the mean weights of a method: which method."""
BUDGET = ("trainer.epochs", "trainer.batch_size", "data.limit", "trainer.early_stopping")
"""The keys of the training budget, in which runs that are compared must agree."""

LEAST_DIGITS, MOST_DIGITS = 3, 6
"""Significant digits of a number that people read, and of one in a file."""
NUMBER = re.compile(r"-?\d+\.\d+(e[-+]?\d+)?")


@dataclass(frozen=True)
class SweepLink:
    """What ties a run to its sweep.

    Attributes:
        name: what varies, and the seed.
        tags: by which MLflow nests the run, and flat filters find it.
    """

    name: str
    tags: dict[str, str]


@dataclass(frozen=True)
class SweepList:
    """The jobs of a sweep and the command that began it; ``sweep/sweep.json`` in its folder.

    Attributes:
        overrides: of the command.
        multirun: whether comma-separated values were a sweep.
        config_dir: the further folder of YAML files, absolute, or ``None``.
        jobs: of all stages that have begun, each with ``index``, ``stage``, ``name``, ``overrides``, ``seed``,
            ``config_hash``, ``varied`` (what the sweep varies, key by key) and ``role``.
        stage_results: for each stage but the first, the results that it followed from, by the index of the job.
        sweep_id: of the sweep.
        parent_run_id: MLflow's id of the run that holds the sweep; null until the run is there.
        conductor: the process that runs the sweep, see :func:`locexp.system.process.process_tags`.
        config_name: of the primary configuration.
        stages: for each stage ``until``, the jobs that it begins or continues by their index, with the epochs after
            which they pause (null: at the end of their budget), and ``not_pursued``, those that it gives up, with when
            and why. Sweeps of locexp 0.2 have none: all their jobs train to the end.
    """

    overrides: list[str]
    multirun: bool
    config_dir: str | None
    jobs: list[dict[str, Any]]
    stage_results: list[dict[str, dict[str, float] | None]] = field(default_factory=list)
    sweep_id: str = ""
    parent_run_id: str | None = None
    conductor: dict[str, str] = field(default_factory=dict)
    config_name: str = "config"
    stages: list[dict[str, dict[str, Any]]] = field(default_factory=list)

    def write(self, directory: Path) -> None:
        """Write the list into the sweep's folder, all at once."""
        write_whole(directory / LIST, json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n")

    @classmethod
    def read(cls, directory: Path) -> SweepList:
        """Read the list in the folder of a sweep; raises OSError, and what :func:`parse_object` raises."""
        path = directory / LIST
        return cls.parse(path.read_bytes(), path)

    @classmethod
    def parse(cls, content: bytes, source: object) -> SweepList:
        """Return the list from the content of its file; for arguments and errors see :func:`parse_object`."""
        stored = parse_object(content, source)
        found = build(cls, {NAMES_OF_FORMAT_1.get(name, name): value for name, value in stored.items()}, source)
        for number, job in enumerate(found.jobs):
            check_types(job, JOB, JOB, f"{source}, job {number}")
        return found

    def until(self, index: int) -> int | None:
        """Return the epochs after which a job pauses by now; ``None`` for the end of its budget."""
        asked = [stage["until"][str(index)] for stage in self.stages if str(index) in stage.get("until", {})]
        return asked[-1] if asked else None

    def link(self, index: int) -> SweepLink:
        """Return what ties the run of a job to the sweep.

        Raises:
            MalformedError: the list has no such job.
        """
        if index >= len(self.jobs):
            raise MalformedError(f"{LIST}: cannot be read: it lacks job {index}.")
        job = self.jobs[index]
        tags = {
            "mlflow.parentRunId": self.parent_run_id or "",
            "sweep_id": self.sweep_id,
            "sweep_job": str(index),
            "varied": ",".join(job["varied"]),
            "role": job["role"],
            SETTING: group_name(job["varied"], job["role"]),
        }
        return SweepLink(job["name"], tags | {f"{VARIED}{key}": value for key, value in job["varied"].items()})


def varied_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Return what a sweep varies but the seed, and what a run of it has for each, from the run's tags."""
    names = {name.removeprefix(VARIED): value for name, value in tags.items() if name.startswith(VARIED)}
    return {key: value for key, value in names.items() if key != "seed"}


def short_names(settings: Sequence[Mapping[str, str]], typed: Collection[str]) -> list[str]:
    """Return the names of settings for people: their numbers with as few digits as tell the settings apart.

    These are three significant digits at least; whole numbers stay as they are, so do all values of keys that the user
    gave. Files have the names of :func:`setting_name`.

    Args:
        settings: what varies in each, key by key.
        typed: keys of the command.
    """
    whole = [setting_name(varied) for varied in settings]
    for digits in range(LEAST_DIGITS, MOST_DIGITS):
        short = [
            setting_name({key: value if key in typed else _rounded(value, digits) for key, value in varied.items()})
            for varied in settings
        ]
        if len(set(short)) == len(set(whole)):
            return short
    return whole


def _rounded(value: str, digits: int) -> str:
    if not NUMBER.fullmatch(value):
        return value
    return min(value, f"{float(f'{float(value):.{digits}g}'):g}", key=len)


def setting_name(varied: Mapping[str, str]) -> str:
    """Return what varies but the seed, in short: keys by their last part, or whole where that is ambiguous."""
    keys = [key for key in varied if key != "seed"]
    lasts = [re.split("[./]", key)[-1] for key in keys]
    parts = [f"{last if lasts.count(last) == 1 else key}={varied[key]}" for key, last in zip(keys, lasts, strict=True)]
    return " ".join(parts) or "defaults"


def group_name(varied: Mapping[str, str], role: str) -> str:
    """Return what the runs of a setting share: its name, and their role, which tells final runs from earlier ones."""
    return f"{setting_name(varied)} ({role})" if role else setting_name(varied)
