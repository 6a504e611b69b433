"""A run as it is kept: ``run.json`` in its directory, and the same from a tracking store."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from locexp.records.format import FORMAT, MalformedError, build, parse_object
from locexp.system.files import write_whole

RECORD = "run.json"
CUT_OFF = "ended without closing its record"
"""The error of a run whose process was killed."""
PAUSED = "paused"
"""The tag of a run that was stopped after some epochs to be continued: how many. Its status is KILLED."""
NOT_PURSUED = "not_pursued"
"""The tag of a run that its sweep has given up: when and why. It keeps its status, PAUSED as a rule."""


@dataclass
class RunRecord:
    """Everything about a run but its arrays. A sweep's parent is a run, too, with the tag ``kind`` = ``sweep``.

    Attributes:
        status: RUNNING, FINISHED, FAILED or KILLED, as MLflow spells them.
        parameters: the flattened configuration, as text.
        tags: sweep, setting, seed, provenance; ``directory`` is where the run wrote its files.
        metrics: the final ones, with prefixes ``test/``, ``val/``, ``best/``, ``floor/``, ``skill/``, ``time/``.
        dataset: name, source, sizes, digests, class names and what images are like; empty where the record comes from a
            tracking store.
        notes: what the user was warned of.
        start_time, end_time: in seconds since 1970.
        tracking_uri, artifact_root, experiment: where it is tracked.
        files: of the run, relative to its folder, by names that the user chose: its log, its configuration.
        run_id, experiment_id: MLflow's; null until the run is there.
        logged: everything has reached the tracking store.
        directory: where the run's files are now, which may have been moved or copied; ``None`` where the record was
            not read from them. Not part of ``run.json``.
    """

    name: str
    status: str = "RUNNING"
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    error: str | None = None
    start_time: float = 0.0
    end_time: float | None = None
    tracking_uri: str | None = None
    artifact_root: str | None = None
    experiment: str = "locexp"
    run_id: str | None = None
    experiment_id: str | None = None
    logged: bool = False
    directory: Path | None = field(default=None, compare=False)

    @property
    def is_sweep(self) -> bool:
        """Whether it is the parent of a sweep's runs."""
        return self.tags.get("kind") == "sweep"

    @property
    def paused_after(self) -> int | None:
        """After how many epochs the run paused, where it did so as it was asked to, and has not gone on."""
        paused = self.tags.get(PAUSED, "")
        return int(paused) if self.status == "KILLED" and paused.isdecimal() else None

    def write(self, directory: Path) -> None:
        """Write ``run.json``, all at once.

        Raises:
            OSError: it cannot be written. One that is there does not stay RUNNING if this one is not.
        """
        values = asdict(self)
        del values["directory"]
        try:
            write_whole(directory / RECORD, json.dumps({"format": FORMAT, **values}, indent=2, default=str) + "\n")
        except OSError:
            if self.status != "RUNNING":
                _end_in_place(directory / RECORD, "KILLED" if self.status == "KILLED" else "FAILED")
            raise

    @classmethod
    def read(cls, directory: Path) -> RunRecord:
        """Read ``run.json``.

        Raises:
            FileNotFoundError, NotADirectoryError: there is none.
            MalformedError: it cannot be read as the record of a run.
            NewerFormatError: a newer locexp wrote it.
        """
        path = directory / RECORD
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError as error:
            raise MalformedError(f"{path}: cannot be read ({error.strerror or error}).") from None
        record = cls.parse(content, path)
        record.directory = directory
        return record

    @classmethod
    def parse(cls, content: bytes, source: object) -> RunRecord:
        """Return the record in the content of its file; for arguments and errors see :func:`parse_object`."""
        return build(cls, parse_object(content, source) | {"directory": None}, source)


def _end_in_place(path: Path, status: str) -> None:
    """Give a record that is there another status, in as many bytes: a full disk has room for no more."""
    running, ended = b'"status": "RUNNING"', f'"status": "{status}"'.encode()
    with contextlib.suppress(OSError), path.open("r+b") as file:
        start = file.read().find(running)
        if start >= 0:
            file.seek(start)
            file.write(ended.ljust(len(running)))


def milliseconds(seconds: float) -> int:
    """Return a time as MLflow keeps it."""
    return int(seconds * 1000)


def finite_metrics(metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics that are finite numbers: a tracking store keeps no others."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
