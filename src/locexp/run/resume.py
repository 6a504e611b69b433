"""``trainer.resume``: a run that was stopped goes on after its last whole epoch, in its own folder and MLflow run.

Everything is checked before anything is changed. What comes out equals the run that was never stopped.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from locexp.configuration.compose import composing
from locexp.configuration.schema import config_hash
from locexp.errors import UserError, listed
from locexp.records.history import write_history
from locexp.records.provenance import VERSIONS, provenance
from locexp.records.record import RunRecord
from locexp.run.saving import MODEL
from locexp.run.stopped import KEY, configuration, find, stopped, whole_epochs
from locexp.system.folders import check_writable
from locexp.tracking.location import check, location_of

if TYPE_CHECKING:
    from locexp.run.prepare import Prepared
    from locexp.run.problem import Problem
    from locexp.training.checkpoint import Checkpoint

ENDED_EARLY = "The run ended early"
"""How the note starts that a run is left with when it is stopped; it goes when the run goes on."""

Row = dict[str, float]


@dataclass(frozen=True)
class Resumed:
    """A run that goes on: found, checked and restored, with nothing changed on disk yet.

    Attributes:
        record: as it is from now on.
        history: its whole epochs, up to the checkpoint's.
        spent: seconds that the run has taken before.
    """

    record: RunRecord
    history: list[Row]
    spent: float

    def take_up(self, directory: Path) -> RunRecord:
        """Bring the files of the run to the state that training goes on from; returns its record."""
        write_history(directory, self.history)
        (directory / MODEL).unlink(missing_ok=True)  # of the end that was not the last
        return self.record


def resumed_run(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return which run a command continues, and its other words; ``None`` where it continues none.

    Raises:
        UserError: what stands beside ``trainer.resume`` would make it another run.
    """
    named = [word for word in words if _key(word) == KEY]
    if not named or _value(named[-1]) in ("", "null"):
        return None
    beside = [word for word in words if word not in named]
    if len(named) > 1:
        raise UserError(f"{KEY}: given {len(named)} times; a command continues one run.")
    for word in beside:
        key = _key(word)
        if key == "hydra.run.dir":
            raise UserError(f"{word}: cannot stand beside {KEY}: the run goes on in its own folder.")
        if re.split("[./]", key)[0] not in ("tracking", "hydra"):
            raise UserError(
                f"{word}: cannot stand beside {KEY}, which continues a run with its own configuration; allowed beside "
                "it: tracking.*, hydra.*."
            )
    return _value(named[0]), beside


def identity(cfg: DictConfig) -> str:
    """Return what a checkpoint is known by: the setting and the seed."""
    return f"{config_hash(cfg)} seed={cfg.seed}"


def resume_command(directory: Path) -> str:
    """Return the command that continues a run."""
    place = directory.absolute()
    here = Path.cwd()
    word = f"{KEY}={place.relative_to(here) if place.is_relative_to(here) else place}"
    return f"python -m locexp.train {shlex.quote(word)}"


def resume(given: str, beside: Sequence[str]) -> tuple[Prepared, list[str]]:
    """Find, check, rebuild and restore the run that a command continues; nothing is written.

    Args:
        given: the run's folder, or its MLflow id.
        beside: the other words of the command, see :func:`resumed_run`.

    Returns:
        What to train, and the overrides with which Hydra runs it in the run's own folder.

    Raises:
        UserError: the run cannot be continued, or not as it was; one line says why.
    """
    with composing() as composer:
        wanted = composer.compose(beside).cfg
    directory = find(given, wanted)
    record = stopped(directory)
    cfg = configuration(directory, record)
    _set_tracking(cfg, record, wanted, beside)

    from locexp.training.checkpoint import CHECKPOINT, read_checkpoint, restore

    checkpoint = read_checkpoint(directory / CHECKPOINT)
    rows, lost = whole_epochs(directory, checkpoint)
    check_writable(directory, KEY)
    check(location_of(cfg.tracking))

    from locexp.run.prepare import prepare
    from locexp.run.problem import load_problem

    _check_data(record, load_problem(cfg))
    prepared = prepare(cfg)
    bare = [{name: value for name, value in row.items() if name != "timestamp"} for row in rows]
    restore(prepared.member, checkpoint, identity(cfg), bare)
    resumed = Resumed(
        record=_renewed(record, cfg, directory, _notes(record, cfg, checkpoint, lost)),
        history=rows,
        spent=max(
            record.metrics.get("time/total_seconds", 0.0),
            sum(row["time/epoch_seconds"] + row["time/evaluation_seconds"] for row in rows),
        ),
    )
    quoted = str(directory.absolute()).replace("'", "\\'")
    return replace(prepared, resumed=resumed), [*beside, f"hydra.run.dir='{quoted}'", "hydra.output_subdir=null"]


