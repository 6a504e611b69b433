"""What a run leaves in its directory: a record of plain values (run.json) and a history (history.jsonl)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RECORD = "run.json"
HISTORY = "history.jsonl"
CUT_OFF = "ended without closing its record"
"""The error of a run whose process was killed."""


@dataclass
class RunRecord:
    """Everything about a run but its arrays; ``run.json`` in its directory.

    Attributes:
        status: RUNNING, FINISHED, FAILED or KILLED, as MLflow spells them.
        parameters: the flattened configuration, as text.
        tags: sweep, setting, seed, provenance.
        metrics: the final ones, with prefixes ``test/``, ``val/``, ``best/``, ``floor/``, ``skill/``, ``time/``.
        dataset: name, source, sizes and digests.
        notes: what the user was warned of.
        tracking_uri, artifact_root, experiment: where it is tracked.
        run_id, experiment_id: MLflow's; null until the run is there.
        logged: everything has reached the tracking store.
    """

    name: str
    status: str = "RUNNING"
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    error: str | None = None
    start_time: float = 0.0
    end_time: float | None = None
    tracking_uri: str | None = None
    artifact_root: str | None = None
    experiment: str = "locexp"
    run_id: str | None = None
    experiment_id: str | None = None
    logged: bool = False

    def write(self, directory: Path) -> None:
        """Write ``run.json``, all at once: a reader never sees half of it."""
        partial = directory / f"{RECORD}.partial"
        partial.write_text(json.dumps(asdict(self), indent=2, default=str) + "\n")
        partial.replace(directory / RECORD)

    @classmethod
    def read(cls, directory: Path) -> RunRecord:
        """Read ``run.json``; raises ``FileNotFoundError``, ``ValueError`` or ``TypeError`` where it is not one."""
        return cls(**json.loads((directory / RECORD).read_text()))


def append_history(directory: Path, row: dict[str, float]) -> None:
    """Append a row, ``epoch`` and ``timestamp`` (seconds since 1970) and metrics, to ``history.jsonl``."""
    with (directory / HISTORY).open("a") as file:
        file.write(json.dumps(row) + "\n")


def read_history(directory: Path) -> list[dict[str, float]]:
    """Return the rows of ``history.jsonl``, one an epoch; empty where there is none.

    A last line that is not whole is left out: it is being written, or its writer was killed.

    Raises:
        ValueError: another line is not whole.
    """
    path = directory / HISTORY
    lines = path.read_text().splitlines() if path.is_file() else []
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except ValueError:
            if number < len(lines):
                raise ValueError(f"{HISTORY}: line {number} cannot be read") from None
    return rows


def write_history(directory: Path, rows: Iterable[dict[str, float]]) -> None:
    """Write ``history.jsonl`` anew, all at once."""
    partial = directory / f"{HISTORY}.partial"
    partial.write_text("".join(json.dumps(row) + "\n" for row in rows))
    partial.replace(directory / HISTORY)


def finite(metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics that are finite numbers."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
