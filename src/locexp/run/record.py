"""The record of a run as it opens, or as it fails before it could."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from omegaconf import DictConfig

from locexp.configuration.hydra_internals import HydraConfig
from locexp.data.leaks import summary
from locexp.data.suspicions import MIDDLE_GREY, ground
from locexp.plots.pictures import Amount
from locexp.records.problems import note_on_problems
from locexp.records.provenance import flattened, provenance, run_name
from locexp.records.record import PAUSED, RunRecord
from locexp.records.sweep_list import SweepLink
from locexp.run.folder import chosen_files
from locexp.run.prepare import monitor
from locexp.run.training_data import TrainingData
from locexp.system.commands import command
from locexp.tracking.environment import unread_variables
from locexp.tracking.limits import notes_on_limits
from locexp.tracking.location import location_of, unused_root
from locexp.tracking.tracker import Tracker

logger = logging.getLogger(__name__)


def open_record(
    cfg: DictConfig, data: TrainingData, directory: Path, overrides: Sequence[str], link: SweepLink | None
) -> RunRecord:
    """Return the record of a run that is about to train."""
    dataset, canvas = data.dataset, data.canvas
    record = _bare_record(cfg, directory, overrides, link)
    record.tags |= {
        "data_name": dataset.name,
        "classes": str(dataset.num_classes),
        "data_source": dataset.source,
        "data_digest": dataset.digest,
        "scenes_digest": data.scenes_digest,
        "constant_targets": str(data.constant_targets).lower(),
        "validation_is_test": str(dataset.validation_is_test).lower(),
    }
    if dataset.leaks:
        record.tags["leaks"] = summary(dataset.leaks)
    record.dataset = {
        "name": dataset.name,
        "source": dataset.source,
        "sha256": dataset.digest,
        "scenes_sha256": data.scenes_digest,
        "classes": dataset.num_classes,
        "class_names": list(dataset.class_names),
        "canvas": f"{canvas[0]}x{canvas[1]}",
        "channels": data.channels,
        "resize": dataset.resize,
        "ground": "light" if ground(data.scenes["train"].images) >= MIDDLE_GREY else "dark",
        **{part: len(getattr(dataset, part)) for part in ("train", "validation", "test")},
    }
    notes = record.notes
    notes += [*data.notes, *note_on_problems(dataset.problems)]
    if dataset.validation_is_test:
        notes.append("The test set is the validation set here, as data.validation=test asks: nothing is held out.")
    watched = monitor(cfg)
    if watched != cfg.trainer.monitor:
        notes.append(f"One task is trained alone, so {watched} picks the best epoch, not {cfg.trainer.monitor}.")
    if amount_of_pictures(cfg, record) != "all":
        notes.append(f"Not all pictures are drawn (trainer.pictures); later: {command('draw')} RUN")
    notes += notes_on_limits(record)
    if link is None:  # a sweep says it once
        location = location_of(cfg.tracking)
        notes += unread_variables(location, cfg.tracking.uri) + unused_root(location, cfg.tracking.artifact_root)
    return record


def amount_of_pictures(cfg: DictConfig, record: RunRecord) -> Amount:
    """Return how many pictures of its results a run draws."""
    if cfg.trainer.pictures == "auto":
        return "few" if "sweep_id" in record.tags else "all"
    return cast(Amount, cfg.trainer.pictures)


def _bare_record(cfg: DictConfig, directory: Path, overrides: Sequence[str], link: SweepLink | None) -> RunRecord:
    """Return the record of a run about which only its configuration is known."""
    location = location_of(cfg.tracking)
    tags = provenance(cfg, overrides) | {"kind": "run", "directory": str(directory.absolute())}
    return RunRecord(
        name=link.name if link is not None else run_name(cfg, overrides),
        parameters=flattened(cfg),
        files=chosen_files(HydraConfig.get()),
        tags=tags | (link.tags if link is not None else {}),
        start_time=time.time(),
        tracking_uri=location.uri,
        artifact_root=location.artifact_root,
        experiment=location.experiment,
    )


def record_failure(
    cfg: DictConfig,
    directory: Path,
    overrides: Sequence[str],
    link: SweepLink,
    error: Exception,
    earlier: RunRecord | None = None,
) -> None:
    """Record and track a run of a sweep that failed before it could start, with its traceback in its log.

    Args:
        cfg, directory, overrides, link: of the run.
        error: what it failed with.
        earlier: the record of a run that was to go on.
    """
    logger.info("the run failed before it started", exc_info=error)
    record = earlier or _bare_record(cfg, directory, overrides, link)
    record.status, record.end_time, record.logged = "FAILED", time.time(), False
    record.tags.pop(PAUSED, None)
    record.error = str(error).strip() or type(error).__name__
    record.tags["error"] = record.error[:500]
    record.write(directory)
    tracker = Tracker(location_of(cfg.tracking), directory, record)
    tracker.start(sampling_seconds=None)
    record.logged = tracker.finish(None)
    record.write(directory)
