"""A run that goes on: rebuilt from its folder and its checkpoint as it was after its last whole epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from locexp.configuration.schema import config_hash
from locexp.errors import UserError, listed
from locexp.records.files import CHECKPOINT
from locexp.records.history import HISTORY, read_history, write_history
from locexp.records.provenance import VERSIONS, provenance
from locexp.records.record import PAUSED, RunRecord
from locexp.run.prepare import Prepared, prepare
from locexp.run.training_data import TrainingData, load_training_data
from locexp.tracking.location import location_of

if TYPE_CHECKING:
    from locexp.training.checkpoint import Checkpoint

ENDED_EARLY = "The run ended early"
"""How the note of a run that was stopped starts; it is removed when the run goes on."""


@dataclass(frozen=True)
class Resumed:
    """A run that goes on: found, checked and restored, with nothing changed on disk yet.

    Attributes:
        directory: its folder.
        record: as it is from now on.
        history: its whole epochs, up to the checkpoint's.
        spent: seconds that the run has taken before.
    """

    directory: Path
    record: RunRecord
    history: list[dict[str, float]]
    spent: float


def training_id(cfg: DictConfig) -> str:
    """Return what identifies a checkpoint: the setting and the seed."""
    return f"{config_hash(cfg)} seed={cfg.seed}"


def rebuild(
    cfg: DictConfig, directory: Path, record: RunRecord, checkpoint: Checkpoint | None, *, stacked: bool = False
) -> tuple[Prepared, Resumed]:
    """Rebuild and restore a run that was stopped; nothing is written.

    Args:
        cfg: of the run; its ``tracking`` part says where the run is tracked from now on.
        directory: of the run.
        record: as the run left it.
        checkpoint: the run's; ``None`` where it was stopped before it had one, and begins again as the same run.
        stacked: see :func:`locexp.run.prepare.prepare`.

    Raises:
        UserError: its history, its data or its checkpoint are not those that it was started with.
    """
    from locexp.training.checkpoint import restore

    rows, lost = _whole_epochs(directory, checkpoint) if checkpoint is not None else ([], [])
    check_data(record, load_training_data(cfg))
    prepared = prepare(cfg, stacked=stacked)
    if checkpoint is not None:
        bare = [{name: value for name, value in row.items() if name != "timestamp"} for row in rows]
        restore(prepared.member, checkpoint, training_id(cfg), bare)
    resumed = Resumed(
        directory=directory,
        record=_renewed(record, cfg, directory, _notes(record, cfg, checkpoint, lost)),
        history=rows,
        spent=max(
            record.metrics.get("time/total_seconds", 0.0),
            sum(row["time/epoch_seconds"] + row["time/evaluation_seconds"] for row in rows),
        ),
    )
    return prepared, resumed


def begin_again(cfg: DictConfig, directory: Path, record: RunRecord | None) -> Prepared:
    """Prepare a run anew that could not be trained beside others, and forget what it has trained since it began.

    Args:
        cfg: of the run.
        directory: of the run.
        record: of a run that is continued, which goes back to its checkpoint; ``None`` for one from its start.
    """
    from locexp.training.checkpoint import read_checkpoint

    if record is None or not (directory / CHECKPOINT).exists():
        write_history(directory, [])
        (directory / CHECKPOINT).unlink(missing_ok=True)
        return prepare(cfg, stacked=True)
    prepared, resumed = rebuild(cfg, directory, record, read_checkpoint(directory / CHECKPOINT), stacked=True)
    write_history(directory, resumed.history)
    return prepared


def check_data(record: RunRecord, data: TrainingData) -> None:
    """Check that data are those that a run was started with; raises :class:`UserError`."""
    dataset = data.dataset
    now = {"sha256": dataset.digest, "scenes_sha256": data.scenes_digest, "class_names": list(dataset.class_names)}
    then = {"class_names": now["class_names"]} | record.dataset  # 0.1 did not record them
    if differ := [key for key in now if then.get(key) != now[key]]:
        what = {"sha256": "images", "scenes_sha256": "boxes", "class_names": "names of classes"}[differ[0]]
        raise UserError(
            f"data: the {what} are not those that the run was started with: {then.get('name')} ({then.get('source')}), "
            f"{then.get('train')} to train, {then.get('test')} to test, then; {dataset.name} ({dataset.source}), "
            f"{len(dataset.train)} to train, {len(dataset.test)} to test, now."
        )


def _notes(record: RunRecord, cfg: DictConfig, checkpoint: Checkpoint | None, lost: list[str]) -> list[str]:
    """Return the notes of the run as it goes on; that it does is worth one unless it paused to do so."""
    notes = [note for note in record.notes if not note.startswith(ENDED_EARLY)]
    if checkpoint is None:
        notes.append("Begun again: it was stopped before its first whole epoch.")
    elif PAUSED not in record.tags:
        notes.append(f"Continued after epoch {checkpoint.epoch}.")
    notes += lost
    if cfg.trainer.callbacks and checkpoint is not None:
        names = listed(cfg.trainer.callbacks)
        notes.append(f"The callbacks ({names}) start anew: their own state is not in the checkpoint.")
    if checkpoint is not None and checkpoint.stopped and checkpoint.epoch < cfg.trainer.epochs:
        notes.append(f"Training had ended early at epoch {checkpoint.epoch}; only its results were missing.")
    now = provenance(cfg, ())
    for name in VERSIONS:
        then = record.tags.get(name)
        if then != now.get(name):
            notes.append(f"Begun with {name} {then}, continued with {now.get(name)}: numbers may differ.")
    if record.status == "RUNNING" and record.tags.get("host") != now["host"]:
        notes.append(f"The run was on {record.tags.get('host')}; whether it still runs there could not be checked.")
    return notes


def _renewed(record: RunRecord, cfg: DictConfig, directory: Path, notes: list[str]) -> RunRecord:
    """Return the record of the run as it goes on."""
    location = location_of(cfg.tracking)
    tags = record.tags | provenance(cfg, ())
    tags |= {"overrides": record.tags.get("overrides", ""), "directory": str(directory.absolute())}
    tags["resumed"] = str(int(tags.get("resumed", 0)) + 1)
    for name in ("error", PAUSED):
        tags.pop(name, None)
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


def _whole_epochs(directory: Path, checkpoint: Checkpoint) -> tuple[list[dict[str, float]], list[str]]:
    """Return the rows up to the checkpoint, and in words what was left out.

    Raises:
        UserError: they are not those of a run.
    """
    path = directory / HISTORY
    try:
        rows = read_history(directory)
        epochs = [int(row["epoch"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise UserError(f"{path}: is not the history of a run ({error}).") from None
    kept = checkpoint.epoch
    if epochs != list(range(1, len(rows) + 1)) or len(rows) < kept:
        raise UserError(f"{path}: holds epochs {listed(epochs) or 'none'}; expected all from 1 to {kept} at least.")
    lost = [f"{HISTORY} goes beyond the checkpoint: what follows epoch {kept} is trained again."]
    return rows[:kept], lost if len(rows) > kept else []
