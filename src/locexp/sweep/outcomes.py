"""How the jobs of a sweep ended, as their folders show: the one account for the plan, the screen and the counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from locexp.records.format import MalformedError, NewerFormatError
from locexp.records.record import CUT_OFF, RunRecord
from locexp.system.process import is_alive


@dataclass(frozen=True)
class Outcome:
    """How a job ended, in this command or before; a job that was not started has none.

    Attributes:
        record: of its finished run, or ``None``.
        place: the folder of the attempt, in this command, that did not finish; or ``None``.
        reason: why that failed; ``None`` where it was stopped with the sweep.
    """

    record: RunRecord | None = None
    place: Path | None = None
    reason: str | None = None

    @property
    def results(self) -> dict[str, float] | None:
        """What a plan may see: the validation metrics of the kept epoch by their bare names, and the run's mean
        effective weights, ``mean_weights/…``; ``None`` where the run did not finish.
        """
        if self.record is None:
            return None
        metrics = self.record.metrics
        kept = {name.removeprefix("kept/"): value for name, value in metrics.items() if name.startswith("kept/")}
        return kept | {name: value for name, value in metrics.items() if name.startswith("mean_weights/")}


def outcome_of(place: Path, *, stopped: bool) -> Outcome | None:
    """Return how a job that was launched into a folder ended; ``None`` where it was not started.

    Args:
        place: the folder.
        stopped: the whole sweep was, so that a job which ended with it did not fail.
    """
    record = read_record(place)
    if record is None:
        reason = None if stopped else "ended before it left a record"
        return Outcome(place=place, reason=reason) if _has_begun(place) else None
    if record.status == "FINISHED":
        return Outcome(record)
    reason = f"{record.status}: {record.error or 'the record could not be written'}"
    is_elsewhere = record.status == "RUNNING" and is_alive(record.tags) is None
    if is_elsewhere:
        host = record.tags.get("host", "another machine")
        reason = f"may still run on {host}; once it has ended, resume with sweep.presume_dead=true"
    return Outcome(place=place, reason=None if stopped and (is_elsewhere or record.status == "KILLED") else reason)


def was_cut_off(place: Path) -> bool:
    """Whether the run of a folder began, and its process ended before it could say how."""
    record = read_record(place)
    return _has_begun(place) if record is None else (record.status, record.error) == ("KILLED", CUT_OFF)


def read_record(directory: Path) -> RunRecord | None:
    """Return the record of a run's folder; ``None`` where there is none yet, or none that can be read.

    One that a newer locexp wrote is that of a run which failed: this one cannot tell what became of it, nor log it.
    """
    try:
        return RunRecord.read(directory)
    except (FileNotFoundError, NotADirectoryError, MalformedError):
        return None
    except NewerFormatError as error:
        return RunRecord(name=directory.name, status="FAILED", error=str(error), logged=True)


def _has_begun(place: Path) -> bool:
    """Whether a job that has left no record has come as far as its log."""
    log = place / "train.log"
    return log.is_file() and log.stat().st_size > 0
