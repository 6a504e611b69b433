"""One run: train, evaluate, leave files, track."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from locexp.errors import RunFailedError, Terminated
from locexp.record import RunRecord, append_history
from locexp.run import report
from locexp.run.link import SweepLink
from locexp.run.prepare import Prepared, Problem, monitor
from locexp.run.provenance import flattened, provenance, run_name
from locexp.run.resume import ENDED_EARLY, identity, resume_command
from locexp.run.saving import MODEL, save, save_checked
from locexp.run.screen import Screen, final_table
from locexp.run.stopped import CONFIG
from locexp.tracking.location import Location, location_of, run_link, ui_command
from locexp.tracking.tracker import Tracker
from locexp.training.checkpoint import CHECKPOINT, write_checkpoint
from locexp.training.trainer import Observer, train

logger = logging.getLogger(__name__)


def execute(
    prepared: Prepared, directory: Path, overrides: Sequence[str], screen: Screen, link: SweepLink | None = None
) -> RunRecord:
    """Train what was prepared; its results lie in ``directory`` and in the tracking store.

    Args:
        prepared: by :func:`locexp.run.prepare.prepare`.
        directory: of this run alone; exists.
        overrides: the words of the command, which name the run.
        screen: where progress is shown.
        link: to the sweep that the run belongs to.

    Raises:
        RunFailedError: training diverged, or results did not reach the tracking store.
        KeyboardInterrupt, Terminated: after the run has been closed as KILLED.
    """
    cfg, problem = prepared.cfg, prepared.problem
    location = location_of(cfg.tracking)
    resumed = prepared.resumed
    if resumed is None:
        record = _open_record(cfg, problem, location, directory, overrides, link)
        config = directory / CONFIG
        config.parent.mkdir(exist_ok=True)
        config.write_text(OmegaConf.to_yaml(cfg, resolve=True))
    else:
        record = resumed.take_up(directory)
    began, spent = (time.time(), resumed.spent) if resumed else (record.start_time, 0.0)
    record.write(directory)
    _introduce(record, problem, screen)
    earlier = resumed.history if resumed else ()
    sampled = bool(cfg.tracking.system_metrics)
    tracker = Tracker(location, directory, record, system_metrics=sampled, earlier=earlier, must_open=link is None)
    model = None
    try:
        model = _train_and_report(prepared, directory, record, tracker, screen)
        record.status = "FINISHED"
    except (KeyboardInterrupt, Terminated):
        record.status, record.error = "KILLED", "interrupted"
        raise
    except BaseException as error:
        record.status, record.error = "FAILED", str(error).strip() or type(error).__name__
        expected = isinstance(error, RunFailedError)  # the command itself says it: the traceback is for the log alone
        traced = not expected or error.__cause__ is not None
        logger.log(logging.INFO if expected else logging.ERROR, "the run failed: %s", record.error, exc_info=traced)
        raise
    finally:
        if record.status != "FINISHED":
            model = _rescue(prepared, directory, record, screen)
        record.end_time = time.time()
        record.metrics["time/total_seconds"] = record.end_time - began + spent
        if record.error is not None:
            record.tags["error"] = record.error[:500]
        record.write(directory)
        if record.status == "FINISHED":
            (directory / CHECKPOINT).unlink(missing_ok=True)
        record.logged = tracker.finish(model, screen.line)
        record.write(directory)
        if not record.logged:
            screen.line(f"The results are not in {location.uri}. They are in {directory}; log them later with")
            screen.line(f"  python -m locexp.log {directory}")
        if (directory / CHECKPOINT).exists() and prepared.stack.members[0].failure is None:
            screen.line("Continue the run after its last whole epoch with")
            screen.line(f"  {resume_command(directory)}")
    if not record.logged:
        raise RunFailedError(f"not all results reached the tracking store {location.uri} ({tracker.reason})")
    _conclude(record, problem, directory, location, screen)
    return record


def _open_record(
    cfg: DictConfig,
    problem: Problem,
    location: Location,
    directory: Path,
    overrides: Sequence[str],
    link: SweepLink | None,
) -> RunRecord:
    dataset = problem.dataset
    sizes = {part: len(getattr(dataset, part)) for part in ("train", "validation", "test")}
    notes = list(dataset.notes)
    bare = _bare_record(cfg, location, directory, overrides, link)
    bare.tags |= {
        "data_name": dataset.name,
        "classes": str(dataset.num_classes),
        "data_source": dataset.source,
        "data_digest": dataset.digest,
        "scenes_digest": problem.scenes_digest,
        "constant_targets": str(problem.constant_targets).lower(),
        "validation_is_test": str(dataset.validation_is_test).lower(),
    }
    if problem.constant_targets:
        notes.append(
            "Every image has the same box, so localization is trivial here: a constant answer has mean IoU 1, and no "
            "weights can be compared. Use bbox=tight for boxes that differ."
        )
    if dataset.validation_is_test:
        notes.append("The test set is the validation set here, as data.validation=test asks: nothing is held out.")
    watched = monitor(cfg)
    if watched != cfg.trainer.monitor:
        notes.append(f"One task is trained alone, so {watched} picks the best epoch, not {cfg.trainer.monitor}.")
    if os.environ.get("MLFLOW_TRACKING_URI") and cfg.tracking.uri is None:
        notes.append(
            f"MLFLOW_TRACKING_URI is set but not read: results go to {location.uri}. "
            'Give tracking.uri="$MLFLOW_TRACKING_URI" to send them there.'
        )
    bare.notes = notes
    bare.dataset = {
        "name": dataset.name,
        "source": dataset.source,
        "sha256": dataset.digest,
        "scenes_sha256": problem.scenes_digest,
        "classes": dataset.num_classes,
        "canvas": f"{problem.canvas[0]}x{problem.canvas[1]}",
        **sizes,
    }
    return bare


def _bare_record(
    cfg: DictConfig, location: Location, directory: Path, overrides: Sequence[str], link: SweepLink | None
) -> RunRecord:
    """Return the record of a run of which nothing is known but its configuration."""
    tags = provenance(cfg, overrides) | {"kind": "run", "directory": str(directory.absolute())}
    return RunRecord(
        name=link.name if link is not None else run_name(cfg, overrides),
        parameters=flattened(cfg),
        tags=tags | (link.tags if link is not None else {}),
        start_time=time.time(),
        tracking_uri=location.uri,
        artifact_root=location.artifact_root,
        experiment=location.experiment,
    )


def record_failure(
    cfg: DictConfig, directory: Path, overrides: Sequence[str], link: SweepLink, error: Exception
) -> None:
    """Record and track a run of a sweep that failed before it could start, with its traceback in its log."""
    logger.error("the run failed before it started", exc_info=error)
    location = location_of(cfg.tracking)
    record = _bare_record(cfg, location, directory, overrides, link)
    record.status, record.end_time = "FAILED", time.time()
    record.error = str(error).strip() or type(error).__name__
    record.tags["error"] = record.error[:500]
    record.write(directory)
    record.logged = Tracker(location, directory, record, system_metrics=False).finish(None)
    record.write(directory)


def _introduce(record: RunRecord, problem: Problem, screen: Screen) -> None:
    data = record.dataset
    screen.line(f"locexp   {record.name}")
    validation = "the test set" if problem.dataset.validation_is_test else f"{data['validation']:,}"
    screen.line(
        f"data     {data['name']} ({data['source']}), {data['canvas']} pixels: {data['train']:,} to train, "
        f"{validation} to validate, {data['test']:,} to test"
    )
    for note in record.notes:
        screen.line(f"note     {note}")
        logger.info(note)


class _Progress(Observer):
    """Shows progress, appends to the history, writes the checkpoint and hands the epoch to the tracker."""

    def __init__(self, prepared: Prepared, directory: Path, tracker: Tracker, screen: Screen) -> None:
        self._epochs = prepared.schedule.epochs
        self._directory, self._tracker, self._screen = directory, tracker, screen
        self._member = prepared.stack.members[0]
        self._identity = identity(prepared.cfg) if prepared.cfg.trainer.checkpoint else None

    def on_steps(self, epoch: int, done: int, total: int, losses: dict[int, tuple[float, float]]) -> None:
        self._tracker.check()
        if 0 not in losses:
            return
        classification, box = losses[0]
        self._screen.progress(
            f"epoch {epoch}/{self._epochs}  step {done:,}/{total:,}  "
            f"classification loss {classification:.4f}  box loss {box:.5f}"
        )

    def on_epoch(self, member: int, epoch: int, metrics: dict[str, float]) -> None:
        row = {"epoch": epoch, "timestamp": time.time(), **metrics}
        append_history(self._directory, row)
        self._checkpoint()  # before the tracker: the store never holds an epoch that would be trained again
        self._tracker.epoch(row)
        self._screen.line(
            f"epoch {epoch}/{self._epochs}  {metrics['time/epoch_seconds']:6.1f} s  "
            f"{metrics['time/images_per_second']:7,.0f} images/s  |  validation: accuracy {metrics['val/accuracy']:.4f}"
            f"  mean IoU {metrics['val/mean_iou']:.4f}  loc_acc_50 {metrics['val/loc_acc_50']:.4f}"
        )

    def _checkpoint(self) -> None:
        if self._identity is None:
            return
        try:
            write_checkpoint(self._directory / CHECKPOINT, self._member, self._identity)
        except OSError as error:  # a full disk: the run can do without
            self._identity = None
            logger.warning("no more checkpoints are written (%s); the run goes on", error.strerror or error)


def _train_and_report(
    prepared: Prepared, directory: Path, record: RunRecord, tracker: Tracker, screen: Screen
) -> object:
    """Return the saved model as loaded again."""
    problem, member = prepared.problem, prepared.stack.members[0]
    train(
        prepared.stack,
        prepared.schedule,
        problem.arrays("validation"),
        [_Progress(prepared, directory, tracker, screen)],
    )
    if member.failure is not None:
        raise RunFailedError(member.failure)
    tracker.check()
    images, labels, boxes = problem.arrays("test")
    screen.progress("evaluating and drawing")
    test = prepared.stack.evaluate(0, images, labels, boxes, prepared.schedule.evaluation_batch_size)
    best = member.best_epoch
    assert best is not None
    kept = best if prepared.schedule.keep == "best" else len(member.history)
    record.metrics |= report.final_metrics(test, problem.floors, member.history, best, kept)
    model = save_checked(member.model, directory / MODEL, images)
    h5 = prepared.cfg.trainer.save_h5
    if h5 is not None:
        save_checked(member.model, directory / h5, images)
    report.write_tables(directory / "tables", test)
    floor = problem.validation_floor
    record.notes += report.write_pictures(directory / "pictures", images, test, member.history, best, floor)
    screen.line()
    for line in final_table(record):
        screen.line(line)
    screen.line(f"\nPredicted digit: {int(test.classes[0])}")
    return model


def _rescue(prepared: Prepared, directory: Path, record: RunRecord, screen: Screen) -> object | None:
    """Keep the best weights of a run that did not finish; returns the model, or ``None`` before the first epoch."""
    member = prepared.stack.members[0]
    if member.best_weights is None or (directory / MODEL).exists():
        return None
    member.model.set_weights(member.best_weights)
    record.metrics |= {"best/epoch": float(member.best_epoch or 0), "epochs": float(len(member.history))}
    note = f"{ENDED_EARLY}; {MODEL} holds the weights kept after {len(member.history)} whole epochs."
    record.notes.append(note)
    screen.line(f"note     {note}")
    return save(member.model, directory / MODEL)


def _conclude(record: RunRecord, problem: Problem, directory: Path, location: Location, screen: Screen) -> None:
    screen.line(f"Files    {directory}  (pictures/, tables/, {MODEL}, run.json)")
    base = location.uri if location.is_server else "http://127.0.0.1:5000"
    command = "" if location.is_server else f"{ui_command(location)}  then open "
    assert record.experiment_id is not None
    assert record.run_id is not None
    screen.line(f"MLflow   {command}{run_link(base, record.experiment_id, record.run_id)}")