def _key(word: str) -> str:
    return word.lstrip("+").partition("=")[0]


def _value(word: str) -> str:
    """Return what is given, as it stands: an id of digits must not be read as a number."""
    value = word.partition("=")[2].strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _set_tracking(cfg: DictConfig, record: RunRecord, wanted: DictConfig, beside: Sequence[str]) -> None:
    """Track where the run is tracked (its own keys may be relative to another directory), or where it is asked for."""
    keys = [_key(word).removeprefix("tracking.") for word in beside if _key(word).split(".")[0] == "tracking"]
    names = [str(name) for name in wanted.tracking] if "tracking" in keys else keys
    if "uri" not in names:
        cfg.tracking.uri, cfg.tracking.artifact_root = record.tracking_uri, record.artifact_root
    else:
        cfg.tracking.artifact_root = None
    cfg.tracking.experiment = record.experiment
    for name in names:
        cfg.tracking[name] = wanted.tracking[name]


def _check_data(record: RunRecord, problem: Problem) -> None:
    then, dataset = record.dataset, problem.dataset
    now = {"sha256": dataset.digest, "scenes_sha256": problem.scenes_digest}
    if any(then.get(name) != value for name, value in now.items()):
        what = "images" if then.get("sha256") != dataset.digest else "boxes"
        raise UserError(
            f"data: the {what} are not those that the run was started with: {then.get('name')} ({then.get('source')}), "
            f"{then.get('train')} to train, {then.get('test')} to test, then; {dataset.name} ({dataset.source}), "
            f"{len(dataset.train)} to train, {len(dataset.test)} to test, now."
        )


def _notes(record: RunRecord, cfg: DictConfig, checkpoint: Checkpoint, lost: list[str]) -> list[str]:
    """Return the notes of the run as it goes on."""
    notes = [note for note in record.notes if not note.startswith(ENDED_EARLY)]
    notes += [f"Continued after epoch {checkpoint.epoch}.", *lost]
    if cfg.trainer.callbacks:
        names = listed(cfg.trainer.callbacks)
        notes.append(f"The callbacks ({names}) start anew: what they remembered themselves is not in the checkpoint.")
    if checkpoint.stopped and checkpoint.epoch < cfg.trainer.epochs:
        notes.append(f"Training had ended early at epoch {checkpoint.epoch}; only its results were missing.")
    now = provenance(cfg, ())
    for name in VERSIONS:
        then = record.tags.get(name)
        if then != now.get(name):
            notes.append(f"Begun with {name} {then}, continued with {now.get(name)}: numbers may differ.")
    if record.status == "RUNNING" and record.tags.get("host") != now["host"]:
        notes.append(f"The run was on {record.tags.get('host')}, where it could not be seen whether it still goes on.")
    return notes


def _renewed(record: RunRecord, cfg: DictConfig, directory: Path, notes: list[str]) -> RunRecord:
    """Return the record of the run as it goes on."""
    location = location_of(cfg.tracking)
    tags = record.tags | provenance(cfg, ())
    tags |= {"overrides": record.tags.get("overrides", ""), "directory": str(directory.absolute())}
    tags["resumed"] = str(int(tags.get("resumed", 0)) + 1)
    tags.pop("error", None)
    same_store = (record.tracking_uri, record.experiment) == (location.uri, location.experiment)
    return replace(
        record,
        status="RUNNING",
        tags=tags,
        metrics={},
        notes=notes,
        error=None,
        end_time=None,
        tracking_uri=location.uri,
        artifact_root=location.artifact_root,
        experiment=location.experiment,
        run_id=record.run_id if same_store else None,
        experiment_id=record.experiment_id if same_store else None,
        logged=False,
    )
